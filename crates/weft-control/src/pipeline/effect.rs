//! Whether anything of an object acts, when some of its fields are without effect.
//!
//! In: an object, and the fields (JSON pointers) that do nothing. Out: yes or no.
//! Holds: a field that is missed counts as one that does nothing; of a list one entry is enough; of a map every field counts that the rest is nothing without, and of routes, subsets
//! and the like one kind is enough.
//! Why not by code: the same problem may take away one route of ten, or the only one.

use std::collections::BTreeSet;

use serde_json::Value;

/// Fields that the map around them is nothing without.
const NEEDED: &[&str] = &[
    "metadata",
    "namespace",
    "spec",
    "hosts",
    "gateways",
    "host",
    "exportTo",
    "selector",
    "workloadSelector",
    "matchLabels",
    "labels",
    "targetRef",
    "targetRefs",
    "servers",
    "port",
    "number",
    "match",
    "route",
    "destination",
    "subset",
    "from",
    "to",
    "when",
    "source",
    "operation",
    "principals",
    "namespaces",
    "credentialName",
];

/// Fields of which one is enough.
const ENOUGH: &[&[&str]] = &[&["http", "tcp", "tls"], &["subsets", "trafficPolicy"], &["rules"]];

/// True when nothing of the object acts.
pub(super) fn is_dead(object: &Value, fields: &BTreeSet<&str>) -> bool {
    // Without a rule that fits, a policy that allows denies.
    let allows = matches!(object["spec"]["action"].as_str(), None | Some("ALLOW"));
    let is_policy = object["kind"] == "AuthorizationPolicy";
    Look { fields, by_rules: !(is_policy && allows) }.is_dead(object, "")
}

struct Look<'a> {
    fields: &'a BTreeSet<&'a str>,
    /// Whether an object without a living rule is dead.
    by_rules: bool,
}

impl Look<'_> {
    fn is_dead(&self, node: &Value, pointer: &str) -> bool {
        if !self.concerns(pointer) {
            return false;
        }
        if self.fields.contains(pointer) {
            return true;
        }
        let child = |step: &str, value: &Value| self.is_dead(value, &format!("{pointer}/{step}"));
        match node {
            Value::Array(entries) => {
                let mut all = entries.iter().enumerate();
                !entries.is_empty() && all.all(|(at, entry)| child(&at.to_string(), entry))
            }
            Value::Object(map) => {
                let needed = |(name, value): (&String, &Value)| {
                    self.is_needed(name, pointer) && child(name, value)
                };
                let absent = |name: &&&str| !map.contains_key(**name);
                let lacks = |name: &&str| self.fields.contains(&*format!("{pointer}/{name}"));
                map.iter().any(needed)
                    || NEEDED.iter().filter(absent).any(lacks)
                    || self.of_each(map, pointer)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        }
    }

    /// Whether one of the fields stands at the pointer or below.
    fn concerns(&self, pointer: &str) -> bool {
        let below = |field: &&&str| {
            field.strip_prefix(pointer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.fields.iter().any(|field| below(&field))
    }

    fn is_needed(&self, name: &str, within: &str) -> bool {
        // What `tls` of a server lacks closes the server; routes by server name stand beside others.
        NEEDED.contains(&name) || (name == "tls" && within.starts_with("/spec/servers/"))
    }

    /// Whether all kinds of something that are there are dead.
    fn of_each(&self, map: &serde_json::Map<String, Value>, pointer: &str) -> bool {
        pointer == "/spec"
            && self.by_rules
            && ENOUGH.iter().any(|names| {
                let mut there = names.iter().filter_map(|name| Some((name, map.get(*name)?)));
                let all = |(name, value)| self.is_dead(value, &format!("{pointer}/{name}"));
                names.iter().any(|name| map.contains_key(*name)) && there.all(all)
            })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(object: &Value, fields: &[&str], dead: bool) {
        assert_eq!(is_dead(object, &fields.iter().copied().collect()), dead, "{fields:?}");
    }

    #[test]
    fn one_living_route_is_enough() {
        let to = |host: &str| json!({ "route": [{ "destination": { "host": host } }] });
        let object = json!({ "kind": "VirtualService", "spec": { "hosts": ["a", "b"],
            "http": [to("x"), to("y")], "tcp": [to("z")] } });
        let http = |at: usize| format!("/spec/http/{at}/route/0/destination/host");
        let (first, second) = (http(0), http(1));
        check(&object, &[&first], false);
        check(&object, &[&first, &second], false);
        check(&object, &[&first, &second, "/spec/tcp/0"], true);
        check(&object, &["/spec/hosts/0"], false);
        check(&object, &["/spec/hosts/0", "/spec/hosts/1"], true);
        check(&object, &["/spec/hosts"], true);
        check(&object, &[""], true);
        check(&object, &["/spec/http/0/mirror/host", "/spec/http/1/timeout"], false);
        check(&object, &[], false);
    }

    #[test]
    fn a_rule_with_settings_for_all_lives_without_its_subsets() {
        let subsets = json!([{ "name": "v1", "labels": { "v": "1" } }]);
        let both = json!({ "kind": "DestinationRule",
            "spec": { "subsets": subsets, "trafficPolicy": { "tls": { "mode": "SIMPLE" } } } });
        let alone = json!({ "kind": "DestinationRule", "spec": { "subsets": subsets } });
        check(&both, &["/spec/subsets/0/labels"], false);
        check(&alone, &["/spec/subsets/0/labels"], true);
        check(&both, &["/spec/trafficPolicy/loadBalancer/zoneAwareLbSetting"], false);
        check(&both, &["/spec/host"], true);
    }

    #[test]
    fn a_gateway_lives_by_each_of_its_servers() {
        let server = json!({ "port": { "number": 443 }, "tls": { "credentialName": "c" } });
        let object = json!({ "kind": "Gateway", "spec": { "servers": [server, server] } });
        let (first, second) = ("/spec/servers/0/tls/credentialName", "/spec/servers/1/port/number");
        check(&object, &[first], false);
        check(&object, &[first, second], true);
    }

    #[test]
    fn a_policy_that_allows_denies_without_its_rules() {
        let policy = |action: &str| {
            let rule = json!({ "from": [{ "source": { "principals": ["a", "b"] } }] });
            json!({ "kind": "AuthorizationPolicy", "spec": { "action": action, "rules": [rule] } })
        };
        let principal = |at: usize| format!("/spec/rules/0/from/0/source/principals/{at}");
        let (first, second) = (principal(0), principal(1));
        check(&policy("DENY"), &[&first], false);
        check(&policy("DENY"), &[&first, &second], true);
        check(&policy("ALLOW"), &[&first, &second], false);
        check(&policy("ALLOW"), &["/spec/selector"], true);
    }
}
