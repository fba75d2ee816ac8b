//! Which VirtualService decides for a host, and which of its routes a proxy may take.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ctl_snapshot::{MeshSnapshot, Service, gateway_reference};
use weft_model::api::virtual_service::{HttpMatch, TcpMatch, TlsMatch, VirtualService};
use weft_model::{Host, HostPattern, Object, expand};

use crate::reach::Egress;
use crate::view::OutboundView;

pub(crate) type Written<'a> = &'a Arc<Object<VirtualService>>;

/// The VirtualServices of a sidecar, in precedence.
pub(crate) struct VirtualServices<'a> {
    objects: Vec<Bound<'a>>,
    exact: BTreeSet<Host>,
    /// Longest first; of equal ones only the first counts.
    wild: Vec<(HostPattern, Written<'a>)>,
}

/// A VirtualService with its hosts in full.
pub(crate) struct Bound<'a> {
    pub(crate) object: Written<'a>,
    hosts: Vec<HostPattern>,
}

/// Services that can be called on a port, by host.
pub(crate) type OnPort<'s> = BTreeMap<&'s Host, &'s Service>;

impl<'a> VirtualServices<'a> {
    pub(crate) fn of(
        snapshot: &'a MeshSnapshot,
        view: &'a OutboundView,
        egress: &Egress<'_>,
    ) -> Self {
        let domain = &snapshot.settings().domain;
        let visible = snapshot.config().virtual_services_for(&view.namespace);
        let mut found = Self { objects: Vec::new(), exact: BTreeSet::new(), wild: Vec::new() };
        let meant = |object: &Written<'a>| in_mesh(&object.spec.gateways) && egress.applies(object);
        for object in visible.filter(meant) {
            let namespace = &object.meta.namespace;
            let hosts = object.spec.hosts.iter().map(|host| expand(host, namespace, domain));
            let hosts: Vec<HostPattern> =
                hosts.map(|host| HostPattern::new(host.as_str())).collect();
            hosts.iter().for_each(|host| found.learn(host, object));
            found.objects.push(Bound { object, hosts });
        }
        // Stable, so that equally long ones stay in precedence.
        found.wild.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.specificity()));
        found
    }

    fn learn(&mut self, host: &HostPattern, object: Written<'a>) {
        match host {
            HostPattern::Exact(host) => drop(self.exact.insert(host.clone())),
            pattern if self.wild.iter().all(|(known, _)| known != pattern) => {
                self.wild.push((pattern.clone(), object));
            }
            HostPattern::Suffix(_) => {}
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Bound<'a>> {
        self.objects.iter()
    }

    /// All that mean a host, for connections: as in Istio a wildcard counts beside an exact name, and a name counts for a
    /// service that is called by a wildcard.
    pub(crate) fn for_connections(&self, host: &Host) -> impl Iterator<Item = Written<'a>> {
        let host = HostPattern::new(host.as_str());
        let meant = move |bound: &&Bound<'_>| {
            bound.hosts.iter().any(|named| named.intersection(&host).is_some())
        };
        self.objects.iter().filter(meant).map(|bound| bound.object)
    }

    /// The services that a VirtualService decides for, and its hosts that are none: of wildcards only the longest decides,
    /// and none decides for a host that some VirtualService names.
    pub(crate) fn split<'s>(
        &self,
        bound: &Bound<'a>,
        services: &OnPort<'s>,
    ) -> (Vec<&'s Service>, Vec<String>) {
        let (mut known, mut others) = (Vec::new(), Vec::new());
        for host in &bound.hosts {
            match host {
                HostPattern::Exact(exact) => match services.get(exact) {
                    Some(service) => known.push(*service),
                    None => others.push(exact.to_string()),
                },
                pattern @ HostPattern::Suffix(_) => {
                    let name = |service: &Service| HostPattern::new(service.host.as_str());
                    let meant = |service: &&Service| pattern.intersection(&name(service)).is_some();
                    let all = || services.values().copied().filter(meant);
                    if all().next().is_none() {
                        others.push(pattern.to_string());
                    }
                    known.extend(all().filter(|s| self.is_longest(bound.object, &s.host)));
                }
            }
        }
        (known, others)
    }

    fn is_longest(&self, object: Written<'a>, host: &Host) -> bool {
        let longest = || self.wild.iter().find(|(pattern, _)| pattern.matches(host.as_str()));
        !self.exact.contains(host) && longest().is_some_and(|(_, first)| Arc::ptr_eq(first, object))
    }
}

