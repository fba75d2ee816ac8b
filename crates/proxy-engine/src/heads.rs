//! Heads of messages whose memory the next message takes over.
//!
//! In: a head that has served. Out: an empty one. Holds: no more are kept than [`MOST`], and none that a large message has
//! grown.
//! Why: a head takes several allocations, and a connection at rest should have none.

use std::cell::RefCell;

use proxy_http::{RequestHead, ResponseHead};

const MOST: usize = 32;
const LARGEST: usize = 4 * 1024;

/// What can be used again.
pub(crate) trait Head: Default {
    /// Bytes that it keeps, also when it is empty.
    fn memory(&self) -> usize;
    /// Forgets everything and keeps the memory.
    fn clear(&mut self);
}

impl Head for RequestHead {
    fn memory(&self) -> usize {
        self.memory()
    }

    fn clear(&mut self) {
        self.clear();
    }
}

impl Head for ResponseHead {
    fn memory(&self) -> usize {
        self.memory()
    }

    fn clear(&mut self) {
        self.clear();
    }
}

/// Heads of one worker; in boxes, since a connection has room for a pointer, not for a head.
#[derive(Debug)]
pub(crate) struct Heads<T>(RefCell<Vec<Box<T>>>);

impl<T> Default for Heads<T> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

impl<T: Head> Heads<T> {
    /// An empty head, to be given back.
    pub(crate) fn take(&self) -> Box<T> {
        self.0.borrow_mut().pop().unwrap_or_default()
    }

    /// It is needed no more.
    pub(crate) fn give_back(&self, mut head: Box<T>) {
        let mut all = self.0.borrow_mut();
        if all.len() < MOST && head.memory() <= LARGEST {
            head.clear();
            all.push(head);
        }
    }
}
