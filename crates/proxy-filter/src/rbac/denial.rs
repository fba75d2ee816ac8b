//! What a proxy says of a call that rules did not let pass.
//!
//! In: the rules, the facts. Out: one line: which rule denies, or which came nearest to allowing and what it misses there.
//! Holds: the line is bounded, without control characters, and has no value of a header field or of a claim, neither the
//! caller's nor the rule's: it goes into logs and to strangers, and such values may be secrets.
//! Never: runs for a call that passes, or where nobody wants the line.

use proxy_config::rbac::{Action, Rules};

use super::trace::{Miss, Tried, nearest, trace};
use super::{Facts, RuleName};

/// Most letters of a line.
const LONGEST: usize = 1000;
/// Most values of a condition that are listed.
const MOST_VALUES: usize = 8;

/// Why such rules do not let a call pass.
#[must_use]
pub fn denial(rules: &Rules, facts: &Facts<'_>) -> String {
    let (decision, tried) = trace(rules, facts);
    let line = match (rules.action, decision.policy, nearest(&tried)) {
        (Action::Deny, Some(policy), _) => format!("{} denies it", RuleName::read(policy)),
        (_, _, Some(tried)) => format!("no rule allows it; {}", missed(tried)),
        (_, _, None) => "no rule allows it, as there is none".to_owned(),
    };
    bounded(&line)
}

fn missed(tried: &Tried<'_>) -> String {
    let misses: Vec<String> = tried.misses.iter().map(discreet).collect();
    format!("{} comes nearest, but {}", RuleName::read(tried.policy), misses.join("; "))
}

/// A condition that fails, without what may be secret.
fn discreet(miss: &Miss) -> String {
    let secret = ["when request.headers[", "when request.auth.claims["];
    if secret.iter().any(|start| miss.field.starts_with(start)) {
        return format!("{} does not hold", miss.field);
    }
    let mut miss = miss.clone();
    let more = miss.wanted.len().saturating_sub(MOST_VALUES);
    if more > 0 {
        miss.wanted.truncate(MOST_VALUES);
        miss.wanted.push(format!("{more} more"));
    }
    miss.to_string()
}

fn bounded(line: &str) -> String {
    let plain = |letter: char| if letter.is_control() { '?' } else { letter };
    let mut told: String = line.chars().take(LONGEST).map(plain).collect();
    if line.chars().nth(LONGEST).is_some() {
        told.push_str("...");
    }
    told
}
