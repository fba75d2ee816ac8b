//! Which objects act on a pod, a service or a gateway, and how.
//!
//! In: a mesh, a name, the namespace of the clients that are meant. Out: [`PodAround`], [`ServiceAround`].
//! Holds: scope and precedence are those of the snapshot that translation reads; nothing is looked up by its own rules here.
//! Never: says what becomes of a call; that is [`crate::Proxies::explain`].

use ctl_snapshot::Mtls;
use serde::Serialize;
use serde_json::Value;
use weft_model::ObjectRef;
use weft_model::api::core::PortRef;

use crate::access::accepting;
use crate::{Mesh, Origin, PolicyOfPod, Proxy, Unclear};

mod gateway;
mod service;

pub use gateway::{BoundRoute, Condition, GatewayAround, GatewayPod, GatewayServer, Rejected};
pub(crate) use gateway::{pods as pods_of_gateway, wanted as wanted_by_gateway};
pub use service::{Route, Rules, ServiceAround, Subset};

/// What acts on a pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PodAround {
    /// `NAMESPACE/NAME`.
    pub pod: String,
    /// A proxy stands beside its application.
    pub meshed: bool,
    /// The name in its certificate.
    pub identity: String,
    /// `NAMESPACE/NAME` of the Sidecar that narrows what it knows.
    pub sidecar: Option<String>,
    /// Ports that Services send to.
    pub ports: Vec<PodPort>,
    /// AuthorizationPolicies, in the order in which they are asked.
    pub policies: Vec<PolicyOfPod>,
    /// `NAMESPACE/NAME` of RequestAuthentications.
    pub request_authentications: Vec<String>,
    /// The services that select it.
    pub services: Vec<ServiceAround>,
}

/// A port of a pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PodPort {
    /// Its number.
    pub port: u16,
    /// `HOST:PORT` that leads there.
    pub host: String,
    /// What it accepts: `STRICT`, `PERMISSIVE` or `DISABLE`.
    pub mtls: &'static str,
    /// The PeerAuthentication that says so, as `NAMESPACE/NAME`; none where it is the mesh's default.
    pub because_of: Option<String>,
}

impl PodAround {
    /// What acts on a pod, as clients of its own namespace have it.
    ///
    /// # Errors
    /// When the mesh has no such pod.
    pub fn of(mesh: &Mesh, name: &str, namespace: &str) -> Result<Self, Unclear> {
        let proxy = Proxy::find(mesh, &Origin::Inbound(name.to_owned(), namespace.to_owned()))?;
        let (workload, config) = (&proxy.workload, mesh.snapshot().config());
        let (namespace, labels) = (workload.namespace(), workload.labels());
        let selecting: Vec<_> = config
            .services_in(namespace)
            .filter(|service| service::selects(&service.selector, labels))
            .collect();
        let pod = mesh.objects().iter().find(|object| {
            let meta = &object["metadata"];
            object["kind"] == "Pod"
                && meta["name"] == *workload.name()
                && meta["namespace"].as_str().unwrap_or("default") == namespace
        });
        let mut ports = Vec::new();
        for service in &selecting {
            for port in &service.ports {
                let Some(number) = number(&port.target, pod) else { continue };
                let because_of = accepting(config, namespace, labels, number);
                ports.push(PodPort {
                    port: number,
                    host: format!("{}:{}", service.host, port.number),
                    mtls: match config.mtls(namespace, labels, number) {
                        Mtls::Strict => "STRICT",
                        Mtls::Permissive => "PERMISSIVE",
                        Mtls::Disable => "DISABLE",
                    },
                    because_of: because_of
                        .map(|object| format!("{}/{}", object.meta.namespace, object.meta.name)),
                });
            }
        }
        let tokens = config.request_authentications(namespace, labels);
        let tokens =
            tokens.iter().map(|object| format!("{}/{}", object.meta.namespace, object.meta.name));
        let sidecar = config.sidecar(namespace, labels);
        Ok(Self {
            pod: format!("{namespace}/{}", workload.name()),
            meshed: workload.is_meshed(),
            identity: workload.identity(&mesh.snapshot().settings().trust_domain),
            sidecar: sidecar.map(|(namespace, name)| format!("{namespace}/{name}")),
            ports,
            policies: proxy.policies(mesh),
            request_authentications: tokens.collect(),
            services: selecting
                .into_iter()
                .map(|service| ServiceAround::about(mesh, service, namespace))
                .collect(),
        })
    }

    /// The objects of it that somebody wrote, itself among them.
    #[must_use]
    pub fn objects(&self) -> Vec<ObjectRef> {
        let security = |kind: &str, name: &str| reference("security.istio.io", kind, name);
        let mut all = vec![reference("", "Pod", &self.pod)];
        all.extend(self.policies.iter().map(|one| security("AuthorizationPolicy", &one.policy)));
        let tokens = self.request_authentications.iter();
        all.extend(tokens.map(|one| security("RequestAuthentication", one)));
        let peers = self.ports.iter().filter_map(|port| port.because_of.as_deref());
        all.extend(peers.map(|one| security("PeerAuthentication", one)));
        let sidecar = self.sidecar.iter();
        all.extend(sidecar.map(|one| reference("networking.istio.io", "Sidecar", one)));
        all.extend(self.services.iter().flat_map(ServiceAround::objects));
        all
    }
}

/// The port of a pod that a Service means.
fn number(target: &PortRef, pod: Option<&Value>) -> Option<u16> {
    let wanted = match target {
        PortRef::Number(number) => return Some(*number),
        PortRef::Name(name) => name,
    };
    let containers = pod?["spec"]["containers"].as_array()?;
    let ports = containers.iter().filter_map(|container| container["ports"].as_array()).flatten();
    let mut named = ports.filter(|port| port["name"].as_str() == Some(wanted));
    u16::try_from(named.next()?["containerPort"].as_u64()?).ok()
}

/// An object of `NAMESPACE/NAME`.
fn reference(group: &str, kind: &str, name: &str) -> ObjectRef {
    let (namespace, name) = name.split_once('/').unwrap_or(("", name));
    ObjectRef {
        group: group.to_owned(),
        kind: kind.to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    }
}