/// Do these gateways mean sidecars?
pub(crate) fn in_mesh(gateways: &[String]) -> bool {
    gateways.is_empty() || gateways.iter().any(|name| name == "mesh")
}

/// For whom routes are written.
pub(crate) struct Context<'a> {
    pub(crate) snapshot: &'a MeshSnapshot,
    pub(crate) view: &'a OutboundView,
    /// `namespace/name` of the Gateway, or a sidecar's mesh.
    pub(crate) gateway: Option<&'a str>,
    /// Port of the service or of the server.
    pub(crate) port: u16,
}

/// The part of a condition that speaks of the proxy and not of its requests.
pub(crate) struct Source<'a> {
    pub(crate) port: u32,
    pub(crate) labels: &'a BTreeMap<String, String>,
    pub(crate) namespace: &'a str,
    pub(crate) gateways: &'a [String],
}

impl<'a> From<&'a HttpMatch> for Source<'a> {
    fn from(found: &'a HttpMatch) -> Self {
        Self {
            port: found.port,
            labels: &found.source_labels,
            namespace: &found.source_namespace,
            gateways: &found.gateways,
        }
    }
}

impl<'a> From<&'a TcpMatch> for Source<'a> {
    fn from(found: &'a TcpMatch) -> Self {
        Self {
            port: found.port,
            labels: &found.source_labels,
            namespace: &found.source_namespace,
            gateways: &found.gateways,
        }
    }
}

impl<'a> From<&'a TlsMatch> for Source<'a> {
    fn from(found: &'a TlsMatch) -> Self {
        Self {
            port: found.port,
            labels: &found.source_labels,
            namespace: &found.source_namespace,
            gateways: &found.gateways,
        }
    }
}

impl Context<'_> {
    /// May this proxy take a route of requests? `namespace` is that of the object. A list of gateways stands in for the
    /// labels and the namespace of the source, as in Istio.
    pub(crate) fn admits(&self, wanted: &Source<'_>, namespace: &str) -> bool {
        self.on_port(wanted)
            && if wanted.gateways.is_empty() {
                self.is_source(wanted)
            } else {
                self.bound(wanted.gateways, namespace)
            }
    }

    /// May this proxy take a route of connections? There a list of gateways is one more condition.
    pub(crate) fn admits_connections(&self, wanted: &Source<'_>, namespace: &str) -> bool {
        let bound = wanted.gateways.is_empty() || self.bound(wanted.gateways, namespace);
        self.on_port(wanted) && self.is_source(wanted) && bound
    }

    fn on_port(&self, wanted: &Source<'_>) -> bool {
        wanted.port == 0 || wanted.port == u32::from(self.port)
    }

    fn is_source(&self, wanted: &Source<'_>) -> bool {
        let own = |(key, value): (&String, &String)| {
            self.view.source_labels.iter().any(|(k, v)| k == key && v == value)
        };
        let from = wanted.namespace.is_empty() || wanted.namespace == self.view.namespace;
        from && wanted.labels.iter().all(own)
    }

    /// Does the list of gateways name this one?
    pub(crate) fn bound(&self, gateways: &[String], namespace: &str) -> bool {
        let wanted = self.gateway.unwrap_or("mesh");
        gateways.iter().any(|name| gateway_reference(name, namespace) == wanted)
    }
}
