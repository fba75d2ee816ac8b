//! What is asked for.

use weft_model::api::authorization_policy::Operation;
use weft_proto::envoy::config::core::v3::TypedExtensionConfig;
use weft_proto::envoy::config::rbac::v3::Permission;
use weft_proto::envoy::config::rbac::v3::permission::{Rule, Set};
use weft_proto::envoy::extensions::path::r#match::uri_template::v3::UriTemplateMatchConfig;
use weft_proto::envoy::r#type::matcher::v3::{PathMatcher, path_matcher};

use super::{Reading, values};
use crate::wire;

fn permission(rule: Rule) -> Permission {
    Permission { rule: Some(rule) }
}

/// All of them hold; none means anything.
pub(super) fn all(mut own: Vec<Permission>, more: &[Permission]) -> Permission {
    own.extend(more.iter().cloned());
    match own.len() {
        0 => permission(Rule::Any(true)),
        _ => permission(Rule::AndRules(Set { rules: own })),
    }
}

/// Adds "one of `yes`" and "none of `no`". `None`: a value cannot be read.
pub(super) fn values(
    into: &mut Vec<Permission>,
    yes: &[String],
    no: &[String],
    one: impl Fn(&str) -> Option<Rule>,
) -> Option<()> {
    let any = |values: &[String]| {
        let rules = values.iter().map(|value| one(value).map(permission));
        Some(permission(Rule::OrRules(Set { rules: rules.collect::<Option<_>>()? })))
    };
    if !yes.is_empty() {
        into.push(any(yes)?);
    }
    if !no.is_empty() {
        into.push(permission(Rule::NotRule(Box::new(any(no)?))));
    }
    Some(())
}

pub(super) fn port(value: &str) -> Option<Rule> {
    value.parse::<u16>().ok().map(|port| Rule::DestinationPort(u32::from(port)))
}

pub(super) fn ip(value: &str) -> Option<Rule> {
    values::range(value).map(Rule::DestinationIp)
}

fn path(value: &str) -> Option<Rule> {
    if value.contains("{*}") || value.contains("{**}") {
        let path_template = value.replace("{**}", "**").replace("{*}", "*");
        return Some(Rule::UriTemplate(TypedExtensionConfig {
            name: "envoy.path.match.uri_template.uri_template_matcher".to_owned(),
            typed_config: Some(wire::any(&UriTemplateMatchConfig { path_template })),
        }));
    }
    let rule = Some(path_matcher::Rule::Path(values::text(value)));
    Some(Rule::UrlPath(PathMatcher { rule }))
}

/// The conditions of an operation; `None` when it can match nothing here.
pub(super) fn of(operation: &Operation, reading: Reading<'_>) -> Option<Vec<Permission>> {
    let mut found = Vec::new();
    let o = operation;
    // On a plain connection there is no request to look at.
    let http = |rule: Option<Rule>| rule.filter(|_| reading.http);
    let host = |v: &str| http(Some(Rule::Header(values::header(":authority", v, true))));
    let method = |v: &str| http(Some(Rule::Header(values::header(":method", v, false))));
    let added = [
        values(&mut found, &o.hosts, &o.not_hosts, host),
        values(&mut found, &o.methods, &o.not_methods, method),
        values(&mut found, &o.paths, &o.not_paths, |v| http(path(v))),
        values(&mut found, &o.ports, &o.not_ports, port),
    ];
    let readable = added.iter().all(Option::is_some);
    (readable || reading.deny).then_some(found)
}
