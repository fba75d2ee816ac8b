//! Which VirtualService decides for a host, and which of its routes a proxy may take.

use std::sync::Arc;

use ctl_snapshot::MeshSnapshot;
use weft_model::api::virtual_service::{HttpMatch, VirtualService};
use weft_model::{HostPattern, Object, expand};

use crate::view::OutboundView;

type Written<'a> = &'a Arc<Object<VirtualService>>;

/// The VirtualServices of a sidecar, by host; of several for one host the oldest decides.
pub(crate) struct VirtualServices<'a> {
    by_host: Vec<(HostPattern, Written<'a>)>,
}

impl<'a> VirtualServices<'a> {
    pub(crate) fn of(snapshot: &'a MeshSnapshot, view: &'a OutboundView) -> Self {
        let domain = &snapshot.settings().domain;
        let mut by_host = Vec::new();
        for object in snapshot.config().virtual_services_for(&view.namespace) {
            let gateways = &object.spec.gateways;
            if !gateways.is_empty() && !gateways.iter().any(|name| name == "mesh") {
                continue;
            }
            for host in &object.spec.hosts {
                let host = expand(host, &object.meta.namespace, domain);
                by_host.push((HostPattern::new(host.as_str()), object));
            }
        }
        Self { by_host }
    }

    /// The one that decides for a host: exact names before wildcards, long wildcards before short ones.
    pub(crate) fn for_host(&self, host: &str) -> Option<Written<'a>> {
        let mut best: Option<&(HostPattern, Written<'a>)> = None;
        for entry in self.by_host.iter().filter(|(pattern, _)| pattern.matches(host)) {
            // The first of equals is the oldest.
            if best.is_none_or(|best| entry.0.specificity() > best.0.specificity()) {
                best = Some(entry);
            }
        }
        best.map(|(_, object)| *object)
    }
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

impl Context<'_> {
    /// May this proxy take the route, as far as the condition speaks of proxies?
    pub(crate) fn admits(&self, found: &HttpMatch, namespace: &str) -> bool {
        let port = found.port == 0 || found.port == u32::from(self.port);
        let own = |(key, value): (&String, &String)| {
            self.view.source_labels.iter().any(|(k, v)| k == key && v == value)
        };
        let labels = self.gateway.is_some() || found.source_labels.iter().all(own);
        let source = found.source_namespace.is_empty()
            || self.gateway.is_some()
            || found.source_namespace == self.view.namespace;
        port && labels && source && self.bound(&found.gateways, namespace)
    }

    /// Is the list of gateways empty, or does it name this one?
    pub(crate) fn bound(&self, gateways: &[String], namespace: &str) -> bool {
        let wanted = self.gateway.unwrap_or("mesh");
        let full = |name: &String| {
            let local = name != "mesh" && !name.contains('/');
            if local { format!("{namespace}/{name}") } else { name.clone() }
        };
        gateways.is_empty() || gateways.iter().any(|name| full(name) == wanted)
    }
}
