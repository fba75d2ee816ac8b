//! The cluster that is measured: what stands in it, by number.
//!
//! In: sizes. Out: objects as a user, a Deployment's controller or a kubelet would write them.
//! Holds: the same sizes make the same objects. Endpoints are made of pods by the controllers of the control plane itself.

use std::net::Ipv4Addr;

use serde_json::{Value, json};

/// How large, and who sees what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cluster {
    pub(crate) services: usize,
    /// Pods of each service.
    pub(crate) endpoints: usize,
    pub(crate) proxies: usize,
    pub(crate) namespaces: usize,
    /// Every namespace has a Sidecar that shows its own services only.
    pub(crate) scoped: bool,
}

/// A pod: its service, and its number within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) service: usize,
    pub(crate) number: usize,
}

/// Port of every service and pod.
pub(crate) const PORT: u16 = 8080;
/// One service in so many has a route, a rule with subsets, a policy.
const CONFIGURED: usize = 10;

impl Cluster {
    pub(crate) fn namespace(&self, service: usize) -> String {
        format!("ns-{}", service % self.namespaces)
    }

    pub(crate) fn host(&self, service: usize) -> String {
        format!("svc-{service}.{}.svc.cluster.local", self.namespace(service))
    }

    /// Proxies that know of a service.
    pub(crate) fn seers(&self, service: usize) -> usize {
        let sees = |proxy: &Place| {
            !self.scoped || proxy.service % self.namespaces == service % self.namespaces
        };
        self.proxies().filter(sees).count()
    }

    /// Proxies of the pods of a service.
    pub(crate) fn of_service(&self, service: usize) -> usize {
        self.proxies().filter(|place| place.service == service).count()
    }

    /// Pods with a proxy: first one of each service, then a second one of each.
    pub(crate) fn proxies(&self) -> impl Iterator<Item = Place> + use<> {
        let services = self.services;
        (0..self.proxies).map(move |at| Place { service: at % services, number: at / services })
    }

    pub(crate) fn pods(&self) -> impl Iterator<Item = Place> + use<> {
        let Self { services, endpoints, .. } = *self;
        (0..services)
            .flat_map(move |service| (0..endpoints).map(move |number| Place { service, number }))
    }

    /// A service that nobody configured; others for other numbers, as long as there are some.
    pub(crate) fn plain(&self, number: usize) -> usize {
        let at = number % self.plain_count();
        (at + 1 + at / (CONFIGURED - 1)).min(self.services - 1)
    }

    /// How many services nobody configured.
    pub(crate) fn plain_count(&self) -> usize {
        (self.services - self.services.div_ceil(CONFIGURED)).max(1)
    }

    /// A service with a route, a rule and a policy.
    pub(crate) fn configured(&self, number: usize) -> usize {
        number % self.services.div_ceil(CONFIGURED) * CONFIGURED
    }

    /// A resource that a service has in Envoy's configuration.
    pub(crate) fn resource(&self, service: usize) -> String {
        format!("outbound|{PORT}||{}", self.host(service))
    }

    pub(crate) fn address(&self, place: Place) -> Ipv4Addr {
        let at = place.service * self.endpoints.max(16) + place.number;
        let first = u32::from(Ipv4Addr::new(10, 128, 0, 1));
        Ipv4Addr::from(first + u32::try_from(at).unwrap_or(0))
    }

