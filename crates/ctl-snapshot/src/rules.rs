//! DestinationRules, merged per host, and which of them a client uses.
//!
//! Holds: the client's namespace comes before the service's, and that before the root namespace, as in Istio; a client of
//! the root namespace looks at the service's first, so that a rule for everybody does not hide the owner's. Of the rules of
//! one namespace and host one that selects the client comes first, and then the last that selects nobody.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use weft_model::api::destination_rule::DestinationRule;
use weft_model::api::traffic_policy::{
    ClientTls, ConnectionPool, LoadBalancer, OutlierDetection, ProxyProtocol, RetryBudget,
    TrafficPolicy, Tunnel,
};
use weft_model::{Host, HostPattern, Object, Objects, expand};

use crate::{MeshSettings, Service, Visibility, all_same};

/// Who asks for a rule.
#[derive(Debug, Clone, Copy)]
pub struct Client<'a> {
    /// Namespace.
    pub namespace: &'a str,
    /// Labels that some rule looks at.
    pub labels: &'a BTreeMap<String, String>,
}

/// All rules of one namespace for one host that are exported alike and select alike.
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
    /// `exportTo` as it is written; a rule for selected clients is private.
    exports: BTreeSet<String>,
    /// Labels of the clients that it is for; `None` for all.
    selects: Option<BTreeMap<String, String>>,
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
    /// Share of retries.
    pub retry_budget: Option<&'a RetryBudget>,
    /// CONNECT to somewhere behind; not of single ports.
    pub tunnel: Option<&'a Tunnel>,
    /// The client's address is told; not of single ports.
    pub proxy_protocol: Option<&'a ProxyProtocol>,
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
            Some((own, true)) => Policy { retry_budget: host.retry_budget, ..own },
            Some((own, false)) => Policy {
                load_balancer: own.load_balancer.or(host.load_balancer),
                connection_pool: own.connection_pool.or(host.connection_pool),
                outlier_detection: own.outlier_detection.or(host.outlier_detection),
                tls: own.tls.or(host.tls),
                retry_budget: own.retry_budget.or(host.retry_budget),
                tunnel: own.tunnel.or(host.tunnel),
                proxy_protocol: own.proxy_protocol.or(host.proxy_protocol),
            },
        }
    }

    fn new(object: &Object<DestinationRule>, settings: &MeshSettings) -> Self {
        let (meta, spec) = (&object.meta, &object.spec);
        let otherwise = &settings.exports.destination_rules;
        let selects = spec.workload_selector.as_ref().map(|all| all.match_labels.clone());
        let own = || Visibility::Namespaces([meta.namespace.clone()].into());
        let written = || Visibility::of(&spec.export_to, otherwise, &meta.namespace);
        Self {
            name: (meta.namespace.clone(), meta.name.clone()),
            parts: Vec::new(),
            policy: None,
            subsets: Vec::new(),
            visibility: if selects.is_some() { own() } else { written() },
            exports: match selects {
                Some(_) => [".".to_owned()].into(),
                None => spec.export_to.iter().cloned().collect(),
            },
            selects,
        }
    }

    /// Whether a younger rule goes into this one: it is exported alike, or to more that are named.
    fn takes(&self, younger: &Self) -> bool {
        let more = !self.exports.is_empty() && younger.exports.is_superset(&self.exports);
        let other = self.selects.is_some() && younger.selects.is_some();
        (self.exports == younger.exports || more) && (!other || self.selects == younger.selects)
    }

    fn is_private(&self) -> bool {
        self.visibility == Visibility::Namespaces([self.name.0.clone()].into())
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
        retry_budget: policy.retry_budget.as_ref(),
        tunnel: policy.tunnel.as_ref(),
        proxy_protocol: policy.proxy_protocol.as_ref(),
    };
    own.map_or((whole, false), |entry| {
        let own = Policy {
            load_balancer: entry.load_balancer.as_ref(),
            connection_pool: entry.connection_pool.as_ref(),
            outlier_detection: entry.outlier_detection.as_ref(),
            tls: entry.tls.as_ref(),
            retry_budget: None,
            tunnel: policy.tunnel.as_ref(),
            proxy_protocol: policy.proxy_protocol.as_ref(),
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
    /// Rules of exactly this name.
    fn named(&self, name: &HostPattern) -> &[Arc<Rule>] {
        let found = match name {
            HostPattern::Exact(host) => self.exact.get(host),
            wild @ HostPattern::Suffix(_) => {
                self.wild.iter().find(|(known, _)| known == wild).map(|(_, rules)| rules)
            }
        };
        found.map_or(&[], Vec::as_slice)
    }

    fn is(&self, other: &Self) -> bool {
        let known = |host, rules: &[Arc<Rule>]| {
            other.exact.get(host).is_some_and(|known| all_same(known, rules))
        };
        let mut wild = self.wild.iter().zip(&other.wild);
        (self.exact.len(), self.wild.len()) == (other.exact.len(), other.wild.len())
            && self.exact.iter().all(|(host, rules)| known(host, rules))
            && wild.all(|((a, one), (b, other))| a == b && all_same(one, other))
    }

    /// Rules for a host, those of the most specific name first, then the oldest.
    fn by_name<'a, 'h>(
        &'a self,
        host: &'h Host,
    ) -> impl Iterator<Item = &'a Vec<Arc<Rule>>> + use<'a, 'h> {
        let wild = self.wild.iter().filter(|(pattern, _)| pattern.matches(host.as_str()));
        self.exact.get(host).into_iter().chain(wild.map(|(_, rules)| rules))
    }

    fn for_host<'a, 'h>(
        &'a self,
        host: &'h Host,
    ) -> impl Iterator<Item = &'a Arc<Rule>> + use<'a, 'h> {
        self.by_name(host).flatten()
    }

    /// What other namespaces get: of the most specific name that is not private, or nothing.
    fn exported<'a>(&'a self, host: &Host, client: Client<'_>) -> Option<&'a Arc<Rule>> {
        let mut names = self.by_name(host);
        let named = names.find(|rules| rules.iter().any(|rule| !rule.is_private()))?;
        chosen(named, client, |rule| rule.visibility.includes(client.namespace))
    }

    /// What its own namespace gets.
    fn own<'a>(
        &'a self,
        host: &Host,
        client: Client<'_>,
        counts: impl Fn(&Rule) -> bool,
    ) -> Option<&'a Arc<Rule>> {
        self.by_name(host).find_map(|rules| chosen(rules, client, &counts))
    }
}

