//! Listeners of a gateway: one per port, with a chain for each way in which its connections are treated.
//!
//! In: what is opened on a port. Out: a listener; none where nothing would be taken.
//! Holds: chains of TLS are told apart by server name; policies of the gateway stand before every chain.

use std::collections::BTreeSet;

use ctl_snapshot::MeshSnapshot;
use weft_model::api::gateway::Tls;
use weft_proto::envoy::config::cluster::v3::Cluster;
use weft_proto::envoy::config::core::v3::TrafficDirection;
use weft_proto::envoy::config::listener::v3::{Filter, FilterChain, FilterChainMatch, Listener};

use super::bytes::Bytes;
use super::servers::{self, Door, Opened, Port};
use super::tls::Termination;
use crate::credential::Credentials;
use crate::http::{Manager, Routes, Side};
use crate::limits::Limits;
use crate::listener::{self, ANY_ADDRESS};
use crate::names;
use crate::rbac::Access;
use crate::route::selection::Context;
use crate::view::{OutboundView, RouterView};

/// What listeners are made of.
pub(super) struct Listeners<'a> {
    pub(super) snapshot: &'a MeshSnapshot,
    pub(super) outbound: &'a OutboundView,
    pub(super) view: &'a RouterView,
    pub(super) access: Access,
    pub(super) limits: &'a Limits,
    /// Some service is looked up by the host that is called.
    pub(super) looks_up: bool,
}

impl Listeners<'_> {
    /// The listener of a port of the pod.
    pub(super) fn listener(&self, door: Door<'_>, opened: &Port<'_>) -> Option<Listener> {
        let (target, bind) = door;
        let address = if bind.is_empty() { ANY_ADDRESS } else { bind };
        let name = format!("{address}_{target}");
        let mut seen = BTreeSet::new();
        let chains = match opened {
            Port::Http(servers) => vec![self.http(&name, door, servers)],
            Port::Bytes(server) => self.bytes(*server).into_iter().collect(),
            Port::Tls(servers) => {
                let chains = servers.iter().flat_map(|one| self.secure(&name, *one, &mut seen));
                chains.collect()
            }
        };
        if chains.is_empty() {
            return None;
        }
        let direction = TrafficDirection::Outbound;
        let mut found = listener::listener(name, address, target, direction);
        if self.view.started.proxy_protocol {
            found.listener_filters.push(listener::proxy_protocol());
        }
        if matches!(opened, Port::Tls(_)) {
            found.listener_filters.push(listener::tls_inspector(&[]));
        }
        found.filter_chains = chains;
        Some(found)
    }

    /// Towards what is passed on by server names of the mesh.
    pub(super) fn clusters(&self, opened: &Port<'_>) -> Vec<Cluster> {
        let Port::Tls(servers) = opened else { return Vec::new() };
        let meant = servers.iter().filter(|one| one.passes_by_itself());
        meant.flat_map(|one| self.routes(*one, &one.gateway_name()).clusters()).collect()
    }

    fn http(&self, listener: &str, door: Door<'_>, servers: &[Opened<'_>]) -> FilterChain {
        let browsers = servers.iter().any(Opened::is_grpc_web);
        let filters = vec![self.requests(listener, servers::http_routes(door), browsers)];
        let mut chain = listener::chain("", None, filters, None);
        chain.metadata = self.made_from(servers.iter(), None);
        chain
    }

    /// What speaks HTTP.
    fn requests(&self, listener: &str, routes: String, grpc_web: bool) -> Filter {
        let manager = Manager {
            side: Side::Gateway,
            grpc_web,
            name: listener,
            routes: Routes::Named(routes),
            limits: self.limits,
            access: self.access.http_filters(true),
            looks_up: self.looks_up,
            access_log: self.snapshot.settings().access_log.as_deref(),
            paths: self.snapshot.settings().paths,
            started: &self.view.started,
            tells_callers: false,
        };
        manager.filter()
    }

    fn bytes(&self, opened: Opened<'_>) -> Option<FilterChain> {
        let name = opened.gateway_name();
        let (filters, object) = self.routes(opened, &name).routed()?;
        let mut chain = listener::chain("", None, self.guarded(filters), None);
        chain.metadata = self.made_from([&opened].into_iter(), Some(object));
        Some(chain)
    }

    fn secure(
        &self,
        listener: &str,
        opened: Opened<'_>,
        seen: &mut BTreeSet<String>,
    ) -> Vec<FilterChain> {
        let name = opened.gateway_name();
        if !opened.terminates() {
            let bytes = self.routes(opened, &name);
            if opened.passes_by_itself() {
                return bytes.of_services(seen);
            }
            let mut chains = bytes.passed(seen);
            for chain in &mut chains {
                let filters = std::mem::take(&mut chain.filters);
                chain.filters = self.guarded(filters);
            }
            return chains;
        }
        let routed = if opened.is_https() {
            Some((vec![self.requests(listener, opened.route_name(), false)], None))
        } else {
            let routed = self.routes(opened, &name).routed();
            routed.map(|(filters, object)| (self.guarded(filters), Some(object)))
        };
        let (Some((filters, object)), Some(tls)) = (routed, opened.tls()) else {
            return Vec::new();
        };
        let termination = self.termination(tls, !opened.is_https());
        if termination.takes_nobody() {
            return Vec::new();
        }
        let socket = termination.socket();
        let condition =
            FilterChainMatch { server_names: opened.server_names(), ..FilterChainMatch::default() };
        seen.extend(opened.hosts());
        let mut chain = listener::chain("", Some(condition), filters, Some(socket));
        chain.metadata = self.made_from([&opened].into_iter(), object);
        vec![chain]
    }

    /// How a server of the gateway ends TLS.
    fn termination<'t>(&'t self, tls: &'t Tls, bytes: bool) -> Termination<'t> {
        let (snapshot, namespace) = (self.snapshot, self.view.namespace.as_str());
        let credentials = Credentials { snapshot, namespace, keys: self.outbound.keys };
        Termination { tls, credentials, bytes }
    }

    /// DNS names of the certificates that a server shows, as far as they are known here.
    pub(super) fn shown_by(&self, opened: &Opened<'_>) -> BTreeSet<String> {
        let tls = opened.tls().map(|tls| self.termination(tls, false));
        tls.map(|tls| tls.dns_names()).unwrap_or_default()
    }

    fn routes<'a>(&'a self, opened: Opened<'a>, gateway: &'a str) -> Bytes<'a> {
        let (snapshot, view) = (self.snapshot, self.outbound);
        let context = Context { snapshot, view, gateway: Some(gateway), port: opened.port };
        Bytes { context, opened }
    }

    /// Policies come before bytes are passed on.
    fn guarded(&self, filters: Vec<Filter>) -> Vec<Filter> {
        self.access.network_filters().into_iter().chain(filters).collect()
    }

    fn made_from<'o>(
        &self,
        servers: impl Iterator<Item = &'o Opened<'o>>,
        route: Option<String>,
    ) -> Option<weft_proto::envoy::config::core::v3::Metadata> {
        let mut objects = self.access.policies.clone();
        objects.extend(
            servers.map(|one| names::object("networking.istio.io", "gateway", &one.gateway.meta)),
        );
        objects.extend(route);
        objects.dedup();
        listener::made_from(objects)
    }
}
