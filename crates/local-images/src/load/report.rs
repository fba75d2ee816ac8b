//! What a run of the load generator found.
//! In: one outcome per request. Out: totals, status codes, percentiles, as text or JSON.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use serde::Serialize;

/// How one request ended.
#[derive(Debug)]
pub(super) enum Outcome {
    /// An answer, read to its end.
    Answered { status: u16, version: Option<String>, bytes: u64 },
    /// No answer: why.
    Broken(String),
}

/// Outcomes of one worker, or of all.
#[derive(Debug, Default)]
pub(super) struct Tally {
    latencies: Vec<u32>,
    status: BTreeMap<u16, u64>,
    versions: BTreeMap<String, u64>,
    errors: BTreeMap<String, u64>,
    bytes: u64,
}

/// Latencies in milliseconds, counted from when a request was due.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Latency {
    /// Median.
    pub p50: f64,
    /// 90th percentile.
    pub p90: f64,
    /// 99th percentile.
    pub p99: f64,
    /// 99.9th percentile.
    #[serde(rename = "p99.9")]
    pub p999: f64,
    /// The slowest.
    pub max: f64,
}

/// What a run found.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Requests sent.
    pub requests: u64,
    /// Requests without an answer, or answered with another status than 2xx and 3xx.
    pub failed: u64,
    /// From the first request due to the last answer, seconds.
    pub seconds: f64,
    /// Requests per second that were reached.
    pub rate: f64,
    /// Body bytes received.
    pub bytes: u64,
    /// Answers by status code.
    pub status: BTreeMap<u16, u64>,
    /// Answers by header `x-service-version` (the shop's services send it).
    pub versions: BTreeMap<String, u64>,
    /// Requests without an answer, by why.
    pub errors: BTreeMap<String, u64>,
    /// Latencies in milliseconds; absent when nothing was sent.
    pub latency_ms: Option<Latency>,
}

impl Tally {
    pub(super) fn record(&mut self, outcome: Outcome, latency: Duration) {
        self.latencies.push(u32::try_from(latency.as_micros()).unwrap_or(u32::MAX));
        match outcome {
            Outcome::Answered { status, version, bytes } => {
                *self.status.entry(status).or_default() += 1;
                self.bytes += bytes;
                if let Some(version) = version {
                    *self.versions.entry(version).or_default() += 1;
                }
            }
            Outcome::Broken(why) => *self.errors.entry(why).or_default() += 1,
        }
    }

    pub(super) fn lost(&mut self, why: &str) {
        *self.errors.entry(format!("a worker ended: {why}")).or_default() += 1;
    }

    pub(super) fn merge(&mut self, other: Self) {
        let Self { latencies, status, versions, errors, bytes } = other;
        self.latencies.extend(latencies);
        status.into_iter().for_each(|(k, n)| *self.status.entry(k).or_default() += n);
        versions.into_iter().for_each(|(k, n)| *self.versions.entry(k).or_default() += n);
        errors.into_iter().for_each(|(k, n)| *self.errors.entry(k).or_default() += n);
        self.bytes += bytes;
    }

    pub(super) fn report(mut self, took: Duration) -> Report {
        self.latencies.sort_unstable();
        let requests = self.latencies.len() as u64;
        let broken: u64 = self.errors.values().sum();
        let refused: u64 =
            self.status.iter().filter(|(s, _)| !(200..400).contains(*s)).map(|(_, n)| n).sum();
        let seconds = took.as_secs_f64();
        Report {
            requests,
            failed: broken + refused,
            seconds,
            rate: if seconds > 0.0 { self.latencies.len() as f64 / seconds } else { 0.0 },
            bytes: self.bytes,
            status: self.status,
            versions: self.versions,
            errors: self.errors,
            latency_ms: latency(&self.latencies),
        }
    }
}

fn latency(sorted: &[u32]) -> Option<Latency> {
    let max = f64::from(*sorted.last()?) / 1000.0;
    let at = |per_mille: usize| {
        let index = (sorted.len() * per_mille).div_ceil(1000).saturating_sub(1);
        sorted.get(index).map_or(max, |micros| f64::from(*micros) / 1000.0)
    };
    Some(Latency { p50: at(500), p90: at(900), p99: at(990), p999: at(999), max })
}

impl Report {
    /// Prints the report; `format` is `text` or `json`.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn print(&self, out: &mut impl Write, format: &str) -> std::io::Result<()> {
        if format == "json" {
            serde_json::to_writer_pretty(&mut *out, self)?;
            return writeln!(out);
        }
        writeln!(out, "requests: {} in {:.1} s ({:.0}/s)", self.requests, self.seconds, self.rate)?;
        writeln!(out, "failed: {}", self.failed)?;
        for (status, count) in &self.status {
            writeln!(out, "  status {status}: {count}")?;
        }
        for (why, count) in &self.errors {
            writeln!(out, "  no answer: {count} ({why})")?;
        }
        for (version, count) in &self.versions {
            let share = 100.0 * *count as f64 / self.requests.max(1) as f64;
            writeln!(out, "  answered by {version}: {count} ({share:.1} %)")?;
        }
        if let Some(Latency { p50, p90, p99, p999, max }) = self.latency_ms {
            writeln!(
                out,
                "latency: p50 {p50:.2} ms, p90 {p90:.2} ms, p99 {p99:.2} ms, p99.9 {p999:.2} ms, max {max:.2} ms"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16) -> Outcome {
        Outcome::Answered { status, version: Some("v1".into()), bytes: 3 }
    }

    #[test]
    fn what_is_not_a_success_counts_as_failed() {
        let mut tally = Tally::default();
        for outcome in
            [answered(200), answered(302), answered(503), Outcome::Broken("reset".into())]
        {
            tally.record(outcome, Duration::from_millis(2));
        }
        let report = tally.report(Duration::from_secs(1));
        assert_eq!((report.requests, report.failed), (4, 2));
        assert_eq!(report.versions["v1"], 3);
    }

    #[test]
    fn percentiles_are_those_of_the_sorted_latencies() {
        let sorted: Vec<u32> = (1..=1000).map(|ms| ms * 1000).collect();
        let found = latency(&sorted).unwrap();
        assert!((found.p50 - 500.0).abs() < f64::EPSILON);
        assert!((found.p999 - 999.0).abs() < f64::EPSILON);
        assert!(latency(&[]).is_none());
    }
}
