//! Which priority serves a request.
//!
//! In: how many hosts of each priority serve, a number from 0 to 99. Out: a priority, and which of its hosts count.
//! Holds: a priority keeps all its load until fewer than 1/1.4 of its hosts serve, and then hands on what is missing;
//! hosts that serve badly take only what those that serve well leave; without a threshold nobody is asked who does not serve.
//! Source of the semantics: Envoy's priority levels, degraded hosts and panic threshold.

/// The hosts of one priority.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Level {
    pub(crate) priority: u32,
    pub(crate) hosts: u64,
    pub(crate) healthy: u64,
    pub(crate) degraded: u64,
}

/// Which hosts of a priority count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Serving {
    Healthy,
    Degraded,
    /// Too few serve: everybody, whatever is known of their health.
    All,
}

/// What the choice depends on beside the hosts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    /// Percent by which a priority is taken to be larger than it needs to be.
    pub(crate) overprovisioning: u64,
    /// Percent of serving hosts below which health no longer counts.
    pub(crate) panic_threshold: u64,
}

impl Level {
    fn share(serving: u64, hosts: u64, terms: Terms) -> u64 {
        (serving * terms.overprovisioning).checked_div(hosts).unwrap_or(0).min(100)
    }

    fn panics(&self, terms: Terms) -> bool {
        (self.healthy + self.degraded) * 100 < terms.panic_threshold * self.hosts
    }
}

/// Chooses by `point`, which is below 100. `None`: nobody serves.
pub(crate) fn choose(levels: &[Level], terms: Terms, point: u64) -> Option<(u32, Serving)> {
    let healthy: Vec<u64> =
        levels.iter().map(|l| Level::share(l.healthy, l.hosts, terms)).collect();
    let degraded: Vec<u64> =
        levels.iter().map(|l| Level::share(l.degraded, l.hosts, terms)).collect();
    let total = healthy.iter().chain(&degraded).sum::<u64>().min(100);
    if total == 0 && terms.panic_threshold == 0 {
        return None;
    }
    let panics = |level: &Level| total < 100 && level.panics(terms);
    if levels.iter().all(panics) {
        return by_size(levels, point).map(|level| (level.priority, Serving::All));
    }
    let mut left = 100;
    let mut loads: Vec<(u64, usize, Serving)> = Vec::with_capacity(levels.len() * 2);
    for (shares, serving) in [(&healthy, Serving::Healthy), (&degraded, Serving::Degraded)] {
        for (at, share) in shares.iter().enumerate() {
            let load = (share * 100 / total).min(left);
            left -= load;
            loads.push((load, at, serving));
        }
    }
    // What is left comes from rounding, and goes to the first that serves.
    if let Some(first) = loads.iter_mut().find(|(load, ..)| *load > 0) {
        first.0 += left;
    }
    let mut point = point;
    let (_, at, serving) = loads.into_iter().find(|(load, ..)| {
        let hit = point < *load;
        point = point.saturating_sub(*load);
        hit
    })?;
    let level = levels.get(at)?;
    Some((level.priority, if panics(level) { Serving::All } else { serving }))
}

fn by_size(levels: &[Level], point: u64) -> Option<&Level> {
    let total: u64 = levels.iter().map(|level| level.hosts).sum();
    let mut point = point * total / 100;
    levels.iter().find(|level| {
        let hit = point < level.hosts;
        point = point.saturating_sub(level.hosts);
        hit
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Percent of requests by priority, over all points.
    fn shares(levels: &[(u64, u64)], panic_threshold: u64) -> Vec<usize> {
        let level = |(at, (healthy, hosts)): (usize, &(u64, u64))| Level {
            priority: u32::try_from(at).unwrap(),
            hosts: *hosts,
            healthy: *healthy,
            degraded: 0,
        };
        let levels: Vec<Level> = levels.iter().enumerate().map(level).collect();
        let terms = Terms { overprovisioning: 140, panic_threshold };
        let mut found = vec![0; levels.len()];
        for (priority, _) in (0..100).filter_map(|point| choose(&levels, terms, point)) {
            found[priority as usize] += 1;
        }
        found
    }

    /// The table of Envoy's documentation on priority levels.
    #[test]
    fn a_priority_hands_on_what_it_cannot_carry() {
        for (first, second, expected) in [
            ((100, 100), (100, 100), [100, 0]),
            ((72, 100), (100, 100), [100, 0]),
            ((71, 100), (100, 100), [99, 1]),
            ((50, 100), (100, 100), [70, 30]),
            ((0, 100), (100, 100), [0, 100]),
        ] {
            assert_eq!(shares(&[first, second], 0), expected, "{first:?} {second:?}");
        }
        assert_eq!(shares(&[(0, 10), (0, 10)], 0), [0, 0]);
        assert_eq!(shares(&[(25, 100), (25, 100)], 0), [50, 50], "both are too small");
    }

    #[test]
    fn when_all_priorities_panic_they_share_by_their_size() {
        assert_eq!(shares(&[(0, 30), (0, 10)], 50), [75, 25]);
        assert_eq!(shares(&[(1, 10), (9, 10)], 50), [14, 86], "one of them can carry it all");
    }

    #[test]
    fn those_that_serve_badly_take_what_is_left() {
        let terms = Terms { overprovisioning: 140, panic_threshold: 0 };
        let level = Level { priority: 0, hosts: 10, healthy: 5, degraded: 5 };
        let all = (0..100).filter_map(|point| choose(&[level], terms, point));
        let healthy = all.filter(|(_, serving)| *serving == Serving::Healthy).count();
        assert_eq!(healthy, 70);
    }
}
