//! How long a request may take to arrive, and how long it may be silent.
//!
//! In: limits of the connection manager and the route, and how much has moved. Out: that it is over, and why.
//! Holds: whatever moves either way starts the silence anew; a request that has arrived can no longer arrive too late.
//! Never: the route's own timeout, which bounds the answer.
//! Why one timer for many requests: setting one costs more than asking a clock, and hardly any ends.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use proxy_http::Wire;
use tokio::time::{Instant, Sleep};
use weft_rt::Clock;

use crate::connection::Bound;
use crate::plan::Action;
use crate::worker::Worker;

/// Why there is no more patience.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// Nothing moved for too long.
    Silent,
    /// The request did not arrive in time.
    Late,
}

/// No request for longer than the connection manager allows.
pub(crate) async fn unused(worker: &Worker, bound: &Bound) {
    Unused::new(worker, bound).over().await;
}

fn idle_timeout(bound: &Bound) -> Option<Duration> {
    match &bound.chain.action {
        Action::Http(http) => http.manager.idle_timeout,
        Action::Tcp(_) => None,
    }
}

/// Resolves when a connection whose last request ended then has had no other for too long.
pub(crate) async fn unused_since(worker: &Worker, bound: &Bound, then: std::time::Instant) {
    match idle_timeout(bound) {
        Some(limit) => worker.shared.clock.sleep_until(then + limit).await,
        None => std::future::pending().await,
    }
}

/// How long a connection has had no request. One timer serves all its requests: it is looked at when it ends, not moved
/// with each of them.
pub(crate) struct Unused<'a> {
    clock: &'a Clock,
    since: Cell<std::time::Instant>,
    limit: Cell<Option<Duration>>,
    most: Option<Duration>,
}

/// A connection that had no request for so long is at rest.
pub(crate) const REST: Duration = Duration::from_secs(1);

impl<'a> Unused<'a> {
    /// From now on, until it is too long.
    pub(crate) fn new(worker: &'a Worker, bound: &Bound) -> Self {
        Self::within(worker, bound, None)
    }

    /// From now on, until the connection is at rest.
    pub(crate) fn resting(worker: &'a Worker, bound: &Bound) -> Self {
        Self::within(worker, bound, Some(REST))
    }

    fn within(worker: &'a Worker, bound: &Bound, most: Option<Duration>) -> Self {
        let clock = &worker.shared.clock;
        let new = Self { clock, since: Cell::new(clock.now()), limit: Cell::new(None), most };
        new.limit.set(new.limit_under(bound));
        new
    }

    fn limit_under(&self, bound: &Bound) -> Option<Duration> {
        [idle_timeout(bound), self.most].into_iter().flatten().min()
    }

    /// A request has ended. True when there is another limit now, for which [`Unused::over`] must be asked anew.
    pub(crate) fn again(&self, bound: &Bound) -> bool {
        self.since.set(self.clock.now());
        let limit = self.limit_under(bound);
        self.limit.replace(limit) != limit
    }

    /// When the last request ended.
    pub(crate) const fn since(&self) -> std::time::Instant {
        self.since.get()
    }

    /// Resolves when it has been too long.
    pub(crate) async fn over(&self) {
        let Some(limit) = self.limit.get() else { return std::future::pending().await };
        loop {
            let until = self.since.get() + limit;
            if self.clock.now() >= until {
                return;
            }
            self.clock.sleep_until(until).await;
        }
    }
}

/// How long a client that was told goodbye may go on talking (Envoy's `delayed_close_timeout`), and how many reads that may
/// take.
const GOODBYE: Duration = Duration::from_secs(1);
const LAST_READS: usize = 256;

/// Closes so that the last answer is not lost: first our side, then whatever the client still sends is read
/// for a moment, because closing with unread bytes would reset the connection.
pub(crate) async fn linger(wire: &mut Wire) {
    let close = async {
        if poll_fn(|cx| wire.poll_shutdown(cx)).await.is_err() {
            return;
        }
        let mut left = LAST_READS;
        while left > 0 && matches!(poll_fn(|cx| wire.poll_fill(cx)).await, Ok(true)) {
            wire.read.clear();
            left -= 1;
        }
    };
    tokio::time::timeout(GOODBYE, close).await.ok();
}

/// Patience with one request.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    silence: Option<Duration>,
    arrival: Option<Duration>,
    silent: Option<Pin<Box<Sleep>>>,
    late: Option<Pin<Box<Sleep>>>,
    moved: u64,
    /// When something moved last, as far as was looked.
    since: Option<Instant>,
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
        if moved != self.moved || self.since.is_none() {
            self.moved = moved;
            self.since = Some(Instant::now());
        }
        let until = self.since? + limit;
        let silent = self.silent.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        // It is not moved with whatever moves, but looked at when it ends.
        if silent.deadline() > until {
            silent.as_mut().reset(until);
        }
        while silent.as_mut().poll(cx).is_ready() {
            if silent.deadline() >= until {
                return Some(Over::Silent);
            }
            silent.as_mut().reset(until);
        }
        None
    }

    /// The next request begins; the timer of the last one stays.
    pub(crate) fn again(&mut self, silence: Option<Duration>, arrival: Option<Duration>) {
        let silent = self.silent.take();
        *self = Self { silent, ..Self::new(silence, arrival) };
    }
}
