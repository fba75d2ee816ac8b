//! `weft replay`: which requests of access logs end otherwise under another configuration.
//!
//! In: logs; two versions of a configuration. Out: shapes of requests that change, by their number, with the objects that are the reason.
//! Holds: nothing is applied and nobody is called; what the log does not tell is said, once.

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;
use weft_plan::{Disagreement, Replayed, SHAPES, ShapeChange};

use crate::changes;
use crate::compared::{Compared, Places};
use crate::failure::{Failure, say};
use crate::logs::{Logs, Told};
use crate::plan::Output;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Access logs of proxies (Istio's default text or JSON, as `kubectl logs` prints them), or `-`.
    #[arg(value_name = "LOG", required = true)]
    logs: Vec<PathBuf>,
    #[command(flatten)]
    compared: Compared,
    /// Most shapes of requests that are told apart; requests of others are counted.
    #[arg(long, value_name = "NUMBER", default_value_t = SHAPES)]
    max_shapes: usize,
    /// How to print.
    #[arg(short = 'o', long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// Prints.
pub(crate) async fn run(options: Options) -> Result<ExitCode, Failure> {
    let logs = Logs::of(&options.logs, &options.compared)?;
    let versions = options.compared.versions().await?;
    let told = logs.replay(&versions, options.max_shapes)?;
    match options.output {
        Output::Json => say!("{:#}", json!(told)),
        Output::Text => text(&told, &versions.places),
    }
    if told.replayed.requests == 0 {
        return Err(Failure::new("no entry of an access log was found").hint(
            "write it with meshConfig.accessLogFile: /dev/stdout, and read it with kubectl logs -c istio-proxy",
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// Most shapes in a list; `-o json` has all.
const LISTED: usize = 20;

/// For people.
pub(crate) fn text(told: &Told, places: &Places) {
    let Told { read, replayed } = told;
    say!(
        "log: {} in {}; {} of something else, {} cannot be read",
        some(replayed.requests, "request"),
        some(read.lines, "line"),
        number(read.other),
        number(read.unreadable)
    );
    read.first_unreadable.iter().for_each(|line| say!("  {line}"));
    let Replayed { requests, changes, .. } = replayed;
    let (changed, shapes) = (number(replayed.changed), some(changes.len() as u64, "shape"));
    say!("{changed} of {} ({shapes}) end otherwise", some(*requests, "request"));
    listed(changes, |one| change(one, places));
    if replayed.decided_by_another_rule > 0 {
        let count = number(replayed.decided_by_another_rule);
        say!("{count} end as they do now, but another policy or rule decides");
    }
    disagreements(replayed);
    for (why, requests) in &replayed.not_asked {
        say!("not asked about: {}: {why}", some(*requests, "request"));
    }
    if replayed.unknown_callers > 0 {
        let count = some(replayed.unknown_callers, "request");
        say!(
            "asked about as nobody that is known: {count} by mutual TLS, whose address is no pod's"
        );
    }
    say!("assumed absent, as no log has them: {}", replayed.assumed_absent.join("; "));
}

fn change(one: &ShapeChange, places: &Places) {
    say!("  {}: {}", some(one.requests, "request"), one.call);
    changes::print(&one.fields, &one.because, places);
    if one.disagreeing > 0 {
        let count = number(one.disagreeing);
        say!("    but the log disagrees about {count} of them: they did not end as they would now");
    }
}

fn disagreements(replayed: &Replayed) {
    if replayed.disagreeing == 0 {
        return;
    }
    let count = some(replayed.disagreeing, "request");
    say!(
        "the log disagrees about {count}: it is of another configuration, or they had what no log has"
    );
    listed(&replayed.disagreements, |one: &Disagreement| {
        say!("  {}: {}", some(one.requests, "request"), one.call);
        say!("    log: {}; now: {}", one.log, one.now);
    });
}

fn listed<T>(all: &[T], print: impl Fn(&T)) {
    all.iter().take(LISTED).for_each(print);
    let more = all.len().saturating_sub(LISTED);
    if more > 0 {
        say!("  and {}; -o json has all", some(more as u64, "more shape"));
    }
}

fn some(count: u64, what: &str) -> String {
    format!("{} {what}{}", number(count), if count == 1 { "" } else { "s" })
}

/// A number with its thousands apart.
fn number(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn thousands_stand_apart() {
        let all = [0, 7, 999, 1000, 41_200, 1_234_567].map(super::number);
        assert_eq!(all, ["0", "7", "999", "1,000", "41,200", "1,234,567"]);
    }
}
