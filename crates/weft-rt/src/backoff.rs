//! How long to wait before the next try: exponential, bounded, with full jitter above a floor.
//!
//! In: a random generator per step. Out: durations; the caller sleeps.
//! Holds: every step is at least `base / 2` and at most `max`.
//! Never: sleeping, counting tries for the caller's limit.
//! Why jitter: a control plane that comes back must not meet all proxies at the same moment.

use std::time::Duration;

use crate::Rng;

/// Exponential back-off.
#[derive(Debug, Clone)]
pub struct Backoff {
    base: Duration,
    max: Duration,
    tries: u32,
}

impl Backoff {
    /// Starts at `base`, doubles per step, never passes `max`.
    #[must_use]
    pub const fn new(base: Duration, max: Duration) -> Self {
        Self { base, max, tries: 0 }
    }

    /// The next wait.
    pub fn next(&mut self, rng: &mut Rng) -> Duration {
        let ceiling = self.base.saturating_mul(1 << self.tries.min(20)).min(self.max);
        self.tries = self.tries.saturating_add(1);
        let floor = (self.base / 2).min(ceiling);
        floor + (ceiling - floor).mul_f64(rng.unit())
    }

    /// Back to the first step, after a success.
    pub const fn reset(&mut self) {
        self.tries = 0;
    }

    /// How many waits were handed out since the last reset.
    #[must_use]
    pub const fn tries(&self) -> u32 {
        self.tries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_bound_and_reset() {
        let (mut rng, base, max) =
            (Rng::seeded(3), Duration::from_millis(100), Duration::from_secs(5));
        let mut backoff = Backoff::new(base, max);
        for step in 0..100u32 {
            let wait = backoff.next(&mut rng);
            let ceiling = base.saturating_mul(1 << step.min(20)).min(max);
            assert!(wait >= base / 2 && wait <= ceiling, "step {step}: {wait:?}");
        }
        backoff.reset();
        assert!(backoff.next(&mut rng) <= base);
    }

    proptest::proptest! {
        #[test]
        fn every_wait_is_within_a_bound_that_doubles_up_to_the_largest(
            base in 0u64..10_000,
            max in 0u64..100_000,
            seed in proptest::num::u64::ANY,
            steps in 1u32..80,
        ) {
            let (base, max) = (Duration::from_millis(base), Duration::from_millis(max));
            let (mut backoff, mut rng) = (Backoff::new(base, max), Rng::seeded(seed));
            let mut bound = base.min(max);
            for step in 0..steps {
                let wait = backoff.next(&mut rng);
                proptest::prop_assert!(wait <= bound, "step {step}: {wait:?} of {bound:?}");
                proptest::prop_assert!(wait >= (base / 2).min(max), "step {step}: {wait:?}");
                bound = (bound * 2).min(max);
            }
            proptest::prop_assert_eq!(backoff.tries(), steps);
            backoff.reset();
            proptest::prop_assert!(backoff.next(&mut rng) <= base.min(max));
        }
    }
}
