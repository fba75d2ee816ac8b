//! What limits of rates decided, as counts by Envoy's names.
//!
//! In: records. Out: lines of Envoy's statistics, rows of Prometheus' format.
//! Holds: at most [`MOST`] limits per worker; names come from the configuration, so that a request cannot make new ones.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use weft_telemetry::LimitRecord;

/// Most limits.
const MOST: usize = 4096;
/// What is counted, by Envoy's names: those asked, those below the limit, those beyond it, and of these the refused ones.
const NAMES: [&str; 4] = ["enabled", "ok", "rate_limited", "enforced"];

/// Counts of one worker, or of all, by the name of the limit.
#[derive(Debug, Clone, Default)]
pub(crate) struct Limited(BTreeMap<Box<str>, [u64; NAMES.len()]>);

impl Limited {
    pub(crate) fn count(&mut self, record: &LimitRecord<'_>) {
        if !self.0.contains_key(record.limit) {
            if self.0.len() >= MOST {
                return;
            }
            self.0.insert(record.limit.into(), [0; NAMES.len()]);
        }
        let told = [true, record.passes, !record.passes, record.refused];
        let counts = self.0.get_mut(record.limit).into_iter().flatten();
        counts.zip(told).for_each(|(count, one)| *count += u64::from(one));
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (limit, counts) in &other.0 {
            let known = self.0.entry(limit.clone()).or_default();
            known.iter_mut().zip(counts).for_each(|(mine, theirs)| *mine += theirs);
        }
    }

    /// As Envoy's `/stats` has them.
    pub(crate) fn lines(&self) -> String {
        let mut out = String::new();
        for (limit, counts) in &self.0 {
            for (name, count) in NAMES.iter().zip(counts) {
                // Writing to a String cannot fail.
                writeln!(out, "{limit}.http_local_rate_limit.{name}: {count}").ok();
            }
        }
        out
    }

    /// As Prometheus finds them in an Envoy.
    pub(crate) fn rows(&self) -> String {
        let mut out = String::new();
        for (at, name) in NAMES.iter().enumerate().filter(|_| !self.0.is_empty()) {
            writeln!(out, "# TYPE envoy_http_local_rate_limit_{name} counter").ok();
            for (limit, counts) in &self.0 {
                let limit = limit.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
                let label = format!("envoy_local_http_ratelimit_prefix=\"{limit}\"");
                let count = counts.get(at).copied().unwrap_or(0);
                writeln!(out, "envoy_http_local_rate_limit_{name}{{{label}}} {count}").ok();
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_counted_by_the_names_of_envoy() {
        let mut one = Limited::default();
        let record = |passes, refused| LimitRecord { limit: "gate", passes, refused };
        [record(true, false), record(false, true), record(false, false)]
            .iter()
            .for_each(|record| one.count(record));
        let mut all = Limited::default();
        all.add(&one);
        all.add(&one);
        let line = |name: &str, count: u64| format!("gate.http_local_rate_limit.{name}: {count}\n");
        for (name, count) in [("enabled", 6), ("ok", 2), ("rate_limited", 4), ("enforced", 2)] {
            assert!(all.lines().contains(&line(name, count)), "{}", all.lines());
        }
        let row =
            "envoy_http_local_rate_limit_enforced{envoy_local_http_ratelimit_prefix=\"gate\"} 2\n";
        assert!(all.rows().contains(row), "{}", all.rows());
    }
}
