//! DestinationRules, merged per host, and which of them a client uses.
//!
//! Holds: the client's namespace comes before the service's, and that before the root namespace, as in Istio; a client of
//! the root namespace looks at the service's first, so that a rule for everybody does not hide the owner's.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use weft_model::api::destination_rule::DestinationRule;
use weft_model::api::traffic_policy::{
    ClientTls, ConnectionPool, LoadBalancer, OutlierDetection, TrafficPolicy,
};
use weft_model::{Host, HostPattern, Object, Objects, expand};

use crate::{MeshSettings, Service, Visibility};

/// All rules of one namespace for one host that are exported alike.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Namespace and name of the first of them.
    pub name: (String, String),
    /// Names of all of them, in the same namespace.
    pub parts: Vec<String>,
    /// Policy of the whole host.
    pub policy: Option<TrafficPolicy>,
    /// Subsets of all of them.
    pub subsets: Vec<Subset>,
    visibility: Visibility,
}

/// A part of a service's endpoints.
#[derive(Debug, Clone, PartialEq)]
pub struct Subset {
    /// Name.
    pub name: String,
    /// Labels that its pods have.
    pub labels: BTreeMap<String, String>,
    /// Policy that goes before that of the host.
    pub policy: Option<TrafficPolicy>,
}

/// What applies to one port of a host or subset.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Policy<'a> {
    /// How endpoints are chosen.
    pub load_balancer: Option<&'a LoadBalancer>,
    /// Limits.
    pub connection_pool: Option<&'a ConnectionPool>,
    /// Ejection.
    pub outlier_detection: Option<&'a OutlierDetection>,
    /// TLS.
    pub tls: Option<&'a ClientTls>,
}

impl Rule {
    /// The policy of a port, of the whole host or of a subset. Settings of a port stand in for all that is said less
    /// precisely: what they leave out is at its default, and is not inherited.
    #[must_use]
    pub fn policy_of(&self, port: u16, subset: Option<&Subset>) -> Policy<'_> {
        let host = self.policy.as_ref().map(|policy| of_port(policy, port).0).unwrap_or_default();
        let named = subset.and_then(|subset| self.subsets.iter().find(|s| s.name == subset.name));
        match named.and_then(|subset| subset.policy.as_ref()).map(|policy| of_port(policy, port)) {
            None => host,
            Some((own, true)) => own,
            Some((own, false)) => Policy {
                load_balancer: own.load_balancer.or(host.load_balancer),
                connection_pool: own.connection_pool.or(host.connection_pool),
                outlier_detection: own.outlier_detection.or(host.outlier_detection),
                tls: own.tls.or(host.tls),
            },
        }
    }

    fn new(object: &Object<DestinationRule>, settings: &MeshSettings) -> Self {
        let (meta, spec) = (&object.meta, &object.spec);
        let otherwise = &settings.exports.destination_rules;
        Self {
            name: (meta.namespace.clone(), meta.name.clone()),
            parts: Vec::new(),
            policy: None,
            subsets: Vec::new(),
            visibility: Visibility::of(&spec.export_to, otherwise, &meta.namespace),
        }
    }

    /// Takes in a younger rule: its new subsets, and its policy when there is none.
    fn merge(&mut self, object: &Object<DestinationRule>) {
        self.parts.push(object.meta.name.clone());
        for subset in &object.spec.subsets {
            if self.subsets.iter().all(|known| known.name != subset.name) {
                self.subsets.push(Subset {
                    name: subset.name.clone(),
                    labels: subset.labels.clone(),
                    policy: subset.traffic_policy.clone(),
                });
            }
        }
        if self.policy.is_none() {
            self.policy.clone_from(&object.spec.traffic_policy);
        }
    }
}