    pub(crate) fn namespace_object(&self, number: usize) -> Value {
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": format!("ns-{number}"),
            "labels": { "istio-injection": "enabled" } } })
    }

    pub(crate) fn service(&self, number: usize) -> Value {
        let app = format!("svc-{number}");
        json!({ "apiVersion": "v1", "kind": "Service",
            "metadata": { "name": app, "namespace": self.namespace(number), "labels": { "app": app } },
            "spec": { "selector": { "app": app },
                "ports": [{ "name": "http", "port": PORT, "targetPort": PORT }] } })
    }

    /// A pod as a Deployment's controller makes it; the control plane puts the proxy into those that have one.
    pub(crate) fn pod(&self, place: Place) -> Value {
        let Place { service, number } = place;
        let (app, injected) = (format!("svc-{service}"), self.has_proxy(place));
        let version = format!("v{}", number % 2 + 1);
        json!({ "apiVersion": "v1", "kind": "Pod",
            "metadata": { "name": format!("{app}-{number}"), "namespace": self.namespace(service),
                "labels": { "app": app, "version": version,
                    "sidecar.istio.io/inject": injected.to_string() } },
            "spec": { "serviceAccountName": "default", "nodeName": "weft",
                "containers": [{ "name": "app", "image": "weft/echo",
                    "ports": [{ "containerPort": PORT, "name": "http" }],
                    "resources": { "requests": { "cpu": "100m", "memory": "64Mi" } } }] } })
    }

    fn has_proxy(&self, place: Place) -> bool {
        let Place { service, number } = place;
        service < self.services && number * self.services + service < self.proxies
    }

    /// What a kubelet says of a pod.
    pub(crate) fn status(&self, place: Place, ready: bool) -> Value {
        let ip = self.address(place).to_string();
        let word = if ready { "True" } else { "False" };
        json!({ "status": { "phase": "Running", "podIP": ip, "podIPs": [{ "ip": ip }],
            "conditions": [{ "type": "Ready", "status": word },
                { "type": "ContainersReady", "status": word }] } })
    }

    /// What users have written: routes, rules and policies of one service in ten.
    pub(crate) fn configuration(&self) -> Vec<(&'static str, &'static str, Value)> {
        let configured = (0..self.services).step_by(CONFIGURED);
        let mut all: Vec<_> = configured
            .flat_map(|service| {
                [
                    ("networking.istio.io", "VirtualService", self.route(service, 1)),
                    ("networking.istio.io", "DestinationRule", self.rule(service)),
                    ("security.istio.io", "AuthorizationPolicy", self.policy(service, 1)),
                ]
            })
            .collect();
        let scopes = if self.scoped { self.namespaces } else { 0 };
        all.extend((0..scopes).map(|at| ("networking.istio.io", "Sidecar", sidecar(at))));
        all
    }

    fn object(&self, api: &str, kind: &str, service: usize, spec: &Value) -> Value {
        json!({ "apiVersion": api, "kind": kind, "spec": spec,
            "metadata": { "name": format!("svc-{service}"), "namespace": self.namespace(service) } })
    }

    /// A route; another number makes another one.
    pub(crate) fn route(&self, service: usize, number: usize) -> Value {
        let host = self.host(service);
        let to = json!([{ "destination": { "host": host } }]);
        let spec = json!({ "hosts": [host], "http": [
            { "match": [{ "uri": { "prefix": format!("/v{number}") } }], "route": to,
                "timeout": "5s", "retries": { "attempts": 3 } },
            { "route": to }] });
        self.object("networking.istio.io/v1", "VirtualService", service, &spec)
    }

    fn rule(&self, service: usize) -> Value {
        let subset = |name: &str| json!({ "name": name, "labels": { "version": name } });
        let spec = json!({ "host": self.host(service), "subsets": [subset("v1"), subset("v2")],
            "trafficPolicy": { "connectionPool": { "http": { "http2MaxRequests": 1000 } } } });
        self.object("networking.istio.io/v1", "DestinationRule", service, &spec)
    }

    /// A policy; another number makes another one.
    pub(crate) fn policy(&self, service: usize, number: usize) -> Value {
        let paths = json!([{ "operation": { "paths": [format!("/v{number}/*")] } }]);
        let spec = json!({ "selector": { "matchLabels": { "app": format!("svc-{service}") } },
            "action": "DENY", "rules": [{ "to": paths }] });
        self.object("security.istio.io/v1", "AuthorizationPolicy", service, &spec)
    }
}

fn sidecar(namespace: usize) -> Value {
    json!({ "apiVersion": "networking.istio.io/v1", "kind": "Sidecar",
        "metadata": { "name": "default", "namespace": format!("ns-{namespace}") },
        "spec": { "egress": [{ "hosts": ["./*"] }] } })
}
