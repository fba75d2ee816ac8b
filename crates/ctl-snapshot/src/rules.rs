//! DestinationRules, merged per host, and which of them a client uses.
//!
//! Holds: the client's namespace comes before the service's, and that before the root namespace, as in Istio.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use weft_model::api::destination_rule::DestinationRule;
use weft_model::api::traffic_policy::{
    ClientTls, ConnectionPool, LoadBalancer, OutlierDetection, TrafficPolicy,
};
use weft_model::{Host, HostPattern, Objects, expand};

use crate::{MeshSettings, Visibility};

/// All rules of one namespace for one host.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Namespace and name of the first of them.
    pub name: (String, String),
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
    /// The policy of a port, of the whole host or of a subset.
    #[must_use]
    pub fn policy_of(&self, port: u16, subset: Option<&Subset>) -> Policy<'_> {
        let of_subset = subset
            .and_then(|subset| self.subsets.iter().find(|own| own.name == subset.name))
            .and_then(|subset| subset.policy.as_ref());
        let host = self.policy.as_ref().map(|policy| of_port(policy, port)).unwrap_or_default();
        let own = of_subset.map(|policy| of_port(policy, port)).unwrap_or_default();
        Policy {
            load_balancer: own.load_balancer.or(host.load_balancer),
            connection_pool: own.connection_pool.or(host.connection_pool),
            outlier_detection: own.outlier_detection.or(host.outlier_detection),
            tls: own.tls.or(host.tls),
        }
    }
}

/// A port's own settings stand in for all of the destination's.
fn of_port(policy: &TrafficPolicy, port: u16) -> Policy<'_> {
    let own = policy
        .port_level_settings
        .iter()
        .find(|entry| entry.port.as_ref().is_some_and(|found| found.number == u32::from(port)));
    match own {
        Some(entry) => Policy {
            load_balancer: entry.load_balancer.as_ref(),
            connection_pool: entry.connection_pool.as_ref(),
            outlier_detection: entry.outlier_detection.as_ref(),
            tls: entry.tls.as_ref(),
        },
        None => Policy {
            load_balancer: policy.load_balancer.as_ref(),
            connection_pool: policy.connection_pool.as_ref(),
            outlier_detection: policy.outlier_detection.as_ref(),
            tls: policy.tls.as_ref(),
        },
    }
}

/// All rules.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    by_namespace: HashMap<String, Vec<(HostPattern, Arc<Rule>)>>,
}

impl Rules {
    /// Merges rules of one namespace for one host; they come oldest first.
    pub(crate) fn build(settings: &MeshSettings, rules: &Objects<DestinationRule>) -> Self {
        let mut merged: HashMap<String, Vec<(HostPattern, Rule)>> = HashMap::new();
        // A rule for selected clients only must not become everybody's.
        for object in rules.iter().filter(|object| object.spec.workload_selector.is_none()) {
            let (meta, spec) = (&object.meta, &object.spec);
            let host = expand(&spec.host, &meta.namespace, &settings.domain);
            let pattern = HostPattern::new(host.as_str());
            let subsets = spec.subsets.iter().map(|subset| Subset {
                name: subset.name.clone(),
                labels: subset.labels.clone(),
                policy: subset.traffic_policy.clone(),
            });
            let entries = spec.export_to.iter().map(String::as_str);
            let found = merged.entry(meta.namespace.clone()).or_default();
            match found.iter_mut().find(|(known, _)| *known == pattern) {
                Some((_, rule)) => {
                    for subset in subsets {
                        if rule.subsets.iter().all(|known| known.name != subset.name) {
                            rule.subsets.push(subset);
                        }
                    }
                    rule.policy = rule.policy.take().or_else(|| spec.traffic_policy.clone());
                }
                None => found.push((
                    pattern,
                    Rule {
                        name: (meta.namespace.clone(), meta.name.clone()),
                        policy: spec.traffic_policy.clone(),
                        subsets: subsets.collect(),
                        visibility: Visibility::new(entries, &meta.namespace),
                    },
                )),
            }
        }
        let by_namespace = merged.into_iter().map(|(namespace, mut rules)| {
            rules.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.specificity()));
            (namespace, rules.into_iter().map(|(p, rule)| (p, Arc::new(rule))).collect())
        });
        Self { by_namespace: by_namespace.collect() }
    }

    /// Every rule for a host, by namespace: one per namespace, the most specific.
    pub(crate) fn all(&self, host: &Host) -> Vec<&Arc<Rule>> {
        let mut found: Vec<&Arc<Rule>> = self
            .by_namespace
            .values()
            .filter_map(|rules| rules.iter().find(|(pattern, _)| pattern.matches(host.as_str())))
            .map(|(_, rule)| rule)
            .collect();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        found
    }

    /// The rule that a client of a namespace uses for a host.
    pub(crate) fn find(
        &self,
        client: &str,
        host: &Host,
        service: &str,
        root: &str,
    ) -> Option<&Arc<Rule>> {
        [client, service, root].into_iter().find_map(|namespace| {
            let rules = self.by_namespace.get(namespace)?;
            let visible = rules.iter().find(|(pattern, rule)| {
                pattern.matches(host.as_str()) && rule.visibility.includes(client)
            })?;
            Some(&visible.1)
        })
    }
}