/// The policy of a port, and whether the port has one of its own.
fn of_port(policy: &TrafficPolicy, port: u16) -> (Policy<'_>, bool) {
    let own = policy
        .port_level_settings
        .iter()
        .find(|entry| entry.port.as_ref().is_some_and(|found| found.number == u32::from(port)));
    let whole = Policy {
        load_balancer: policy.load_balancer.as_ref(),
        connection_pool: policy.connection_pool.as_ref(),
        outlier_detection: policy.outlier_detection.as_ref(),
        tls: policy.tls.as_ref(),
    };
    own.map_or((whole, false), |entry| {
        let own = Policy {
            load_balancer: entry.load_balancer.as_ref(),
            connection_pool: entry.connection_pool.as_ref(),
            outlier_detection: entry.outlier_detection.as_ref(),
            tls: entry.tls.as_ref(),
        };
        (own, true)
    })
}

/// The rules of one namespace.
#[derive(Debug, Default)]
struct Scope {
    exact: HashMap<Host, Vec<Arc<Rule>>>,
    /// Longest first.
    wild: Vec<(HostPattern, Vec<Arc<Rule>>)>,
}

impl Scope {
    /// Rules for a host, the most specific first, then the oldest.
    fn for_host<'a, 'h>(
        &'a self,
        host: &'h Host,
    ) -> impl Iterator<Item = &'a Arc<Rule>> + use<'a, 'h> {
        let wild = self.wild.iter().filter(|(pattern, _)| pattern.matches(host.as_str()));
        let wild = wild.flat_map(|(_, rules)| rules);
        self.exact.get(host).into_iter().flatten().chain(wild)
    }
}

/// All rules.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    by_namespace: BTreeMap<String, Scope>,
}

impl Rules {
    /// Merges rules of one namespace for one host; they come oldest first.
    pub(crate) fn build(settings: &MeshSettings, rules: &Objects<DestinationRule>) -> Self {
        let mut merged: BTreeMap<(String, HostPattern), Vec<Rule>> = BTreeMap::new();
        // A rule for selected clients only must not become everybody's.
        for object in rules.iter().filter(|object| object.spec.workload_selector.is_none()) {
            let namespace = &object.meta.namespace;
            let host = expand(&object.spec.host, namespace, &settings.domain);
            let key = (namespace.clone(), HostPattern::new(host.as_str()));
            let found = merged.entry(key).or_default();
            let mut fresh = Rule::new(object, settings);
            match found.iter_mut().find(|rule| rule.visibility == fresh.visibility) {
                Some(rule) => rule.merge(object),
                None => {
                    fresh.merge(object);
                    found.push(fresh);
                }
            }
        }
        let mut by_namespace: BTreeMap<String, Scope> = BTreeMap::new();
        for ((namespace, pattern), rules) in merged {
            let scope = by_namespace.entry(namespace).or_default();
            let rules = rules.into_iter().map(Arc::new).collect();
            match pattern {
                HostPattern::Exact(host) => drop(scope.exact.insert(host, rules)),
                pattern @ HostPattern::Suffix(_) => scope.wild.push((pattern, rules)),
            }
        }
        for scope in by_namespace.values_mut() {
            scope.wild.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.specificity()));
        }
        Self { by_namespace }
    }

    /// Every rule that some client may use for a host, by namespace.
    pub(crate) fn all<'a>(&'a self, host: &'a Host) -> impl Iterator<Item = &'a Arc<Rule>> {
        self.by_namespace.values().flat_map(move |scope| scope.for_host(host))
    }

    /// The rule that a client of a namespace uses for a service.
    pub(crate) fn find<'a>(
        &'a self,
        client: &str,
        service: &Service,
        root: &str,
    ) -> Option<&'a Arc<Rule>> {
        let in_scope = |namespace: &str, takes: &dyn Fn(&Rule) -> bool| {
            let scope = self.by_namespace.get(namespace)?;
            scope.for_host(&service.host).find(|rule| takes(rule))
        };
        let private = Visibility::Namespaces([root.to_owned()].into());
        let own = |rule: &Rule| client != root || rule.visibility == private;
        let exported = |rule: &Rule| rule.visibility.includes(client);
        in_scope(client, &own)
            .or_else(|| in_scope(&service.namespace, &exported))
            .or_else(|| in_scope(root, &exported))
    }
}
