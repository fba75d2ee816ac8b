//! Rows of `weft authz check`: what is written beside what the proxy has.
//!
//! In: the policies that are written for a pod, those that its proxy holds. Out: a row for each.
//! Holds: each policy has one row, also one that only one of both sides knows.

use std::collections::BTreeSet;

use serde::Serialize;
use weft_explain::PolicyOfPod;

use super::held::Held;

/// A policy as it is written.
#[derive(Debug)]
pub(super) struct Written {
    policy: String,
    action: String,
    rules: usize,
    dry_run: bool,
}

impl Written {
    pub(super) fn of(policy: PolicyOfPod) -> Self {
        let PolicyOfPod { policy, action, rules, dry_run } = policy;
        Self { policy, action: action.to_owned(), rules, dry_run }
    }

    /// What its rules are compiled to; `None` where they decide nothing.
    fn compiled(&self) -> Option<&'static str> {
        match self.action.as_str() {
            _ if self.dry_run => None,
            "ALLOW" => Some("ALLOW"),
            "DENY" | "CUSTOM" => Some("DENY"),
            _ => None,
        }
    }
}

/// How a policy stands at the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    InForce,
    NotYet,
    NoLongerWritten,
    DryRun,
    DecidesNothing,
}

/// A policy.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    action: String,
    policy: String,
    /// How many rules it has; of one that is no longer written, how many the proxy has.
    rules: usize,
    /// Numbers of rules that match nothing, at no port.
    idle: Vec<usize>,
    ports: Vec<String>,
    state: State,
}

impl Row {
    /// For a table.
    pub(super) fn cells(&self) -> Vec<String> {
        let rules = match self.idle.len() {
            0 => self.rules.to_string(),
            idle => format!("{} ({idle} match nothing)", self.rules),
        };
        let ports = if self.ports.is_empty() { "-".to_owned() } else { self.ports.join(",") };
        let state = match self.state {
            State::InForce => "in force",
            State::NotYet => "the proxy does not have it",
            State::NoLongerWritten => "in force, but no longer written",
            State::DryRun => "dry run: decides nothing",
            State::DecidesNothing => "decides nothing",
        };
        vec![self.action.clone(), self.policy.clone(), rules, ports, state.to_owned()]
    }
}

/// Rows of all policies.
pub(super) fn rows(written: &[Written], held: &Held) -> Vec<Row> {
    let mut rows: Vec<Row> = written.iter().map(|policy| row(policy, held)).collect();
    let known = |name: &&String| written.iter().any(|policy| policy.policy == **name);
    rows.extend(held.policies.iter().filter(|name| !known(name)).map(|name| forgotten(name, held)));
    rows
}

fn row(written: &Written, held: &Held) -> Row {
    let Written { policy, action, rules, dry_run } = written;
    let state = match written.compiled() {
        None if *dry_run => State::DryRun,
        None => State::DecidesNothing,
        Some(_) if held.policies.contains(policy) => State::InForce,
        Some(_) => State::NotYet,
    };
    let (mut idle, mut ports) = (Vec::new(), BTreeSet::new());
    if let Some(compiled) = written.compiled().filter(|_| state == State::InForce) {
        let found = |number: &usize| held.rules.get(&compiled_name(policy, *number));
        idle.extend((0..*rules).filter(|number| found(number).is_none()));
        ports.extend((0..*rules).filter_map(|number| found(&number)).flat_map(|rule| &rule.1));
        if ports.is_empty() {
            // Without a rule that could match it still is asked: an ALLOW policy then lets nobody in.
            ports.extend(held.ports.get(compiled).into_iter().flatten());
        }
    }
    let (policy, action) = (policy.clone(), action.clone());
    Row { action, policy, rules: *rules, idle, ports: in_order(ports), state }
}

/// A policy that the proxy has and nobody wrote.
fn forgotten(policy: &str, held: &Held) -> Row {
    let (namespace, name) = policy.split_once('/').unwrap_or_default();
    let start = format!("ns[{namespace}]-policy[{name}]-rule[");
    let own: Vec<_> = held.rules.iter().filter(|(name, _)| name.starts_with(&start)).collect();
    Row {
        action: own.first().map(|(_, (action, _))| action.clone()).unwrap_or_default(),
        policy: policy.to_owned(),
        rules: own.len(),
        idle: Vec::new(),
        ports: in_order(own.iter().flat_map(|(_, (_, ports))| ports).collect()),
        state: State::NoLongerWritten,
    }
}

