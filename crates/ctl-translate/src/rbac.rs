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
use weft_proto::envoy::extensions::filters::http::ext_authz::v3 as http;
use weft_proto::envoy::extensions::filters::network::ext_authz::v3 as network;
use weft_proto::envoy::extensions::filters::network::http_connection_manager::v3::HttpFilter;
use weft_proto::google::protobuf::Any;

use crate::domains::Domains;
use crate::http::http_filter;
use crate::listener::network_filter;
use crate::rbac::custom::Asked;
use crate::tokens::Tokens;
use crate::{names, wire};

mod custom;
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
    #[prost(message, optional, tag = "2")]
    shadow_rules: Option<Rules>,
    #[prost(string, tag = "3")]
    shadow_rules_stat_prefix: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct NetworkRbac {
    #[prost(message, optional, tag = "1")]
    rules: Option<Rules>,
    #[prost(message, optional, tag = "2")]
    shadow_rules: Option<Rules>,
    #[prost(string, tag = "3")]
    stat_prefix: String,
    #[prost(string, tag = "5")]
    shadow_rules_stat_prefix: String,
}

/// One step of access control.
#[derive(Clone)]
enum Step {
    /// Rules that decide, and rules that are only watched, with the prefix of what they find.
    Rules { enforced: Option<Rules>, watched: Option<Rules>, prefix: &'static str },
    /// Somebody else decides on a request.
    AskOfRequest(Box<http::ExtAuthz>),
    /// Somebody else decides on a connection.
    AskOfConnection(Box<network::ExtAuthz>),
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
    /// Before tokens are looked at, and behind that.
    http: [Vec<Step>; 2],
    tcp: Vec<Step>,
    tokens: Tokens,
    /// The policies that it was made from.
    pub(crate) policies: Vec<String>,
}

type Policies<'a> = [&'a Object<AuthorizationPolicy>];

impl Access {
    pub(crate) fn of(
        snapshot: &MeshSnapshot,
        namespace: &str,
        labels: &BTreeMap<String, String>,
    ) -> Self {
        let policies = snapshot.config().policies(namespace, labels);
        let all: Vec<&Object<AuthorizationPolicy>> =
            policies.iter().map(|policy| &***policy).collect();
        let domains = Domains::of(snapshot.settings());
        let kind = ("security.istio.io", "authorization-policy");
        let paths = policies.iter().map(|policy| names::object(kind.0, kind.1, &policy.meta));
        let tokens = Tokens::of(snapshot, namespace, labels);
        let paths = paths.chain(tokens.objects.iter().cloned()).collect();
        let asks = |http| asking(snapshot, &all, http, domains);
        let rules = |http| deciding(&all, http, domains);
        let tcp = asks(false).into_iter().chain(rules(false)).collect();
        Self { http: [asks(true), rules(true)], tcp, policies: paths, tokens }
    }

    /// Filters of requests; `reroutes` where routes may ask for claims.
    pub(crate) fn http_filters(&self, reroutes: bool) -> Vec<HttpFilter> {
        let [asked, decided] = &self.http;
        let asked = asked.iter().filter_map(Step::of_requests);
        let decided = decided.iter().filter_map(Step::of_requests);
        asked.chain(self.tokens.http_filter(reroutes)).chain(decided).collect()
    }

    pub(crate) fn network_filters(&self) -> Vec<Filter> {
        self.tcp.iter().filter_map(Step::of_connections).collect()
    }
}

impl Step {
    fn of_requests(&self) -> Option<HttpFilter> {
        Some(match self.clone() {
            Self::Rules { enforced, watched, prefix } => {
                let config = HttpRbac {
                    rules: enforced,
                    shadow_rules: watched,
                    shadow_rules_stat_prefix: prefix.to_owned(),
                };
                let name = "envoy.filters.http.rbac";
                http_filter(name, any("envoy.extensions.filters.http.rbac.v3.RBAC", &config))
            }
            Self::AskOfRequest(config) => {
                http_filter("envoy.filters.http.ext_authz", wire::any(&*config))
            }
            Self::AskOfConnection(_) => return None,
        })
    }

