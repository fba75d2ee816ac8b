//! What a proxy knows: the services that its namespace sees, as far as a Sidecar names them.
//!
//! In: a snapshot and a view. Out: egress listeners with their services, oldest first, and all services that have clusters.
//! Holds: what a VirtualService of the scope leads to has clusters too, but neither listeners nor virtual hosts, as in Istio;
//! requests of a port with an egress listener of its own are served by that listener only.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use ctl_snapshot::{
    Alias, MeshSnapshot, Port, Reach as Names, Scope, Service, UnknownDestinations,
};
use weft_model::api::core::PortRef;
use weft_model::api::virtual_service::VirtualService;
use weft_model::{Host, HostPattern, Object, Protocol, expand};

use crate::names;
use crate::route::selection::in_mesh;
use crate::view::OutboundView;

/// What a view reaches.
pub(crate) struct Reach<'a> {
    snapshot: &'a MeshSnapshot,
    namespace: &'a str,
    listeners: Vec<Egress<'a>>,
    /// Hosts that VirtualServices lead to.
    led_to: BTreeSet<Host>,
}

/// One egress listener.
pub(crate) struct Egress<'a> {
    snapshot: &'a MeshSnapshot,
    names: Names,
    services: Vec<&'a Arc<Service>>,
}

impl OutboundView {
    fn scope(&self, snapshot: &MeshSnapshot) -> Option<Scope> {
        snapshot.config().scope(self.sidecar.as_ref()?, &self.namespace)
    }

    /// Requests for hosts that nobody knows go to wherever DNS says. A gateway knows all that it serves.
    pub(crate) fn looks_up_unknown(&self, snapshot: &MeshSnapshot) -> bool {
        let own = self.scope(snapshot).and_then(|scope| scope.unknown);
        let wanted = own.unwrap_or(snapshot.settings().unknown);
        wanted == UnknownDestinations::Called && !self.router
    }

    /// The cluster of destinations that nobody knows; `None` where they are refused.
    pub(crate) fn unknown(&self, snapshot: &MeshSnapshot) -> Option<String> {
        let scope = self.scope(snapshot);
        let own = scope.as_ref().and_then(|scope| scope.unknown);
        match own.unwrap_or(snapshot.settings().unknown) {
            UnknownDestinations::Refused => return None,
            UnknownDestinations::Allowed | UnknownDestinations::Called => {}
        }
        let proxy = scope.and_then(|scope| scope.egress_proxy).map(|to| {
            let host = expand(&to.host, &self.namespace, &snapshot.settings().domain);
            let port = to.port.and_then(|port| u16::try_from(port.number).ok()).unwrap_or(0);
            names::outbound(port, &to.subset, &host)
        });
        Some(proxy.unwrap_or_else(|| names::PASSTHROUGH.to_owned()))
    }
}

impl<'a> Reach<'a> {
    pub(crate) fn of(snapshot: &'a MeshSnapshot, view: &'a OutboundView) -> Self {
        let namespace = view.namespace.as_str();
        let scope = view.scope(snapshot);
        let scoped = scope.is_some();
        let reaches = scope.map_or_else(|| vec![Names::everything()], |scope| scope.reaches);
        let mut led_to = BTreeSet::new();
        let listeners = reaches.into_iter().map(|names| {
            let services = snapshot.config().imported(namespace, |service| names.has(service));
            let egress = Egress { snapshot, names, services };
            if scoped {
                led_to.extend(egress.led_to(view));
            }
            egress
        });
        Self { snapshot, namespace, listeners: listeners.collect(), led_to }
    }

    /// The egress listeners, those with a port first.
    pub(crate) fn listeners(&self) -> &[Egress<'a>] {
        &self.listeners
    }

    /// Whether another name of a service is known to some listener.
    pub(crate) fn names_alias(&self, service: &Service, alias: &Alias) -> bool {
        self.listeners.iter().any(|egress| egress.names_alias(service, alias, self.namespace))
    }

    /// The services that have clusters, by host.
    pub(crate) fn services(&self) -> impl Iterator<Item = &'a Arc<Service>> {
        let all = self.snapshot.config().services_for(self.namespace);
        let named = |service: &Service| {
            self.listeners.iter().any(|listener| listener.names.has(service))
                || self.led_to.contains(&service.host)
        };
        all.filter(move |service| named(service))
    }
}