fn compiled_name(policy: &str, rule: usize) -> String {
    let (namespace, name) = policy.split_once('/').unwrap_or_default();
    format!("ns[{namespace}]-policy[{name}]-rule[{rule}]")
}

/// Numbers by size, then words.
fn in_order(ports: BTreeSet<&String>) -> Vec<String> {
    let mut ports: Vec<String> = ports.into_iter().cloned().collect();
    ports.sort_by_key(|port| port.parse::<u16>().map_or(u32::MAX, u32::from));
    ports
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn written(policy: &str, action: &str, rules: usize) -> Written {
        Written { policy: policy.to_owned(), action: action.to_owned(), rules, dry_run: false }
    }

    fn rbac(action: Option<&str>, rules: &[&str]) -> Value {
        let policies: serde_json::Map<String, Value> =
            rules.iter().map(|name| ((*name).to_owned(), json!({}))).collect();
        let mut held = json!({"policies": policies});
        if let Some(action) = action {
            held["action"] = action.into();
        }
        json!({"typed_config": {"@type": "type.googleapis.com/x.v3.RBAC", "rules": held}})
    }

    fn dump(made_from: &[&str], rules: &[Value]) -> Held {
        let paths = made_from.iter().map(|one| {
            let (namespace, name) = one.split_once('/').unwrap();
            format!("/apis/security.istio.io/v1/namespaces/{namespace}/authorization-policy/{name}")
        });
        let manager = json!({"typed_config": {"http_filters": rules,
            "@type": "type.googleapis.com/x.v3.HttpConnectionManager"}});
        let metadata = json!({"filter_metadata": {"istio": {"config": paths.collect::<Vec<_>>()}}});
        Held::of(&json!({"dynamic_listeners": [{"active_state": {"listener": {
            "address": {"socket_address": {"address": "0.0.0.0", "port_value": 15006}},
            "filter_chains": [
                {"metadata": metadata, "filter_chain_match": {"destination_port": 15006}},
                {"filter_chain_match": {"destination_port": 8080}, "filters": [manager]},
                {"filters": [manager]},
            ],
        }}}]}))
    }

    #[track_caller]
    fn check(written: &[Written], held: &Held, expected: &[[&str; 5]]) {
        let cells: Vec<Vec<String>> = rows(written, held).iter().map(Row::cells).collect();
        assert_eq!(cells, expected);
    }

    #[test]
    fn a_policy_stands_at_the_ports_of_its_rules() {
        let rule = "ns[shop]-policy[open]-rule[1]";
        let held = dump(&["shop/open"], &[rbac(None, &[rule])]);
        let row = ["ALLOW", "shop/open", "2 (1 match nothing)", "8080,others", "in force"];
        check(&[written("shop/open", "ALLOW", 2)], &held, &[row]);
    }

    #[test]
    fn a_policy_without_rules_is_asked_where_its_kind_is() {
        let held = dump(&["shop/none"], &[rbac(Some("ALLOW"), &[])]);
        let row = ["ALLOW", "shop/none", "0", "8080,others", "in force"];
        check(&[written("shop/none", "ALLOW", 0)], &held, &[row]);
    }

    #[test]
    fn what_only_one_side_knows_is_told_as_such() {
        let old = "ns[shop]-policy[old]-rule[0]";
        let held = dump(&["shop/old"], &[rbac(Some("DENY"), &[old])]);
        let mut tried = written("shop/tried", "DENY", 1);
        tried.dry_run = true;
        let all = [written("shop/new", "CUSTOM", 1), tried, written("shop/seen", "AUDIT", 1)];
        check(
            &all,
            &held,
            &[
                ["CUSTOM", "shop/new", "1", "-", "the proxy does not have it"],
                ["DENY", "shop/tried", "1", "-", "dry run: decides nothing"],
                ["AUDIT", "shop/seen", "1", "-", "decides nothing"],
                ["DENY", "shop/old", "1", "8080,others", "in force, but no longer written"],
            ],
        );
    }
}
