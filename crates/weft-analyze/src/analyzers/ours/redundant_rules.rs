//! Rules of an AuthorizationPolicy that change nothing: within another of its rules, or denied before by another policy;
//! and policies that repeat another.

use std::collections::HashMap;

use serde_json::Value;

use crate::analyzers::Analyzer;
use crate::code;
use crate::mesh::Mesh;
use crate::report::Report;
use crate::view::{Json, Labels, Object, Rule, kind, rules, target_refs};

pub(in crate::analyzers) const ANALYZER: Analyzer = Analyzer::new(
    "weft.AuthorizationRuleRedundant",
    "Rules of AuthorizationPolicies that change nothing.",
    &[code::WEFT0102],
    look,
);

/// Rules of one policy that are compared with each other.
const MOST_COMPARED: usize = 128;

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    let mut seen: HashMap<(&str, bool, String), &Object<'_>> = HashMap::new();
    let denials = denials(mesh);
    for policy in mesh.all(kind::AUTHORIZATION_POLICY) {
        within(policy, report);
        denied(mesh, policy, &denials, report);
        let key = (policy.namespace, is_tried_out(policy), policy.spec().to_string());
        if let Some(first) = seen.get(&key) {
            let what = format!("says the same as AuthorizationPolicy `{}`", first.name);
            report.add(code::WEFT0102, policy, "/spec", what, "remove one of them");
        } else {
            seen.insert(key, policy);
        }
    }
}

/// Whether its verdicts are only written down.
fn is_tried_out(policy: &Object<'_>) -> bool {
    policy.annotations().is("istio.io/dry-run", "true")
}

/// Any rule that matches is enough, so a rule within another one changes nothing.
fn within(policy: &Object<'_>, report: &mut Report) {
    let rules: Vec<Rule<'_>> = rules(policy).take(MOST_COMPARED).collect();
    for rule in &rules {
        let wider = rules.iter().find(|other| {
            let is_before = other.index < rule.index;
            let both = covers(rule.raw, other.raw);
            other.index != rule.index && covers(other.raw, rule.raw) && (is_before || !both)
        });
        if let Some(wider) = wider {
            let what = format!("rule #{} already matches all that this rule matches", wider.index);
            let field = format!("/spec/rules/{}", rule.index);
            report.add(code::WEFT0102, policy, field, what, "remove it, or narrow that rule");
        }
    }
}

/// Rules that deny, by namespace.
type Denials<'m, 'a> = HashMap<&'a str, Vec<(&'m Object<'a>, Rule<'a>)>>;

fn denials<'m, 'a>(mesh: &'m Mesh<'a>) -> Denials<'m, 'a> {
    let mut found = Denials::new();
    for policy in mesh.all(kind::AUTHORIZATION_POLICY) {
        let is_denial = policy.spec().text("action") == "DENY";
        if is_denial && !is_tried_out(policy) && target_refs(policy).is_empty() {
            let all = found.entry(policy.namespace).or_default();
            let left = MOST_COMPARED.saturating_sub(all.len());
            all.extend(rules(policy).take(left).map(|rule| (policy, rule)));
        }
    }
    found
}

/// Denials are looked at first, so what is within one is never allowed.
fn denied(mesh: &Mesh<'_>, policy: &Object<'_>, denials: &Denials<'_, '_>, report: &mut Report) {
    if !matches!(policy.spec().text("action"), "" | "ALLOW") || !target_refs(policy).is_empty() {
        return;
    }
    const LABELS: &str = "spec.selector.matchLabels";
    let own = Labels::at(policy.raw, LABELS);
    for rule in rules(policy) {
        let near = [policy.namespace, mesh.root].into_iter().filter_map(|ns| denials.get(ns));
        let wider = near.flatten().find(|(other, denial)| {
            Labels::at(other.raw, LABELS).selects(own) && covers(denial.raw, rule.raw)
        });
        if let Some((other, denial)) = wider {
            let what = format!(
                "never allows anything: rule #{} of AuthorizationPolicy `{}` denies all that it matches",
                denial.index,
                other.full_name()
            );
            let field = format!("/spec/rules/{}", rule.index);
            report.add(code::WEFT0102, policy, field, what, "narrow that rule, or remove this one");
        }
    }
}

fn covers(wide: &Value, narrow: &Value) -> bool {
    any_covers(wide, narrow, "from", "source")
        && any_covers(wide, narrow, "to", "operation")
        && wide.list("when").iter().all(|asked| {
            let asks = |given: &&Value| {
                given.text("key") == asked.text("key")
                    && list_covers(asked, given, "values", "notValues")
            };
            narrow.list("when").iter().any(|given| asks(&given))
        })
}

/// Whether each of the narrow alternatives is within one of the wide; none at all means any.
fn any_covers(wide: &Value, narrow: &Value, list: &str, item: &str) -> bool {
    let (wide, narrow) = (wide.list(list), narrow.list(list));
    let within =
        |given: &Value| wide.iter().any(|asked| fields_cover(asked.at(item), given.at(item)));
    wide.is_empty() || (!narrow.is_empty() && narrow.iter().all(within))
}

fn fields_cover(asked: &Value, given: &Value) -> bool {
    asked.entries("").all(|(field, _)| {
        if field.starts_with("not") {
            list_covers(asked, given, "", field)
        } else {
            list_covers(asked, given, field, "")
        }
    })
}

/// Whether what is allowed within `given` is allowed within `asked`, and what is excluded by `asked` is by `given`.
fn list_covers(asked: &Value, given: &Value, values: &str, not_values: &str) -> bool {
    let allowed: Vec<&str> =
        if values.is_empty() { Vec::new() } else { asked.texts(values).collect() };
    let mut narrow = given.texts(values).peekable();
    let is_within = allowed.is_empty()
        || (narrow.peek().is_some()
            && narrow.all(|value| allowed.iter().any(|pattern| pattern_covers(pattern, value))));
    let excluded: Vec<&str> =
        if not_values.is_empty() { Vec::new() } else { asked.texts(not_values).collect() };
    let also: Vec<&str> = given.texts(not_values).collect();
    is_within && excluded.iter().all(|value| also.contains(value))
}

/// Exact, `*`, `prefix*` or `*suffix`.
fn pattern_covers(wide: &str, narrow: &str) -> bool {
    if wide == "*" || wide == narrow {
        true
    } else if let Some(prefix) = wide.strip_suffix('*') {
        narrow.starts_with(prefix)
    } else if let Some(suffix) = wide.strip_prefix('*') {
        narrow.ends_with(suffix)
    } else {
        false
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_rule_with_fewer_conditions_covers_one_with_more() {
        let read = json!({"to": [{"operation": {"methods": ["GET", "HEAD"]}}]});
        let one = json!({
            "from": [{"source": {"principals": ["a"]}}],
            "to": [{"operation": {"methods": ["GET"], "paths": ["/x"]}}]
        });
        assert!(covers(&read, &one) && !covers(&one, &read));
        assert!(covers(&json!({}), &one) && !covers(&one, &json!({})));
        let but = json!({"to": [{"operation": {"notPaths": ["/y"]}}]});
        assert!(!covers(&but, &read));
        assert!(covers(
            &json!({"from": [{"source": {"namespaces": ["pay*"]}}]}),
            &json!({"from": [{"source": {"namespaces": ["payments"]}}]})
        ));
    }
}
