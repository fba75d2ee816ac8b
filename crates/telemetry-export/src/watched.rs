//! What rules that are only watched (dry runs) would have decided, as counts by Envoy's and Istio's names.
//!
//! In: records. Out: lines of Envoy's statistics, rows of Prometheus' format.
//! Holds: at most [`MOST`] counts per worker; names come from the configuration, so that a request cannot make new ones.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use weft_telemetry::WatchedRecord;

/// Most counts.
const MOST: usize = 4096;
/// How the findings of a policy that is tried out begin.
const TRIED: &str = "istio_dry_run_";

/// Allowed and denied.
type Counts = [u64; 2];

/// Counts of one worker, or of all.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watched(Vec<(Place, Counts)>);

/// Which rules, where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    manager: Option<Box<str>>,
    rules: Box<str>,
}

impl Place {
    /// `http.inbound_0.0.0.0_80;` or `tcp`.
    fn scope(&self) -> String {
        self.manager.as_ref().map_or_else(|| "tcp".to_owned(), |manager| format!("http.{manager}"))
    }
}

impl Watched {
    pub(crate) fn count(&mut self, record: &WatchedRecord<'_>) {
        let is = |place: &Place| {
            place.manager.as_deref() == record.manager && *place.rules == *record.rules
        };
        let counts = match self.0.iter().position(|(place, _)| is(place)) {
            Some(at) => self.0.get_mut(at),
            None if self.0.len() < MOST => {
                let manager = record.manager.map(Into::into);
                let place = Place { manager, rules: record.rules.into() };
                self.0.push((place, Counts::default()));
                self.0.last_mut()
            }
            None => None,
        };
        if let Some((_, [allowed, denied])) = counts {
            *allowed += u64::from(record.allowed);
            *denied += u64::from(!record.allowed);
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        let mut all: BTreeMap<Place, Counts> = self.0.drain(..).collect();
        for (place, [allowed, denied]) in &other.0 {
            let known = all.entry(place.clone()).or_default();
            known[0] += allowed;
            known[1] += denied;
        }
        self.0 = all.into_iter().collect();
    }

    /// As Envoy's `/stats` has them.
    pub(crate) fn lines(&self) -> String {
        let mut out = String::new();
        for (place, counts) in &self.0 {
            for (result, count) in ["allowed", "denied"].iter().zip(counts) {
                let (scope, rules) = (place.scope(), &place.rules);
                let dot = if rules.is_empty() { "" } else { "." };
                // Writing to a String cannot fail.
                writeln!(out, "{scope}.rbac.{rules}{dot}shadow_{result}: {count}").ok();
            }
        }
        out
    }

    /// As Prometheus finds them in an Envoy of Istio.
    pub(crate) fn rows(&self) -> String {
        let (mut out, mut told) = (String::new(), String::new());
        for (place, counts) in &self.0 {
            let scope = place.scope();
            let name = format!("envoy_{}_rbac", scope.trim_end_matches(';'));
            let name: String =
                name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
            let action = place.rules.strip_prefix(TRIED).map(|rest| rest.trim_end_matches('_'));
            let Some(action) = action else { continue };
            if told != name {
                writeln!(out, "# TYPE {name} counter").ok();
                told.clone_from(&name);
            }
            for (result, count) in ["allowed", "denied"].iter().zip(counts) {
                let labels =
                    format!("authz_dry_run_action=\"{action}\",authz_dry_run_result=\"{result}\"");
                writeln!(out, "{name}{{{labels}}} {count}").ok();
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dry_runs_are_counted_by_the_names_of_envoy_and_istio() {
        let mut one = Watched::default();
        let record =
            |rules, allowed| WatchedRecord { manager: Some("inbound_0.0.0.0_80;"), rules, allowed };
        one.count(&record("istio_dry_run_deny_", true));
        one.count(&record("istio_dry_run_deny_", false));
        one.count(&WatchedRecord { manager: None, rules: "x_", allowed: true });
        let mut all = Watched::default();
        all.add(&one);
        all.add(&one);
        let lines = "http.inbound_0.0.0.0_80;.rbac.istio_dry_run_deny_.shadow_allowed: 2\n";
        assert!(all.lines().contains(lines), "{}", all.lines());
        assert!(all.lines().contains("tcp.rbac.x_.shadow_allowed: 2\n"), "{}", all.lines());
        let row = "envoy_http_inbound_0_0_0_0_80_rbac{authz_dry_run_action=\"deny\",\
                   authz_dry_run_result=\"denied\"} 2\n";
        assert!(all.rows().contains(row), "{}", all.rows());
    }
}
