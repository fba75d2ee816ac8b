//! Rules of `AuthorizationPolicy`.

use serde_json::Value;
use weft_api::authorization_policy::{
    Action, AuthorizationPolicy, Condition, From, Operation, Rule, Source, To,
};
use weft_api::meta::Metadata;
use weft_api::{Read as _, Reader};

use weft_types::address;

use super::findings::code;
use super::{Findings, header, path_template, target};
use crate::Severity;

const DRY_RUN: &str = "istio.io/dry-run";

pub(crate) fn check(meta: &Metadata, spec: &AuthorizationPolicy, findings: &mut Findings) {
    let AuthorizationPolicy { selector, target_ref, target_refs, action, provider, rules } = spec;
    target::check(selector.as_ref(), target_ref.as_ref(), target_refs, findings);
    findings.not_honoured("targetRef", target_ref.is_some());
    findings.not_honoured("targetRefs", !target_refs.is_empty());
    dry_run(meta, *action, findings);
    match (action, provider) {
        (Action::Custom, Some(provider)) if !provider.name.is_empty() => {}
        (Action::Custom, _) => {
            findings.error_in("provider", "has no name", "name the provider of CUSTOM");
        }
        (action, Some(_)) => findings.error_in(
            "provider",
            format!("does not go with action {}", action.as_str()),
            "remove it, or use action CUSTOM",
        ),
        _ => {}
    }
    if *action == Action::Deny && rules.as_ref().is_none_or(Vec::is_empty) {
        findings.error_in(
            "rules",
            "DENY without rules never denies",
            "add a rule; an empty one, `{}`, matches every request",
        );
    }
    if *action == Action::Custom && rules.as_ref().is_none_or(Vec::is_empty) {
        let fix = "add a rule; an empty one, `{}`, matches every request";
        findings.error_in("rules", "CUSTOM without rules never asks", fix);
    }
    let rules = rules.as_deref().unwrap_or_default();
    findings.each("rules", rules, |rule, findings| self::rule(rule, *action, findings));
    findings.not_honoured("action", *action == Action::Audit);
}

/// Stands for a policy that cannot be read: denies all that it could mean.
pub(crate) fn denying(spec: &Value) -> AuthorizationPolicy {
    let mut reader = Reader::default();
    let selector = spec.get("selector").map(|value| <_>::read(value, &mut reader));
    let readable = reader.into_issues().is_empty();
    AuthorizationPolicy {
        selector: selector.filter(|_| readable),
        action: Action::Deny,
        rules: Some(vec![Rule::default()]),
        ..AuthorizationPolicy::default()
    }
}

fn dry_run(meta: &Metadata, action: Action, findings: &mut Findings) {
    let Some(value) = meta.annotations.get(DRY_RUN) else { return };
    let truth = ["1", "t", "T", "true", "TRUE", "True", "0", "f", "F", "false", "FALSE", "False"];
    findings_in_metadata(findings, |findings| {
        if !truth.contains(&value.as_str()) {
            findings.error(format!("{value:?} is neither true nor false"), "write true or false");
        } else if !matches!(action, Action::Allow | Action::Deny) {
            let what = format!("does not go with action {}", action.as_str());
            findings.error(what, "use it with ALLOW or DENY only");
        }
    });
}

fn findings_in_metadata(findings: &mut Findings, check: impl FnOnce(&mut Findings)) {
    findings.at_root(|findings| {
        findings.within("metadata", |findings| {
            findings.within("annotations", |findings| findings.within(DRY_RUN, check));
        });
    });
}

fn rule(rule: &Rule, action: Action, findings: &mut Findings) {
    let Rule { from, to, when } = rule;
    findings.each("from", from.as_deref().unwrap_or_default(), |From { source }, findings| {
        match source {
            None => findings.error("has no source", "add `source`, or remove the entry"),
            Some(source) => findings.within("source", |f| self::source(source, action, f)),
        }
    });
    findings.each("to", to.as_deref().unwrap_or_default(), |To { operation }, findings| {
        match operation {
            None => findings.error("has no operation", "add `operation`, or remove the entry"),
            Some(operation) => findings.within("operation", |f| self::operation(operation, f)),
        }
    });
    findings.each("when", when, |condition, f| self::condition(condition, action, f));
    if action == Action::Deny && denies_connections(rule) {
        let what = "has only conditions on requests, and denies every connection of ports that carry other protocols";
        findings.add(Severity::Warning, code::SUSPICIOUS, what, "name the ports in to.operation");
    }
}

