//! Counts of what rules did not let pass, by the rule.
//!
//! In: denials of one worker. Out: counts, and Prometheus text of their sum.
//! Holds: a worker tells at most [`MOST`] rules apart; later ones count as `other`, so that nothing is lost but the name.
//! Why not a label of the other series: those are read by Istio's dashboards, which know no such label.

use std::collections::HashMap;
use std::fmt::{self, Write as _};

use weft_telemetry::metric::DENIED_REQUESTS;
use weft_telemetry::{Denied, Protocol};

use crate::prometheus::escape;

/// Most rules that one worker tells apart.
pub(crate) const MOST: usize = 128;
/// Stands for the rules that came later.
const OTHER: &str = "other";

/// Which rule, and on what.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    protocol: Protocol,
    /// `None` where nothing allowed it.
    policy: Option<Box<str>>,
    rule: Option<usize>,
}

/// Counts by rule.
#[derive(Debug, Clone, Default)]
pub(crate) struct Denials(HashMap<Key, u64>);

impl Denials {
    /// Counts one more.
    pub(crate) fn count(&mut self, protocol: Protocol, denied: Denied<'_>) {
        let Denied { policy, rule, why: _ } = denied;
        let mut key = Key { protocol, policy: policy.map(Into::into), rule };
        let full = self.0.len() >= MOST && policy.is_some();
        if full && !self.0.contains_key(&key) {
            (key.policy, key.rule) = (Some(OTHER.into()), None);
        }
        *self.0.entry(key).or_default() += 1;
    }

    /// Counts what another worker counted.
    pub(crate) fn add(&mut self, other: &Self) {
        for (key, count) in &other.0 {
            *self.0.entry(key.clone()).or_default() += count;
        }
    }

    /// As Prometheus reads it.
    pub(crate) fn write(&self, out: &mut String) -> fmt::Result {
        let mut rows: Vec<(String, u64)> =
            self.0.iter().map(|(key, count)| (labels(key), *count)).collect();
        rows.sort();
        for (number, (labels, count)) in rows.iter().enumerate() {
            if number == 0 {
                writeln!(out, "# TYPE {DENIED_REQUESTS} counter")?;
            }
            writeln!(out, "{DENIED_REQUESTS}{{{labels}}} {count}")?;
        }
        Ok(())
    }
}

fn labels(key: &Key) -> String {
    let (reason, policy) = match &key.policy {
        Some(policy) => ("denied", &**policy),
        None => ("not_allowed", ""),
    };
    let mut name = String::new();
    escape(&mut name, policy);
    let rule = key.rule.map(|rule| rule.to_string()).unwrap_or_default();
    let protocol = key.protocol.name();
    format!("request_protocol=\"{protocol}\",reason=\"{reason}\",policy=\"{name}\",rule=\"{rule}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denied(policy: Option<&str>, rule: Option<usize>) -> Denied<'_> {
        Denied { policy, rule, why: None }
    }

    fn text(denials: &Denials) -> String {
        let mut out = String::new();
        denials.write(&mut out).unwrap();
        out
    }

    #[test]
    fn denials_are_told_by_their_rule_and_summed_over_workers() {
        let (mut one, mut other) = (Denials::default(), Denials::default());
        assert_eq!(text(&one), "");
        one.count(Protocol::Http, denied(None, None));
        one.count(Protocol::Http, denied(Some("shop/no\"admin"), Some(2)));
        other.count(Protocol::Http, denied(None, None));
        other.count(Protocol::Tcp, denied(None, None));
        one.add(&other);
        let rows = [
            "# TYPE weft_denied_requests_total counter",
            r#"weft_denied_requests_total{request_protocol="http",reason="denied",policy="shop/no\"admin",rule="2"} 1"#,
            r#"weft_denied_requests_total{request_protocol="http",reason="not_allowed",policy="",rule=""} 2"#,
            r#"weft_denied_requests_total{request_protocol="tcp",reason="not_allowed",policy="",rule=""} 1"#,
        ];
        assert_eq!(text(&one).lines().collect::<Vec<_>>(), rows);
    }

    #[test]
    fn rules_beyond_the_bound_count_together() {
        let mut all = Denials::default();
        for rule in 0..MOST + 5 {
            all.count(Protocol::Http, denied(Some("shop/p"), Some(rule)));
        }
        all.count(Protocol::Http, denied(Some("shop/p"), Some(0)));
        all.count(Protocol::Http, denied(None, None));
        let text = text(&all);
        assert_eq!(text.lines().count(), 1 + MOST + 2);
        assert!(text.contains(r#"policy="shop/p",rule="0"} 2"#), "{text}");
        assert!(text.contains(r#"policy="other",rule=""} 5"#), "{text}");
        assert!(text.contains(r#"reason="not_allowed",policy="",rule=""} 1"#), "{text}");
    }
}