/// The first that selects the client, else the last that selects nobody.
fn chosen<'a>(
    rules: &'a [Arc<Rule>],
    client: Client<'_>,
    counts: impl Fn(&Rule) -> bool,
) -> Option<&'a Arc<Rule>> {
    let means = |selects: &BTreeMap<String, String>| {
        selects.iter().all(|(key, value)| client.labels.get(key) == Some(value))
    };
    let mut own = rules.iter().filter(|rule| rule.name.0 == client.namespace && counts(rule));
    own.find(|rule| rule.selects.as_ref().is_some_and(means))
        .or_else(|| rules.iter().rfind(|rule| rule.selects.is_none() && counts(rule)))
}

/// All rules.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    by_namespace: BTreeMap<String, Scope>,
}

impl Rules {
    /// Merges rules of one namespace for one host; they come oldest first. Those that were there before stay the same
    /// allocation.
    pub(crate) fn build(
        settings: &MeshSettings,
        rules: &Objects<DestinationRule>,
        before: Option<&Self>,
    ) -> Self {
        let mut merged: BTreeMap<(String, HostPattern), Vec<Rule>> = BTreeMap::new();
        for object in rules {
            let namespace = &object.meta.namespace;
            let host = expand(&object.spec.host, namespace, &settings.domain);
            let key = (namespace.clone(), HostPattern::new(host.as_str()));
            add(merged.entry(key).or_default(), object, settings);
        }
        let mut by_namespace: BTreeMap<String, Scope> = BTreeMap::new();
        for ((namespace, pattern), rules) in merged {
            let old = before.and_then(|before| before.by_namespace.get(&namespace));
            let old = old.map_or(&[][..], |scope| scope.named(&pattern));
            let shared = |rule: Rule| {
                let known = old.iter().find(|known| ***known == rule).cloned();
                known.unwrap_or_else(|| Arc::new(rule))
            };
            let scope = by_namespace.entry(namespace).or_default();
            let rules = rules.into_iter().map(shared).collect();
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

    /// Whether these are the very same rules.
    pub(crate) fn is(&self, other: &Self) -> bool {
        let pairs = self.by_namespace.iter().zip(&other.by_namespace);
        let mut pairs = pairs.map(|((a, one), (b, other))| a == b && one.is(other));
        self.by_namespace.len() == other.by_namespace.len() && pairs.all(|same| same)
    }

    /// Every rule that some client may use for a host, by namespace.
    pub(crate) fn all<'a>(&'a self, host: &'a Host) -> impl Iterator<Item = &'a Arc<Rule>> {
        self.by_namespace.values().flat_map(move |scope| scope.for_host(host))
    }

    /// The rule that a client uses for a service.
    pub(crate) fn find<'a>(
        &'a self,
        client: Client<'_>,
        service: &Service,
        root: &str,
    ) -> Option<&'a Arc<Rule>> {
        let private = Visibility::Namespaces([root.to_owned()].into());
        let own = |rule: &Rule| client.namespace != root || rule.visibility == private;
        let scope = |namespace: &str| self.by_namespace.get(namespace);
        let exported = |namespace: &str| scope(namespace)?.exported(&service.host, client);
        scope(client.namespace)
            .and_then(|scope| scope.own(&service.host, client, own))
            .or_else(|| exported(&service.namespace))
            .or_else(|| exported(root))
    }
}

/// Adds a younger rule to those for its host: into each that takes it, and for itself where none of them is alike.
fn add(known: &mut Vec<Rule>, object: &Object<DestinationRule>, settings: &MeshSettings) {
    let mut fresh = Rule::new(object, settings);
    let mut alike = false;
    for rule in known.iter_mut().filter(|rule| rule.takes(&fresh)) {
        rule.merge(object);
        // Others would not see what went into a private rule only.
        let hidden = rule.is_private() && !fresh.is_private();
        alike |= rule.selects == fresh.selects && !hidden;
    }
    if !alike {
        fresh.merge(object);
        known.push(fresh);
    }
}