/// On connections that are not HTTP the conditions on requests count as met.
fn denies_connections(rule: &Rule) -> bool {
    let to: Vec<&Operation> =
        rule.to.iter().flatten().filter_map(|entry| entry.operation.as_ref()).collect();
    let from: Vec<&Source> =
        rule.from.iter().flatten().filter_map(|entry| entry.source.as_ref()).collect();
    let ports = |one: &&Operation| !one.ports.is_empty() || !one.not_ports.is_empty();
    let peer = |one: &&Source| {
        let requests = Source {
            request_principals: one.request_principals.clone(),
            not_request_principals: one.not_request_principals.clone(),
            ..Source::default()
        };
        requests != **one
    };
    match to.is_empty() {
        false => !to.iter().any(ports),
        true => !from.is_empty() && !from.iter().any(peer),
    }
}

fn source(source: &Source, action: Action, findings: &mut Findings) {
    let lists = [
        ("principals", &source.principals),
        ("notPrincipals", &source.not_principals),
        ("requestPrincipals", &source.request_principals),
        ("notRequestPrincipals", &source.not_request_principals),
        ("namespaces", &source.namespaces),
        ("notNamespaces", &source.not_namespaces),
        ("serviceAccounts", &source.service_accounts),
        ("notServiceAccounts", &source.not_service_accounts),
        ("trustDomains", &source.trust_domains),
        ("notTrustDomains", &source.not_trust_domains),
        ("ipBlocks", &source.ip_blocks),
        ("notIpBlocks", &source.not_ip_blocks),
        ("remoteIpBlocks", &source.remote_ip_blocks),
        ("notRemoteIpBlocks", &source.not_remote_ip_blocks),
    ];
    if lists.iter().all(|(_, list)| list.is_empty()) {
        findings.error("is empty", "set a field of it, or remove the entry");
    }
    let accounts = !source.service_accounts.is_empty() || !source.not_service_accounts.is_empty();
    let named =
        |names: &[&str]| lists.iter().any(|(name, list)| names.contains(name) && !list.is_empty());
    if accounts && named(&["principals", "notPrincipals", "namespaces", "notNamespaces"]) {
        findings.error(
            "serviceAccounts do not go with principals or namespaces",
            "keep serviceAccounts, or the others",
        );
    }
    for (name, list) in lists {
        findings.each(name, list, |value, findings| {
            filled(value, findings);
            if name.ends_with("pBlocks") && !address::is_range(value) {
                findings.error(format!("{value:?} is no address range"), "write 10.0.0.0/8");
            }
            if name.ends_with("erviceAccounts") {
                service_account(value, findings);
            }
        });
        let peer = matches!(
            name,
            "requestPrincipals"
                | "notRequestPrincipals"
                | "namespaces"
                | "notNamespaces"
                | "principals"
                | "notPrincipals"
                | "serviceAccounts"
                | "notServiceAccounts"
        );
        if action == Action::Custom && peer && !list.is_empty() {
            findings.error_in(name, "does not go with action CUSTOM", "use other fields");
        }
    }
}

/// A field that nobody can judge yet; whatever it says, nobody is let in by it.
fn unjudged(field: &str, set: bool, why: &str, action: Action, findings: &mut Findings) {
    if set {
        let fix = match action {
            Action::Allow => "until then the rule allows nobody",
            Action::Deny | Action::Custom => "until then the rule denies without regard to it",
            Action::Audit => "remove it",
        };
        findings.warning_in(field, code::NOT_HONOURED, why, fix);
    }
}

const LONGEST_ACCOUNT: usize = 320;

fn service_account(value: &str, findings: &mut Findings) {
    let parts: Vec<&str> = value.split('/').collect();
    let plain = parts.iter().all(|part| !part.is_empty() && !part.contains('*'));
    if value.len() > LONGEST_ACCOUNT {
        findings.error("is too long", format!("use at most {LONGEST_ACCOUNT} characters"));
    } else if !value.is_empty() && (parts.len() > 2 || !plain) {
        let what = format!("{value:?} is no service account");
        findings.error(what, "write NAME or NAMESPACE/NAME, without wildcards");
    }
}

/// Istio's bound of lists of service accounts.
const MOST_ACCOUNTS: usize = 16;

