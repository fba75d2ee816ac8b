//! Rules and values of AuthorizationPolicies that no request can fit.

use serde_json::Value;

use crate::analyzers::Analyzer;
use crate::code;
use crate::mesh::Mesh;
use crate::report::Report;
use crate::view::{Json, Object, kind, rules};

pub(in crate::analyzers) const ANALYZER: Analyzer = Analyzer::new(
    "weft.RuleNeverMatches",
    "Rules and values of AuthorizationPolicies that no request can fit.",
    &[code::WEFT0120],
    look,
);

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    for policy in mesh.all(kind::AUTHORIZATION_POLICY) {
        for rule in rules(policy) {
            for (field, source) in rule.sources() {
                excludes_itself(policy, &field, source, report);
                is_from_two_places(policy, &field, source, report);
            }
            for (field, operation) in rule.operations() {
                excludes_itself(policy, &field, operation, report);
                values(policy, &field, operation, report);
            }
            for (field, when) in rule.conditions() {
                within(policy, &field, when, ("values", "notValues"), report);
            }
        }
    }
}

/// Lists, and those that take away from them.
const PAIRS: &[(&str, &str)] = &[
    ("principals", "notPrincipals"),
    ("requestPrincipals", "notRequestPrincipals"),
    ("namespaces", "notNamespaces"),
    ("serviceAccounts", "notServiceAccounts"),
    ("ipBlocks", "notIpBlocks"),
    ("remoteIpBlocks", "notRemoteIpBlocks"),
    ("hosts", "notHosts"),
    ("ports", "notPorts"),
    ("methods", "notMethods"),
    ("paths", "notPaths"),
];

fn excludes_itself(policy: &Object<'_>, field: &str, around: &Value, report: &mut Report) {
    PAIRS.iter().for_each(|pair| within(policy, field, around, *pair, report));
}

/// Whether all that one list allows the other one takes away.
fn within(
    policy: &Object<'_>,
    field: &str,
    around: &Value,
    (list, not): (&str, &str),
    report: &mut Report,
) {
    let mut allowed = around.texts(list).peekable();
    let is_taken =
        |value: &str| around.texts(not).any(|pattern| pattern == "*" || pattern == value);
    if allowed.peek().is_some() && allowed.all(is_taken) {
        let what = format!("matches nothing: {not} takes away all that {list} has");
        let fix = "remove the values from one of both";
        report.add(code::WEFT0120, policy, format!("{field}/{not}"), what, fix);
    }
}

/// An identity is of one namespace.
fn is_from_two_places(policy: &Object<'_>, field: &str, source: &Value, report: &mut Report) {
    let is_pattern = |text: &str| text.contains('*');
    let mut principals = source.texts("principals").peekable();
    let mut namespaces = source.texts("namespaces").peekable();
    if principals.peek().is_none() || namespaces.peek().is_none() || namespaces.any(is_pattern) {
        return;
    }
    let is_elsewhere = |principal: &str| {
        let own = principal.split('/').nth(2).filter(|_| !is_pattern(principal));
        own.is_some_and(|own| !source.texts("namespaces").any(|namespace| namespace == own))
    };
    if principals.all(is_elsewhere) {
        let what = "matches nothing: none of the principals is of one of the namespaces";
        let fix = "keep one of both lists; a request must fit both";
        report.add(code::WEFT0120, policy, format!("{field}/namespaces"), what, fix);
    }
}

fn values(policy: &Object<'_>, field: &str, operation: &Value, report: &mut Report) {
    for list in ["methods", "paths", "hosts"] {
        for (index, value) in operation.texts(list).enumerate() {
            if let Some((why, fix)) = misfit(list, value) {
                let what = format!("no request fits `{value}`: {why}");
                report.add(code::WEFT0120, policy, format!("{field}/{list}/{index}"), what, fix);
            }
        }
    }
}

/// Why no request can have a value, and what to do.
fn misfit(list: &str, value: &str) -> Option<(&'static str, &'static str)> {
    let is_small = value.chars().any(|c| c.is_ascii_lowercase());
    let is_relative = !value.starts_with(['/', '*']);
    match list {
        "methods" if is_small => {
            Some(("methods are written in capital letters", "write it in capital letters"))
        }
        "paths" if is_relative => Some(("a path begins with `/`", "begin it with `/` or `*`")),
        "paths" if value.contains('?') => {
            Some(("the query is not part of the path", "write the path only"))
        }
        "hosts" if value.contains('/') => {
            Some(("a host has neither a scheme nor a path", "write the name of the host only"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_no_request_has_are_known() {
        for (list, value) in
            [("methods", "get"), ("paths", "api"), ("paths", "/a?b=1"), ("hosts", "http://a")]
        {
            assert!(misfit(list, value).is_some(), "{value}");
        }
        for (list, value) in [
            ("methods", "GET"),
            ("methods", "*"),
            ("paths", "*/x"),
            ("paths", "/{*}"),
            ("hosts", "*.a"),
        ] {
            assert!(misfit(list, value).is_none(), "{value}");
        }
    }
}
