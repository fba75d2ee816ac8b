//! Which VirtualService decides for a host, and which of its routes a proxy may take.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ctl_snapshot::{MeshSnapshot, Service};
use weft_model::api::virtual_service::{HttpMatch, TcpMatch, VirtualService};
use weft_model::{Host, HostPattern, Object, expand};

use crate::view::OutboundView;

pub(crate) type Written<'a> = &'a Arc<Object<VirtualService>>;

/// The VirtualServices of a sidecar, by host; of several for one host the first in precedence decides.
pub(crate) struct VirtualServices<'a> {
    exact: BTreeMap<Host, Written<'a>>,
    /// Longest first.
    wild: Vec<(HostPattern, Written<'a>)>,
}

impl<'a> VirtualServices<'a> {
    pub(crate) fn of(snapshot: &'a MeshSnapshot, view: &'a OutboundView) -> Self {
        let domain = &snapshot.settings().domain;
        let mut exact = BTreeMap::new();
        let mut wild: Vec<(HostPattern, Written<'a>)> = Vec::new();
        for object in snapshot.config().virtual_services_for(&view.namespace) {
            if !in_mesh(&object.spec.gateways) {
                continue;
            }
            for host in &object.spec.hosts {
                let host = expand(host, &object.meta.namespace, domain);
                match HostPattern::new(host.as_str()) {
                    HostPattern::Exact(host) => drop(exact.entry(host).or_insert(object)),
                    pattern if wild.iter().all(|(known, _)| *known != pattern) => {
                        wild.push((pattern, object));
                    }
                    HostPattern::Suffix(_) => {}
                }
            }
        }
        // Stable, so that equally long ones stay in precedence.
        wild.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.specificity()));
        Self { exact, wild }
    }

    /// The one that decides for a host: exact names before wildcards, long wildcards before short ones.
    pub(crate) fn for_host(&self, host: &Host) -> Option<Written<'a>> {
        let pattern = || self.wild.iter().find(|(pattern, _)| pattern.matches(host.as_str()));
        self.exact.get(host).copied().or_else(|| pattern().map(|(_, object)| *object))
    }

    /// Hosts that are no service of the mesh, with who decides for them. As in Istio they are served on port 80, and on
    /// other ports only beside a service of the same VirtualService.
    pub(crate) fn without_service(
        &self,
        context: &Context<'_>,
        services: &[&Service],
    ) -> Vec<(String, Written<'a>)> {
        let config = context.snapshot.config();
        let beside: BTreeSet<_> =
            services.iter().filter_map(|s| self.for_host(&s.host)).map(Arc::as_ptr).collect();
        let served =
            |object: Written<'_>| context.port == 80 || beside.contains(&Arc::as_ptr(object));
        let exact = self.exact.iter().filter(|(host, _)| config.service(host).is_none());
        let exact = exact.map(|(host, object)| (host.to_string(), *object));
        let wild = self.wild.iter().filter(|(pattern, _)| {
            pattern.to_string() != "*"
                && !config.services().any(|service| pattern.matches(service.host.as_str()))
        });
        let wild = wild.map(|(pattern, object)| (pattern.to_string(), *object));
        exact.chain(wild).filter(|(_, object)| served(object)).collect()
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

impl Context<'_> {
    /// May this proxy take the route? `namespace` is that of the object. A list of gateways stands in for the labels and
    /// the namespace of the source, as in Istio.
    pub(crate) fn admits(&self, wanted: &Source<'_>, namespace: &str) -> bool {
        if wanted.port != 0 && wanted.port != u32::from(self.port) {
            return false;
        }
        if !wanted.gateways.is_empty() {
            return self.bound(wanted.gateways, namespace);
        }
        let own = |(key, value): (&String, &String)| {
            self.view.source_labels.iter().any(|(k, v)| k == key && v == value)
        };
        let from = wanted.namespace.is_empty() || wanted.namespace == self.view.namespace;
        from && wanted.labels.iter().all(own)
    }

    /// Does the list of gateways name this one?
    pub(crate) fn bound(&self, gateways: &[String], namespace: &str) -> bool {
        let wanted = self.gateway.unwrap_or("mesh");
        let full = |name: &String| {
            let local = name != "mesh" && !name.contains('/');
            if local { format!("{namespace}/{name}") } else { name.clone() }
        };
        gateways.iter().any(|name| full(name) == wanted)
    }
}
