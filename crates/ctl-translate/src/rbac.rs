//! Access control of a workload.
//!
//! In: the policies that select it. Out: filters for HTTP and for plain connections.
//! Holds: what cannot be judged never lets anybody in: such a condition makes an ALLOW rule match nothing and a DENY rule
//! match more. Source of the semantics: Istio's AuthorizationPolicy.

use std::collections::BTreeMap;

use ctl_snapshot::MeshSnapshot;
use weft_model::Object;
use weft_model::api::authorization_policy::{Action, AuthorizationPolicy, Rule};
use weft_model::api::meta::Metadata;
use weft_proto::envoy::config::listener::v3::Filter;
use weft_proto::envoy::config::rbac::v3::{Policy, rbac};
use weft_proto::envoy::extensions::filters::network::http_connection_manager::v3::HttpFilter;
use weft_proto::google::protobuf::Any;

use crate::domains::Domains;
use crate::http::http_filter;
use crate::listener::network_filter;
use crate::names;
use crate::tokens::Tokens;

mod operation;
mod source;
mod values;

pub(crate) use values::text;

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
    domains: Domains<'a>,
    /// Where the policy stands.
    namespace: &'a str,
}

/// Access control of a workload.
pub(crate) struct Access {
    http: Vec<Rules>,
    tcp: Vec<Rules>,
    tokens: Tokens,
    /// The policies that it was made from.
    pub(crate) policies: Vec<String>,
}

impl Access {
    pub(crate) fn of(
        snapshot: &MeshSnapshot,
        namespace: &str,
        labels: &BTreeMap<String, String>,
    ) -> Self {
        let mut policies = snapshot.config().policies(namespace, labels);
        policies.retain(|policy| !is_dry_run(&policy.meta));
        let domains = Domains::of(snapshot.settings());
        let of = |http: bool| {
            let mut filters = Vec::new();
            // Nobody can be asked for a custom decision yet, so it is "no".
            let order = [(Action::Custom, true), (Action::Deny, true), (Action::Allow, false)];
            for (action, deny) in order {
                let chosen = policies.iter().filter(|policy| policy.spec.action == action);
                let chosen: Vec<_> = chosen.map(|policy| &***policy).collect();
                if !chosen.is_empty() {
                    filters.push(rules(&chosen, deny, http, domains));
                }
            }
            filters
        };
        let kind = ("security.istio.io", "authorization-policy");
        let paths = policies.iter().map(|policy| names::object(kind.0, kind.1, &policy.meta));
        let tokens = Tokens::of(snapshot, namespace, labels);
        let paths = paths.chain(tokens.objects.iter().cloned()).collect();
        Self { http: of(true), tcp: of(false), policies: paths, tokens }
    }

    /// Filters of requests; `reroutes` where routes may ask for claims.
    pub(crate) fn http_filters(&self, reroutes: bool) -> Vec<HttpFilter> {
        let one = |rules: &Rules| {
            let config = HttpRbac { rules: Some(rules.clone()) };
            let name = "envoy.filters.http.rbac";
            http_filter(name, any("envoy.extensions.filters.http.rbac.v3.RBAC", &config))
        };
        self.tokens.http_filter(reroutes).into_iter().chain(self.http.iter().map(one)).collect()
    }

    pub(crate) fn network_filters(&self) -> Vec<Filter> {
        let one = |rules: &Rules| {
            let config = NetworkRbac { rules: Some(rules.clone()), stat_prefix: "tcp.".to_owned() };
            network_filter("rbac", any("envoy.extensions.filters.network.rbac.v3.RBAC", &config))
        };
        self.tcp.iter().map(one).collect()
    }
}

/// A message under the name of Envoy's.
pub(crate) fn any(kind: &str, message: &impl prost::Message) -> Any {
    let type_url = format!("type.googleapis.com/{kind}");
    Any { type_url, value: message.encode_to_vec() }
}

/// A policy that is tried out decides nothing.
fn is_dry_run(meta: &Metadata) -> bool {
    let value = meta.annotations.get("istio.io/dry-run").map(String::as_str);
    matches!(value, Some("1" | "t" | "T" | "true" | "TRUE" | "True"))
}

fn rules(
    policies: &[&Object<AuthorizationPolicy>],
    deny: bool,
    http: bool,
    domains: Domains<'_>,
) -> Rules {
    let action = if deny { rbac::Action::Deny } else { rbac::Action::Allow };
    let mut found = BTreeMap::new();
    for policy in policies {
        let (namespace, name) = (&policy.meta.namespace, &policy.meta.name);
        let reading = Reading { deny, http, domains, namespace };
        for (index, rule) in policy.spec.rules.iter().flatten().enumerate() {
            if let Some(policy) = one(rule, reading) {
                found.insert(format!("ns[{namespace}]-policy[{name}]-rule[{index}]"), policy);
            }
        }
    }
    Rules { action: action.into(), policies: found }
}

/// `None`: the rule matches nothing here. As in Istio a part that cannot be judged makes all of an ALLOW rule match
/// nothing, and is left out of a DENY rule.
fn one(rule: &Rule, reading: Reading<'_>) -> Option<Policy> {
    let conditions = values::Conditions::of(&rule.when, reading)?;
    let permissions = match &rule.to {
        None => vec![operation::all(Vec::new(), &conditions.permissions)],
        Some(list) => {
            let operations = list.iter().filter_map(|to| to.operation.as_ref());
            let all = operations.map(|operation| {
                Some(operation::all(operation::of(operation, reading)?, &conditions.permissions))
            });
            all.collect::<Option<Vec<_>>>()?
        }
    };
    let principals = match &rule.from {
        None => vec![source::all(Vec::new(), &conditions.principals)],
        Some(list) => {
            let sources = list.iter().filter_map(|from| from.source.as_ref());
            let all = sources.map(|source| {
                Some(source::all(source::of(source, reading)?, &conditions.principals))
            });
            all.collect::<Option<Vec<_>>>()?
        }
    };
    (!permissions.is_empty() && !principals.is_empty()).then(|| Policy {
        permissions,
        principals,
        ..Policy::default()
    })
}
