//! How long a request may take to arrive, and how long it may be silent.
//!
//! In: limits of the connection manager and the route, and how much has moved. Out: that it is over, and why.
//! Holds: whatever moves either way starts the silence anew; a request that has arrived can no longer arrive too late.
//! Never: the route's own timeout, which bounds the answer.
//! Why timers are made late: most requests are done before they would be looked at twice.

use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// Why there is no more patience.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// Nothing moved for too long.
    Silent,
    /// The request did not arrive in time.
    Late,
}

/// Patience with one request.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    silence: Option<Duration>,
    arrival: Option<Duration>,
    silent: Option<Pin<Box<Sleep>>>,
    late: Option<Pin<Box<Sleep>>>,
    moved: u64,
}

impl Patience {
    /// With these limits; `None` is none, and so is zero.
    pub(crate) fn new(silence: Option<Duration>, arrival: Option<Duration>) -> Self {
        let some = |limit: Option<Duration>| limit.filter(|limit| !limit.is_zero());
        Self { silence: some(silence), arrival: some(arrival), ..Self::default() }
    }

    /// Asks whether it is over; wakes when it may be. `moved` counts what has moved, `arrived` says the request is here.
    pub(crate) fn over(&mut self, moved: u64, arrived: bool, cx: &mut Context<'_>) -> Option<Over> {
        let timer = |limit: Duration| Box::pin(tokio::time::sleep(limit));
        if let Some(limit) = self.arrival.filter(|_| !arrived) {
            let late = self.late.get_or_insert_with(|| timer(limit));
            if late.as_mut().poll(cx).is_ready() {
                return Some(Over::Late);
            }
        }
        let limit = self.silence?;
        let silent = self.silent.get_or_insert_with(|| timer(limit));
        if moved != self.moved {
            self.moved = moved;
            silent.as_mut().reset(Instant::now() + limit);
        }
        silent.as_mut().poll(cx).is_ready().then_some(Over::Silent)
    }
}
