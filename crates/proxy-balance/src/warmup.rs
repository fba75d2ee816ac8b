//! How much of its share a new host gets.
//!
//! In: settings, how long the host is there. Out: permille of its weight. Holds: it never falls while the host grows older,
//! and is whole from the end of the window on. Source of the semantics: Envoy's slow start.

use std::time::Duration;

use proxy_config::cluster::SlowStart;

/// All of its share.
pub const WHOLE: u32 = 1000;

/// Permille of the share, at least 1.
#[must_use]
pub fn share(settings: &SlowStart, age: Duration) -> u32 {
    if age >= settings.window || settings.window.is_zero() {
        return WHOLE;
    }
    let time = age.as_secs_f64().max(1.0) / settings.window.as_secs_f64();
    let grown = time.min(1.0).powf(1.0 / settings.aggression.max(f64::MIN_POSITIVE));
    let share = grown.max(settings.minimum_percent / 100.0).clamp(0.0, 1.0);
    // The largest permille that is not above the share.
    let (mut low, mut high) = (1, WHOLE);
    while low < high {
        let middle = (low + high).div_ceil(2);
        if f64::from(middle) <= share * f64::from(WHOLE) { low = middle } else { high = middle - 1 }
    }
    low
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn settings(aggression: f64, minimum_percent: f64) -> SlowStart {
        SlowStart { window: Duration::from_secs(100), aggression, minimum_percent }
    }

    #[test]
    fn a_straight_way_up_from_the_minimum() {
        let at = |seconds| share(&settings(1.0, 10.0), Duration::from_secs(seconds));
        assert_eq!(
            [at(0), at(5), at(10), at(50), at(99), at(100)],
            [100, 100, 100, 500, 990, WHOLE]
        );
        let bent = |seconds| share(&settings(2.0, 0.0), Duration::from_secs(seconds));
        assert_eq!([bent(25), bent(64)], [500, 800]);
    }

    proptest! {
        #[test]
        fn a_host_never_loses_share_while_it_grows_older(
            aggression in 0.01f64..10.0,
            minimum in 0.0f64..100.0,
            ages in proptest::collection::vec(0u64..120_000, 2..20),
        ) {
            let mut ages = ages;
            ages.sort_unstable();
            let shares: Vec<u32> = ages
                .iter()
                .map(|age| share(&settings(aggression, minimum), Duration::from_millis(*age)))
                .collect();
            prop_assert!(shares.is_sorted(), "{shares:?}");
            prop_assert!(shares.iter().all(|share| (1..=WHOLE).contains(share)));
        }
    }
}
