//! Requests that are due at a fixed rate.
//! In: a rate and connections. Out: percentiles of latency in milliseconds.
//! Holds: request `i` is due at `start + i / rate`, on connection `i % connections`, whatever the answers do; its latency
//! counts from when it was due, so that a stalled proxy cannot hide behind requests that were not sent.
//! Why threads and a timer slack of 1 ns: a runtime's timers wake up to a millisecond late, which is more than what is measured.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::line::{self, Dialer, Protection};
use crate::{Arguments, crowd};

const BODY: usize = 1024;
/// From when the connections are open until the first request is due.
const LEAD: Duration = Duration::from_millis(200);

pub(crate) fn run(wish: &Arguments) -> Result<String> {
    let dialer = Dialer::new(wish.address, &wish.host, Protection::None)?;
    let request = line::request(&wish.host, BODY, "keep-alive");
    let mut lines = (0..wish.connections).map(|_| dialer.dial()).collect::<Result<Vec<_>>>()?;
    for line in &mut lines {
        line::exchange(line.as_mut(), &request, &mut Vec::new())?;
    }
    let start = Instant::now() + LEAD;
    let plan =
        Plan { start, end: start + wish.duration(), rate: wish.rate, step: wish.connections };
    let lines = lines.into_iter().zip(0..).collect();
    let latencies = crowd::all(lines, |(line, first)| plan.send(first, line, &request))?;
    Ok(report(latencies.concat()))
}

struct Plan {
    start: Instant,
    end: Instant,
    rate: u32,
    step: u32,
}

impl Plan {
    /// Sends what is due on one connection.
    fn send(
        &self,
        first: u32,
        mut line: Box<dyn line::Line>,
        request: &[u8],
    ) -> Result<Vec<Duration>> {
        rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1))?;
        let (mut latencies, mut buffer) = (Vec::new(), Vec::new());
        for number in (u64::from(first)..).step_by(self.step as usize) {
            let due = self.due(number);
            if due >= self.end {
                break;
            }
            thread::sleep(due.saturating_duration_since(Instant::now()));
            line::exchange(line.as_mut(), request, &mut buffer)?;
            latencies.push(due.elapsed());
        }
        Ok(latencies)
    }

    fn due(&self, number: u64) -> Instant {
        self.start + Duration::from_nanos(number * 1_000_000_000 / u64::from(self.rate))
    }
}

fn report(mut latencies: Vec<Duration>) -> String {
    latencies.sort_unstable();
    let at = |per_mille: usize| {
        let index = (latencies.len() * per_mille / 1000).min(latencies.len().saturating_sub(1));
        latencies.get(index).map_or(0.0, |latency| latency.as_secs_f64() * 1e3)
    };
    format!(
        r#"{{"requests": {}, "p50": {:.4}, "p90": {:.4}, "p99": {:.4}, "p99.9": {:.4}}}"#,
        latencies.len(),
        at(500),
        at(900),
        at(990),
        at(999),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_all_latencies() {
        let told = report((1..=1000).map(Duration::from_millis).collect());
        assert_eq!(
            told,
            r#"{"requests": 1000, "p50": 501.0000, "p90": 901.0000, "p99": 991.0000, "p99.9": 1000.0000}"#
        );
    }

    #[test]
    fn requests_are_due_whatever_the_answers_do() {
        let start = Instant::now();
        let plan = Plan { start, end: start, rate: 1000, step: 4 };
        assert_eq!(plan.due(5) - start, Duration::from_millis(5));
    }
}
