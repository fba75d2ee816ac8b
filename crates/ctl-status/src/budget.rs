//! How often something may be done: at once up to a burst, then at a pace.
//!
//! Holds: two controllers that undo each other's writes, or an object that is wrong in another way each second, cost a
//! bounded number of writes.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, SystemTime};

/// A burst, and the time after which one more is allowed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) burst: u32,
    pub(crate) every: Duration,
}

/// Budgets by key. Those that are full again are forgotten.
#[derive(Debug)]
pub(crate) struct Budgets<K> {
    pace: Pace,
    /// How many were taken of a burst, and the time up to which they were given back.
    taken: HashMap<K, (u32, SystemTime)>,
}

/// Keys that are remembered; with more, all budgets are forgotten that are at least half full.
const MOST: usize = 8192;

impl<K: Eq + Hash + Clone> Budgets<K> {
    pub(crate) fn new(pace: Pace) -> Self {
        Self { pace, taken: HashMap::new() }
    }

    /// Whether one more may be done now; if so, it counts.
    pub(crate) fn take(&mut self, key: &K, now: SystemTime) -> bool {
        let Pace { burst, every } = self.pace;
        if self.taken.len() >= MOST {
            self.taken.retain(|_, (taken, _)| *taken > burst / 2);
        }
        let (taken, since) = self.taken.entry(key.clone()).or_insert((0, now));
        let passed = now.duration_since(*since).unwrap_or_default();
        let back = u32::try_from(passed.as_nanos() / every.as_nanos().max(1)).unwrap_or(u32::MAX);
        if back >= *taken {
            (*taken, *since) = (0, now);
        } else {
            *taken -= back;
            *since += every.saturating_mul(back);
        }
        let allowed = *taken < burst;
        *taken += u32::from(allowed);
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_allowed_and_then_one_per_turn() {
        let mut budgets = Budgets::new(Pace { burst: 2, every: Duration::from_secs(10) });
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let mut take = |key, seconds| budgets.take(&key, at(seconds));
        assert_eq!([take("a", 0), take("a", 0), take("a", 9)], [true, true, false]);
        assert!(take("b", 0), "each has its own");
        assert_eq!([take("a", 10), take("a", 10), take("a", 19)], [true, false, false]);
        assert_eq!([take("a", 40), take("a", 40), take("a", 40)], [true, true, false]);
        assert!(!take("a", 5), "a clock that goes back gives nothing");
    }
}
