//! Rules of `EnvoyFilter`.

use std::sync::Arc;

use serde_json::Value;
use weft_api::envoy_filter::{
    ApplyTo, Change, EnvoyFilter, FilterMatch, Match, Operation, Patch, PatchContext,
};

use super::findings::code;
use super::{Checked, Findings, envoy, local_limit, pattern, values};
use crate::Problem;
use crate::limits::{self, Inserted, Merged};

/// The filter that HTTP filters live in, by its new and its old name.
const HTTP_MANAGER: [&str; 2] =
    ["envoy.filters.network.http_connection_manager", "envoy.http_connection_manager"];

/// Reads and checks one. Where none of its patches acts, nothing of it does.
pub(crate) fn validate(object: &Value) -> (Option<Checked>, Vec<Problem>) {
    let (found, problems) = super::examine::<EnvoyFilter>(object, |_, spec, findings| {
        check(spec, findings);
        acting(spec, findings);
    });
    let acts = found.spec.config_patches.iter().any(|patch| acts(&found.spec, patch).is_ok());
    match (acts, problems.iter().any(Problem::is_error)) {
        (false, _) => super::idle::<EnvoyFilter>(object, |_, spec, findings| check(spec, findings)),
        (true, true) => (None, problems),
        (true, false) => (Some(Checked::EnvoyFilter(Arc::new(found))), problems),
    }
}

/// Tells of patches that do nothing.
fn acting(spec: &EnvoyFilter, findings: &mut Findings) {
    findings.each("configPatches", &spec.config_patches, |patch, findings| {
        match acts(spec, patch) {
            Err(why) => {
                let what = format!("does nothing in this version of Weft: {why}");
                let fix = "do not rely on it";
                findings.add(crate::Severity::Warning, code::NOT_HONOURED, what, fix);
            }
            Ok(found) => findings.within("patch", |findings| {
                findings.within("value", |findings| found.check(findings));
            }),
        }
    });
}

/// A patch that acts.
enum Acting<'a> {
    Filter(Inserted<'a>),
    Routes(Merged<'a>),
}

impl Acting<'_> {
    fn check(&self, findings: &mut Findings) {
        match *self {
            Self::Filter(Inserted { config, packed, .. }) => {
                findings.within("typed_config", |f| limit(config, packed, f));
            }
            Self::Routes(Merged { config, packed, .. }) => {
                findings.within("typed_per_filter_config", |findings| {
                    findings.within(limits::FILTER, |f| limit(config, packed, f));
                });
            }
        }
    }
}

fn limit(config: &Value, packed: bool, findings: &mut Findings) {
    if !packed {
        return local_limit::check(config, findings);
    }
    findings.within("value", |findings| {
        envoy::message(limits::LOCAL, config, findings);
        local_limit::check(config, findings);
    });
}

fn acts<'a>(spec: &EnvoyFilter, patch: &'a Patch) -> Result<Acting<'a>, String> {
    if !spec.target_refs.is_empty() {
        return Err("targetRefs do not act".to_owned());
    }
    match patch.apply_to {
        ApplyTo::VirtualHost | ApplyTo::HttpRoute => limits::merged(patch).map(Acting::Routes),
        _ => limits::inserted(patch).map(Acting::Filter),
    }
}

fn check(spec: &EnvoyFilter, findings: &mut Findings) {
    let EnvoyFilter { workload_selector, target_refs, config_patches, priority: _ } = spec;
    if workload_selector.is_some() && !target_refs.is_empty() {
        findings.error("is bound in more than one way", "keep workloadSelector or targetRefs");
    }
    values::label_selector("workloadSelector", workload_selector.as_ref(), findings);
    super::target::check(None, None, target_refs, findings);
    findings.add(
        crate::Severity::Warning,
        code::SUSPICIOUS,
        "changes what the mesh makes for proxies, which may be made differently in the next version",
        "use another kind where one can say it",
    );
    findings.each("configPatches", config_patches, patch);
}

fn patch(patch: &Patch, findings: &mut Findings) {
    let Patch { apply_to, matches, patch } = patch;
    if *apply_to == ApplyTo::Invalid {
        findings.error_in("applyTo", "is missing", "say what is changed, such as HTTP_FILTER");
    }
    match patch {
        None => findings.error_in("patch", "is missing", "say how it is changed"),
        Some(change) => findings.within("patch", |f| self::change(change, *apply_to, f)),
    }
    findings.given("match", matches.as_ref(), |m, f| self::matches(m, *apply_to, f));
}