fn accounts(field: &str, list: &[String], findings: &mut Findings) {
    if list.len() > MOST_ACCOUNTS {
        let what = format!("has {} service accounts", list.len());
        findings.error_in(field, what, format!("use {MOST_ACCOUNTS} or fewer"));
    }
}

fn filled(value: &str, findings: &mut Findings) {
    if value.is_empty() {
        findings.error("is empty", "write a value, or remove it");
    }
}

fn operation(operation: &Operation, findings: &mut Findings) {
    let lists = [
        ("hosts", &operation.hosts),
        ("notHosts", &operation.not_hosts),
        ("ports", &operation.ports),
        ("notPorts", &operation.not_ports),
        ("methods", &operation.methods),
        ("notMethods", &operation.not_methods),
        ("paths", &operation.paths),
        ("notPaths", &operation.not_paths),
    ];
    if lists.iter().all(|(_, list)| list.is_empty()) {
        findings.error("is empty", "set a field of it, or remove the entry");
    }
    for (name, list) in lists {
        findings.each(name, list, |value, findings| {
            filled(value, findings);
            match name {
                "ports" | "notPorts" => port(value, findings),
                "paths" | "notPaths" => path_template::check(value, findings),
                _ => {}
            }
        });
    }
}

fn port(value: &str, findings: &mut Findings) {
    let digits = value.bytes().all(|b| b.is_ascii_digit());
    match value.parse::<u32>() {
        Ok(1..=65535) if digits => {}
        // Istio takes it so.
        Ok(0) if digits => {
            let what = "no connection has port 0";
            findings.add(Severity::Warning, code::SUSPICIOUS, what, "use 1 to 65535");
        }
        _ => findings.error(format!("{value:?} is no port"), "use 0 to 65535"),
    }
}

fn condition(condition: &Condition, action: Action, findings: &mut Findings) {
    let Condition { key, values, not_values } = condition;
    if key.is_empty() {
        findings.error_in("key", "is missing", "name an attribute, such as source.namespace");
        return;
    }
    if values.is_empty() && not_values.is_empty() {
        findings.error(format!("{key} has nothing to compare with"), "add values or notValues");
    }
    if !is_attribute(key) {
        findings.error_in(
            "key",
            format!("{key:?} is no attribute"),
            "see Istio's list of conditions",
        );
        return;
    }
    for (name, list) in [("values", values), ("notValues", not_values)] {
        findings.each(name, list, |value, findings| match key.as_str() {
            "source.ip" | "remote.ip" | "destination.ip" if !address::is_range(value) => {
                findings.error(format!("{value:?} is no address range"), "write 10.0.0.0/8");
            }
            "destination.port" => port(value, findings),
            "source.serviceAccount" => service_account(value, findings),
            _ => filled(value, findings),
        });
    }
    if key == "source.serviceAccount" {
        accounts("values", values, findings);
        accounts("notValues", not_values, findings);
    }
    let peer =
        matches!(key.as_str(), "source.namespace" | "source.principal" | "source.serviceAccount")
            || key.starts_with("request.auth.");
    if action == Action::Custom && peer {
        findings.error_in("key", "does not go with action CUSTOM", "use another attribute");
    }
    if let Some(name) = key.strip_prefix("request.headers[").and_then(|k| k.strip_suffix(']')) {
        findings.within("key", |findings| header::matched_name(name, findings));
    }
    let metadata = "this version of Weft does not read filters' metadata";
    unjudged("key", key.starts_with("experimental."), metadata, action, findings);
}

fn is_attribute(key: &str) -> bool {
    let plain = [
        "source.ip",
        "remote.ip",
        "source.namespace",
        "source.serviceAccount",
        "source.principal",
        "source.trustDomain",
        "request.auth.principal",
        "request.auth.audiences",
        "request.auth.presenter",
        "destination.ip",
        "destination.port",
        "connection.sni",
    ];
    let keyed = [
        "request.headers",
        "request.experimental.inline.headers",
        "request.auth.claims",
        "experimental.envoy.filters.",
    ];
    plain.contains(&key) || is_keyed(key) && keyed.iter().any(|start| key.starts_with(start))
}

/// `a[b]`, with both parts.
fn is_keyed(key: &str) -> bool {
    let Some((name, rest)) = key.split_once('[') else { return false };
    !name.is_empty() && rest.len() > 1 && rest.ends_with(']')
}
