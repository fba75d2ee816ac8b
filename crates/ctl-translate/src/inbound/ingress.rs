//! What a Sidecar says of the ports that it opens, and what rules say of those that services name.
//!
//! In: a snapshot, a view, a port. Out: limits and TLS of the port.
//! Holds: the limits of a Sidecar's listener come before those of the Sidecar, and these before those of the DestinationRule
//! for the port's service, as in Istio: a server must let in what its clients may send.

use std::collections::BTreeMap;
use std::sync::Arc;

use ctl_snapshot::{Client, MeshSnapshot, Mtls};
use weft_model::api::gateway::Tls;
use weft_model::api::sidecar::{Ingress as Listener, Sidecar};
use weft_model::api::traffic_policy::ConnectionPool;
use weft_model::{Host, Object, Protocol};
use weft_proto::envoy::config::core::v3::TransportSocket;

use crate::credential::Credentials;
use crate::gateway::Termination;
use crate::listener::TcpTerms;
use crate::policy;
use crate::view::{InboundPort, InboundView};

/// The ports of a pod, as they are written.
pub(super) struct Ingress<'a> {
    snapshot: &'a MeshSnapshot,
    view: &'a InboundView,
    sidecar: Option<Arc<Object<Sidecar>>>,
}

impl<'a> Ingress<'a> {
    pub(super) fn of(snapshot: &'a MeshSnapshot, view: &'a InboundView) -> Self {
        let named = view.sidecar.as_ref();
        let scope = named.and_then(|name| snapshot.config().scope(name, &view.namespace));
        Self { snapshot, view, sidecar: scope.map(|scope| scope.object) }
    }

    fn listener(&self, number: u16) -> Option<&Listener> {
        let mut all = self.sidecar.as_ref()?.spec.ingress.iter();
        all.find(|one| one.port.as_ref().is_some_and(|port| port.number == u32::from(number)))
    }

    /// Limits of connections.
    pub(super) fn pool(&self, port: &InboundPort) -> Option<&ConnectionPool> {
        let own = self.listener(port.port).and_then(|listener| listener.connection_pool.as_ref());
        let whole =
            || self.sidecar.as_ref().and_then(|one| one.spec.inbound_connection_pool.as_ref());
        own.or_else(whole).or_else(|| self.of_rule(port))
    }

    /// Rules for selected clients say nothing of servers.
    fn of_rule(&self, port: &InboundPort) -> Option<&'a ConnectionPool> {
        let (config, namespace) = (self.snapshot.config(), self.view.namespace.as_str());
        let (host, number) = &port.service;
        let service = config.service_for(namespace, &Host::new(host))?;
        let rule = config.rule(Client { namespace, labels: &BTreeMap::new() }, service)?;
        rule.policy_of(*number, None).connection_pool
    }

    /// How long connections whose bytes are passed on may last.
    pub(super) fn terms(&self, port: &InboundPort) -> TcpTerms<'static> {
        let pool = policy::pool(self.pool(port), self.snapshot.settings());
        let tcp = pool.tcp.as_ref();
        TcpTerms {
            idle: tcp.and_then(|tcp| tcp.idle_timeout).map(|span| span.0),
            longest: tcp.and_then(|tcp| tcp.max_connection_duration).map(|span| span.0),
            ..TcpTerms::default()
        }
    }

    /// TLS of the port's own, which ends here where the mesh's is off; and what is inside.
    pub(super) fn tls(&self, port: u16, mode: Mtls) -> Option<(&Tls, Protocol)> {
        let listener = self.listener(port).filter(|_| mode == Mtls::Disable)?;
        let said = listener.port.as_ref().map(|port| port.protocol.as_str()).unwrap_or_default();
        let inside = match said.to_ascii_uppercase().as_str() {
            "HTTPS" => Protocol::Http,
            "TLS" => Protocol::Tcp,
            other => Protocol::parse(other).unwrap_or(Protocol::Auto),
        };
        Some((listener.tls.as_ref()?, inside))
    }

    /// The socket that ends it.
    pub(super) fn socket(&self, tls: &Tls, bytes: bool) -> TransportSocket {
        let namespace = self.view.namespace.as_str();
        let credentials = Credentials { snapshot: self.snapshot, namespace, keys: false };
        Termination { tls, credentials, bytes }.socket()
    }

    /// The Sidecar, when it opens ports.
    pub(super) fn object(&self) -> Option<&Object<Sidecar>> {
        self.sidecar.as_deref().filter(|one| !one.spec.ingress.is_empty())
    }
}
