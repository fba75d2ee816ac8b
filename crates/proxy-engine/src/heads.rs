//! Heads of requests whose memory the next request takes over.
//!
//! In: a head that has served. Out: an empty one. Holds: no more are kept than [`MOST`], and none that a large request has
//! grown.
//! Why: a head takes several allocations, and a connection at rest should have none.

use std::cell::RefCell;

use proxy_http::RequestHead;

const MOST: usize = 32;
const LARGEST: usize = 4 * 1024;

/// Heads of one worker.
#[derive(Debug, Default)]
#[expect(clippy::vec_box, reason = "a connection has room for a pointer, not for a head")]
pub(crate) struct Heads(RefCell<Vec<Box<RequestHead>>>);

impl Heads {
    /// An empty head, to be given back.
    pub(crate) fn take(&self) -> Box<RequestHead> {
        self.0.borrow_mut().pop().unwrap_or_default()
    }

    /// It is needed no more.
    pub(crate) fn give_back(&self, mut head: Box<RequestHead>) {
        let mut all = self.0.borrow_mut();
        if all.len() < MOST && head.memory() <= LARGEST {
            head.clear();
            all.push(head);
        }
    }
}
