//! What became of a story, or of several.
//!
//! In: counts. Out: a line for people. Holds: an excused failure is never counted as a failure.

use std::time::Duration;

use crate::load::Failure;

/// What became of it.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// Rolling updates, changes of weights, changes of policy.
    pub events: [u64; 3],
    /// Restarts of the control plane, lost streams, crashed pods, broken connections.
    pub faults: [u64; 4],
    /// Requests.
    pub requests: u64,
    /// Requests that failed and may not.
    pub failures: Vec<Failure>,
    /// Requests that failed because what served them crashed or broke.
    pub excused: u64,
    /// The longest that a request took beyond its own work.
    pub slowest: Duration,
    /// How long it was, in its own time.
    pub lasted: Duration,
}

impl Told {
    /// Counts another story's in.
    pub fn add(&mut self, other: Self) {
        let Self { events, faults, requests, failures, excused, slowest, lasted } = other;
        for (sum, more) in self.events.iter_mut().zip(events) {
            *sum += more;
        }
        for (sum, more) in self.faults.iter_mut().zip(faults) {
            *sum += more;
        }
        self.requests += requests;
        self.failures.extend(failures);
        self.excused += excused;
        self.slowest = self.slowest.max(slowest);
        self.lasted += lasted;
    }
}

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ([rolled, weighed, changed], [restarts, streams, crashes, breaks]) =
            (self.events, self.faults);
        write!(
            f,
            "{rolled} rolling updates, {weighed} changes of weights, {changed} of policy; {restarts} restarts of the \
             control plane, {streams} lost streams, {crashes} crashes, {breaks} broken connections; {} requests in {:.0?}, \
             {} failed, {} excused, slowest {:.0?}",
            self.requests,
            self.lasted,
            self.failures.len(),
            self.excused,
            self.slowest,
        )?;
        self.failures.iter().try_for_each(|failure| write!(f, "\n  {failure:?}"))
    }
}