fn change(change: &Change, apply_to: ApplyTo, findings: &mut Findings) {
    let Change { operation, value, filter_class: _ } = change;
    if *operation == Operation::Invalid {
        findings.error_in("operation", "is missing", "use MERGE, ADD, REMOVE, INSERT_BEFORE ...");
        return;
    }
    let Some(value) = value else {
        if *operation != Operation::Remove {
            let what = format!("is missing for {}", operation.as_str());
            findings.error_in("value", what, "write what is merged or added");
        }
        return;
    };
    if let Some(name) = message_of(apply_to) {
        findings.within("value", |f| envoy::message(name, &Value::Object(value.clone()), f));
    }
}

/// What a patch of Envoy's configuration is a part of.
fn message_of(apply_to: ApplyTo) -> Option<&'static str> {
    Some(match apply_to {
        ApplyTo::Cluster => "envoy.config.cluster.v3.Cluster",
        ApplyTo::Listener => "envoy.config.listener.v3.Listener",
        ApplyTo::FilterChain => "envoy.config.listener.v3.FilterChain",
        ApplyTo::NetworkFilter => "envoy.config.listener.v3.Filter",
        ApplyTo::ListenerFilter => "envoy.config.listener.v3.ListenerFilter",
        ApplyTo::HttpFilter => {
            "envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter"
        }
        ApplyTo::RouteConfiguration => "envoy.config.route.v3.RouteConfiguration",
        ApplyTo::VirtualHost => "envoy.config.route.v3.VirtualHost",
        ApplyTo::HttpRoute => "envoy.config.route.v3.Route",
        ApplyTo::ExtensionConfig => "envoy.config.core.v3.TypedExtensionConfig",
        ApplyTo::Bootstrap => "envoy.config.bootstrap.v3.Bootstrap",
        ApplyTo::Invalid => return None,
    })
}

fn matches(matches: &Match, apply_to: ApplyTo, findings: &mut Findings) {
    let Match { context, proxy, listener, route_configuration, cluster, waypoint } = matches;
    if (*context == PatchContext::Waypoint) != waypoint.is_some() {
        let what = "context WAYPOINT and a match of waypoint go together";
        findings.error(what, "set both, or none of them");
    }
    findings.given("proxy", proxy.as_ref(), |proxy, findings| {
        if !proxy.proxy_version.is_empty() {
            findings.within("proxyVersion", |f| pattern::regex(&proxy.proxy_version, f));
        }
    });
    findings.given("waypoint", waypoint.as_ref(), |waypoint, findings| {
        if waypoint.port_number != 0 {
            findings.within("portNumber", |f| values::port(waypoint.port_number, f));
        }
    });
    let given = [
        ("listener", listener.is_some()),
        ("routeConfiguration", route_configuration.is_some()),
        ("cluster", cluster.is_some()),
    ];
    let wanted = match apply_to {
        ApplyTo::Listener | ApplyTo::FilterChain | ApplyTo::NetworkFilter | ApplyTo::HttpFilter => {
            "listener"
        }
        ApplyTo::RouteConfiguration | ApplyTo::VirtualHost | ApplyTo::HttpRoute => {
            "routeConfiguration"
        }
        ApplyTo::Cluster => "cluster",
        ApplyTo::Invalid
        | ApplyTo::ExtensionConfig
        | ApplyTo::Bootstrap
        | ApplyTo::ListenerFilter => return,
    };
    if let Some((field, _)) = given.iter().find(|(field, set)| *set && *field != wanted) {
        let what = format!("does not go with applyTo {}", apply_to.as_str());
        findings.error_in(field, what, format!("use {wanted}"));
        return;
    }
    let filter = listener.as_ref().and_then(|l| l.filter_chain.as_ref());
    let filter = filter.and_then(|chain| chain.filter.as_ref());
    findings.within("listener", |findings| {
        findings.within("filterChain", |findings| {
            findings.given("filter", filter, |f, findings| self::filter(f, apply_to, findings));
        });
    });
}

fn filter(filter: &FilterMatch, apply_to: ApplyTo, findings: &mut Findings) {
    let FilterMatch { name, sub_filter } = filter;
    if matches!(apply_to, ApplyTo::Listener | ApplyTo::FilterChain) {
        let what = format!("has no effect with applyTo {}", apply_to.as_str());
        findings.add(crate::Severity::Warning, code::SUSPICIOUS, what, "remove it");
    }
    if name.is_empty() {
        findings.error_in("name", "is missing", "name the filter");
        return;
    }
    findings.given("subFilter", sub_filter.as_ref(), |sub, findings| {
        if apply_to != ApplyTo::HttpFilter {
            findings.error("goes with applyTo HTTP_FILTER only", "remove it");
        } else if !HTTP_MANAGER.contains(&name.as_str()) {
            findings.error(
                format!("{name} has no filters inside"),
                "match the HTTP connection manager",
            );
        } else if sub.name.is_empty() {
            findings.error_in("name", "is missing", "name the filter");
        }
    });
}