    fn of_connections(&self) -> Option<Filter> {
        Some(match self.clone() {
            Self::Rules { enforced, watched, prefix } => {
                let config = NetworkRbac {
                    rules: enforced,
                    shadow_rules: watched,
                    stat_prefix: "tcp.".to_owned(),
                    shadow_rules_stat_prefix: prefix.to_owned(),
                };
                let kind = "envoy.extensions.filters.network.rbac.v3.RBAC";
                network_filter("rbac", any(kind, &config))
            }
            Self::AskOfConnection(config) => network_filter("ext_authz", wire::any(&*config)),
            Self::AskOfRequest(_) => return None,
        })
    }
}

/// Rules whose matches somebody else decides on.
fn asking(
    snapshot: &MeshSnapshot,
    policies: &Policies<'_>,
    http: bool,
    domains: Domains<'_>,
) -> Vec<Step> {
    let custom = policies.iter().filter(|policy| policy.spec.action == Action::Custom);
    let custom: Vec<_> = custom.filter(|policy| !is_dry_run(&policy.meta)).copied().collect();
    if custom.is_empty() {
        return Vec::new();
    }
    let provider = |policy: &Object<AuthorizationPolicy>| {
        let named = policy.spec.provider.as_ref();
        named.map(|provider| provider.name.clone()).unwrap_or_default()
    };
    let named: Vec<String> = custom.iter().map(|policy| provider(policy)).collect();
    let asked = custom::asked(snapshot, named.iter().map(String::as_str));
    let mut found = rules(&custom, true, http, domains);
    let known = std::mem::take(&mut found.policies);
    let end = if asked.is_some() { "" } else { custom::BAD };
    for policy in &custom {
        let own = format!("ns[{}]-policy[{}]-", policy.meta.namespace, policy.meta.name);
        let of_it = known.iter().filter(|(name, _)| name.starts_with(&own));
        let before = custom::before(&provider(policy));
        let renamed = of_it.map(|(name, rule)| (format!("{before}{name}{end}"), rule.clone()));
        found.policies.extend(renamed);
    }
    let ask = match (asked, http) {
        (None, _) => return vec![Step::Rules { enforced: Some(found), watched: None, prefix: "" }],
        (Some(Asked::Http(config)), true) => Step::AskOfRequest(config),
        (Some(Asked::Grpc(both)), true) => Step::AskOfRequest(Box::new(both.0)),
        (Some(Asked::Grpc(both)), false) => Step::AskOfConnection(Box::new(both.1)),
        // As in Istio: a provider that is asked by requests has no say about other connections.
        (Some(Asked::Http(_)), false) => return Vec::new(),
    };
    let watched = Step::Rules { enforced: None, watched: Some(found), prefix: custom::PREFIX };
    vec![watched, ask]
}

/// Rules that decide, or only say how they would.
fn deciding(policies: &Policies<'_>, http: bool, domains: Domains<'_>) -> Vec<Step> {
    let order = [
        (Action::Deny, true, "istio_dry_run_deny_"),
        (Action::Allow, false, "istio_dry_run_allow_"),
    ];
    let steps = order.into_iter().filter_map(|(action, deny, prefix)| {
        let of_action = policies.iter().filter(|policy| policy.spec.action == action).copied();
        let (tried, meant): (Vec<_>, Vec<_>) =
            of_action.partition(|policy| is_dry_run(&policy.meta));
        let made = |chosen: &Policies<'_>| {
            (!chosen.is_empty()).then(|| rules(chosen, deny, http, domains))
        };
        let (enforced, watched) = (made(&meant), made(&tried));
        let prefix = if watched.is_some() { prefix } else { "" };
        let any = enforced.is_some() || watched.is_some();
        any.then_some(Step::Rules { enforced, watched, prefix })
    });
    steps.collect()
}

/// A message under the name of Envoy's.
pub(crate) fn any(kind: &str, message: &impl prost::Message) -> Any {
    let type_url = format!("type.googleapis.com/{kind}");
    Any { type_url, value: message.encode_to_vec() }
}

/// A policy that is tried out decides nothing; the proxy says what it would decide.
fn is_dry_run(meta: &Metadata) -> bool {
    let value = meta.annotations.get("istio.io/dry-run").map(String::as_str);
    matches!(value, Some("1" | "t" | "T" | "true" | "TRUE" | "True"))
}

fn rules(policies: &Policies<'_>, deny: bool, http: bool, domains: Domains<'_>) -> Rules {
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