impl<'a> Egress<'a> {
    /// Whether a VirtualService is in scope.
    pub(crate) fn applies(&self, object: &Object<VirtualService>) -> bool {
        let namespace = &object.meta.namespace;
        let domain = &self.snapshot.settings().domain;
        let mut hosts = object.spec.hosts.iter().map(|host| expand(host, namespace, domain));
        hosts.any(|host| self.names.meets(namespace, &HostPattern::new(host.as_str())))
    }

    /// Whether another name of a service is known here.
    pub(crate) fn names_alias(&self, service: &Service, alias: &Alias, namespace: &str) -> bool {
        alias.visibility.includes(namespace) && self.names.names_alias(service, alias.host.as_str())
    }

    /// The services, oldest first.
    pub(crate) fn services(&self) -> impl Iterator<Item = &'a Arc<Service>> {
        self.services.iter().copied()
    }

    /// The listener of everything that has no listener of its own.
    pub(crate) fn is_of_the_rest(&self) -> bool {
        self.names.port.is_none()
    }

    /// The one port of this listener.
    pub(crate) fn port(&self) -> Option<u16> {
        self.names.port.map(|(number, _)| number)
    }

    /// It is an HTTP proxy: requests may be for any port.
    pub(crate) fn is_forward(&self) -> bool {
        self.names.forward
    }

    /// The address that it listens on, whatever is called.
    pub(crate) fn bind(&self) -> Option<&str> {
        self.names.bind.as_deref()
    }

    /// Applications connect to it.
    pub(crate) fn is_bound(&self) -> bool {
        self.names.bound
    }

    /// The ports of a service that clients may call here. What is spoken is as the listener says.
    pub(crate) fn ports<'s>(&self, service: &'s Service) -> Vec<Cow<'s, Port>> {
        let Some((number, protocol)) = self.names.port else {
            return service.ports.iter().map(Cow::Borrowed).collect();
        };
        if self.is_forward() {
            return vec![Cow::Owned(as_proxy(number))];
        }
        let spoken = |port: &'s Port| match port.protocol == protocol {
            true => Cow::Borrowed(port),
            false => Cow::Owned(Port {
                protocol,
                sni: protocol == Protocol::Tls && service.entry.is_some(),
                ..port.clone()
            }),
        };
        service.port(number).map(spoken).into_iter().collect()
    }

    fn led_to(&self, view: &OutboundView) -> BTreeSet<Host> {
        let all = self.snapshot.config().virtual_services_for(&view.namespace);
        let meant = all.filter(|object| in_mesh(&object.spec.gateways) && self.applies(object));
        let hosts = meant.flat_map(|object| destinations(self.snapshot, object));
        let opened = |host: &Host| {
            let service = self.snapshot.config().service_for(&view.namespace, host);
            let open = |number| service.is_some_and(|service| service.port(number).is_some());
            self.is_forward() || self.port().is_none_or(open)
        };
        hosts.filter(opened).collect()
    }
}

/// The one port that applications connect to, whatever they call.
fn as_proxy(number: u16) -> Port {
    let (name, target) = (String::new(), PortRef::Number(number));
    Port { name, number, target, protocol: Protocol::Http, sni: false }
}

/// Hosts that the routes of an object lead to.
fn destinations(snapshot: &MeshSnapshot, object: &Object<VirtualService>) -> Vec<Host> {
    let spec = &object.spec;
    let http = spec.http.iter().flat_map(|route| {
        let routes = route.route.iter().filter_map(|entry| entry.destination.as_ref());
        let mirrors = route.mirrors.iter().filter_map(|mirror| mirror.destination.as_ref());
        routes.chain(mirrors).chain(route.mirror.as_ref())
    });
    let tcp = spec.tcp.iter().flat_map(|route| &route.route);
    let tls = spec.tls.iter().flat_map(|route| &route.route);
    let bytes = tcp.chain(tls).filter_map(|entry| entry.destination.as_ref());
    let domain = &snapshot.settings().domain;
    let full = |host: &str| {
        let host = expand(host, &object.meta.namespace, domain);
        snapshot.config().aliased(&host).clone()
    };
    http.chain(bytes).map(|to| full(&to.host)).collect()
}
