//! Access control of a workload.
//!
//! In: the policies that select it. Out: filters for HTTP and for plain connections.
//! Holds: what cannot be judged never lets anybody in: such a condition makes an ALLOW rule match nothing and a DENY rule
//! match more. Source of the semantics: Istio's AuthorizationPolicy.

use std::collections::BTreeMap;

use ctl_snapshot::MeshSnapshot;
use weft_model::Object;
use weft_model::api::authorization_policy::{Action, AuthorizationPolicy, Rule};
use weft_proto::envoy::config::listener::v3::Filter;
use weft_proto::envoy::config::rbac::v3::{Policy, rbac};
use weft_proto::envoy::extensions::filters::network::http_connection_manager::v3::HttpFilter;
use weft_proto::google::protobuf::Any;

use crate::http::http_filter;
use crate::listener::network_filter;
use crate::view::InboundView;

mod operation;
mod source;
mod values;

/// Envoy's rules; its own type has no order, and bytes must be the same each time.
#[derive(Clone, PartialEq, prost::Message)]
struct Rules {
    #[prost(int32, tag = "1")]
    action: i32,
    #[prost(btree_map = "string, message", tag = "2")]
    policies: BTreeMap<String, Policy>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct HttpRbac {
    #[prost(message, optional, tag = "1")]
    rules: Option<Rules>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct NetworkRbac {
    #[prost(message, optional, tag = "1")]
    rules: Option<Rules>,
    #[prost(string, tag = "3")]
    stat_prefix: String,
}

/// How rules are read.
#[derive(Clone, Copy)]
struct Reading<'a> {
    /// The filter denies.
    deny: bool,
    /// Requests can be looked at.
    http: bool,
    trust_domain: &'a str,
}

/// Access control of a workload.
pub(crate) struct Access {
    http: Vec<Rules>,
    tcp: Vec<Rules>,
}

impl Access {
    pub(crate) fn of(snapshot: &MeshSnapshot, view: &InboundView) -> Self {
        let policies = snapshot.config().policies(&view.namespace, &view.labels);
        let domain = &snapshot.settings().trust_domain;
        let of = |http: bool| {
            let chosen = |action: Action| {
                let found = policies.iter().map(|policy| &***policy);
                found.filter(|policy| policy.spec.action == action).collect::<Vec<_>>()
            };
            let mut filters = Vec::new();
            // Nobody can be asked for a custom decision yet, so it is "no".
            if !chosen(Action::Custom).is_empty() {
                filters.push(rules(&[], Reading { deny: false, http, trust_domain: domain }));
            }
            for (action, deny) in [(Action::Deny, true), (Action::Allow, false)] {
                let policies = chosen(action);
                if !policies.is_empty() {
                    filters.push(rules(&policies, Reading { deny, http, trust_domain: domain }));
                }
            }
            filters
        };
        Self { http: of(true), tcp: of(false) }
    }

    pub(crate) fn http_filters(&self) -> Vec<HttpFilter> {
        let one = |rules: &Rules| {
            let config = HttpRbac { rules: Some(rules.clone()) };
            let name = "envoy.filters.http.rbac";
            http_filter(name, any("envoy.extensions.filters.http.rbac.v3.RBAC", &config))
        };
        self.http.iter().map(one).collect()
    }

    pub(crate) fn network_filters(&self) -> Vec<Filter> {
        let one = |rules: &Rules| {
            let config = NetworkRbac { rules: Some(rules.clone()), stat_prefix: "tcp.".to_owned() };
            network_filter("rbac", any("envoy.extensions.filters.network.rbac.v3.RBAC", &config))
        };
        self.tcp.iter().map(one).collect()
    }
}

fn any(kind: &str, message: &impl prost::Message) -> Any {
    let type_url = format!("type.googleapis.com/{kind}");
    Any { type_url, value: message.encode_to_vec() }
}

fn rules(policies: &[&Object<AuthorizationPolicy>], reading: Reading<'_>) -> Rules {
    let action = if reading.deny { rbac::Action::Deny } else { rbac::Action::Allow };
    let mut found = BTreeMap::new();
    for policy in policies {
        let (namespace, name) = (&policy.meta.namespace, &policy.meta.name);
        for (index, rule) in policy.spec.rules.iter().flatten().enumerate() {
            if let Some(policy) = one(rule, reading) {
                found.insert(format!("ns[{namespace}]-policy[{name}]-rule[{index}]"), policy);
            }
        }
    }
    Rules { action: action.into(), policies: found }
}

/// `None`: the rule matches nothing here.
fn one(rule: &Rule, reading: Reading<'_>) -> Option<Policy> {
    let conditions = values::Conditions::of(&rule.when, reading)?;
    let mut permissions = Vec::new();
    match &rule.to {
        None => permissions.push(operation::all(Vec::new(), &conditions.permissions)),
        Some(list) => {
            for to in list {
                let Some(operation) = &to.operation else { continue };
                let own = operation::of(operation, reading);
                permissions.extend(own.map(|own| operation::all(own, &conditions.permissions)));
            }
        }
    }
    let mut principals = Vec::new();
    match &rule.from {
        None => principals.push(source::all(Vec::new(), &conditions.principals)),
        Some(list) => {
            for from in list {
                let Some(source) = &from.source else { continue };
                let own = source::of(source, reading);
                principals.extend(own.map(|own| source::all(own, &conditions.principals)));
            }
        }
    }
    (!permissions.is_empty() && !principals.is_empty()).then(|| Policy {
        permissions,
        principals,
        ..Policy::default()
    })
}
