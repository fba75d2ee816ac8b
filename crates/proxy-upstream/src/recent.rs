//! How many requests began within a time that ends now.
//!
//! In: each beginning, `now`. Out: a count. Holds: memory is bounded; a request is counted for the whole interval and at most
//! a sixteenth of it longer. Never: clocks.
//! Why parts of the interval and not moments: a busy cluster would have to keep each request for the whole interval.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const PARTS: u32 = 16;

/// Counts beginnings by parts of an interval.
#[derive(Debug, Default)]
pub struct Recent(Mutex<Option<Box<Ring>>>);

#[derive(Debug)]
struct Ring {
    interval: Duration,
    start: Instant,
    /// Number of the newest part since `start`.
    newest: u128,
    /// By the part's number; one more than parts, because the oldest is not over yet.
    counts: [u32; PARTS as usize + 1],
}

impl Recent {
    /// One began.
    pub fn began(&self, now: Instant, interval: Duration) {
        self.with(now, interval, |ring| {
            let count = &mut ring.counts[place(ring.newest)];
            *count = count.saturating_add(1);
        });
    }

    /// How many began within the interval.
    #[must_use]
    pub fn within(&self, now: Instant, interval: Duration) -> u32 {
        self.with(now, interval, |ring| ring.counts.iter().fold(0u32, |a, b| a.saturating_add(*b)))
    }

    fn with<T>(&self, now: Instant, interval: Duration, then: impl FnOnce(&mut Ring) -> T) -> T {
        let mut ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Another interval counts anew.
        let known = ring.take().filter(|ring| ring.interval == interval);
        let ring = ring.insert(known.unwrap_or_else(|| Box::new(Ring::new(now, interval))));
        ring.advance(now);
        then(ring)
    }
}

impl Ring {
    const fn new(start: Instant, interval: Duration) -> Self {
        Self { interval, start, newest: 0, counts: [0; PARTS as usize + 1] }
    }

    fn advance(&mut self, now: Instant) {
        let part = (self.interval / PARTS).as_nanos().max(1);
        let newest = now.saturating_duration_since(self.start).as_nanos() / part;
        let passed = newest.saturating_sub(self.newest).min(self.counts.len() as u128);
        for step in 0..passed {
            self.counts[place(newest - step)] = 0;
        }
        self.newest = self.newest.max(newest);
    }
}

fn place(part: u128) -> usize {
    usize::try_from(part % u128::from(PARTS + 1)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_counts_for_the_interval_and_is_forgotten_soon_after() {
        let (recent, start) = (Recent::default(), weft_rt::Clock::real().now());
        let at = |millis: u64| start + Duration::from_millis(millis);
        let interval = Duration::from_millis(1600);
        for millis in [0, 50, 800] {
            recent.began(at(millis), interval);
        }
        for (millis, count) in [(800, 3), (1600, 3), (1750, 1), (2400, 1), (2600, 0), (900_000, 0)]
        {
            assert_eq!(recent.within(at(millis), interval), count, "{millis}");
        }
        recent.began(at(900_001), interval);
        assert_eq!(recent.within(at(900_002), interval), 1);
        assert_eq!(recent.within(at(900_003), interval * 2), 0, "another interval");
    }
}
