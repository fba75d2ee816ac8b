//! Chance with a seed, for load balancing, jitter and request ids; not for keys.
//!
//! In: a seed, or the machine's entropy once. Out: numbers.
//! Holds: the same seed gives the same sequence.
//! Never: cryptographic use; keys come from the TLS library.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng as _, RngCore as _, SeedableRng as _};

/// A small, fast generator; one per worker, never shared.
#[derive(Debug, Clone)]
pub struct Rng(SmallRng);

impl Rng {
    /// A generator that repeats itself for the same seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(SmallRng::seed_from_u64(seed))
    }

    /// A generator seeded by the machine.
    #[must_use]
    pub fn from_os() -> Self {
        Self(SmallRng::from_os_rng())
    }

    /// Any 64-bit number.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `end`; 0 when `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        if end == 0 { 0 } else { self.0.random_range(0..end) }
    }

    /// A number in `[0, 1)`.
    pub fn unit(&mut self) -> f64 {
        self.0.random()
    }

    /// `base` stretched or shrunk by up to `fraction` of itself: 0.1 gives 90 % to 110 %.
    pub fn jittered(&mut self, base: Duration, fraction: f64) -> Duration {
        let factor = 1.0 + fraction * (self.unit() * 2.0 - 1.0);
        base.mul_f64(factor.max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        let (mut a, mut b) = (Rng::seeded(7), Rng::seeded(7));
        for _ in 0..8 {
            assert_eq!(a.next_u64(), b.next_u64());
        }
        assert_eq!(a.below(0), 0);
    }

    #[test]
    fn jitter_stays_inside_its_fraction() {
        let mut rng = Rng::seeded(1);
        for _ in 0..1000 {
            let d = rng.jittered(Duration::from_secs(10), 0.1);
            assert!(d >= Duration::from_secs(9) && d <= Duration::from_secs(11), "{d:?}");
        }
    }
}
