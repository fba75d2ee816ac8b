//! What a gateway opens, who serves it, and what is bound to it: Gateways of Istio and of the Gateway API in one form.
//! In: a mesh. Out: [`GatewayAround`]. Holds: routes are those that translation writes, in its order; who attaches is as judged.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use weft_gateway_api::{GROUP, Judged};
use weft_model::ObjectRef;
use weft_types::similar;

use super::reference;
use crate::complete::namespace;
use crate::{Mesh, Unclear};

mod listeners;
mod routes;

pub use routes::{BoundRoute, Rejected};

/// Label of the pods of a Gateway of the Gateway API.
pub(crate) const OWN_PODS: &str = "gateway.networking.k8s.io/gateway-name";

/// A gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GatewayAround {
    /// `NAMESPACE/NAME`.
    pub gateway: String,
    /// API group of the object.
    pub group: String,
    /// Its class, or the labels of the pods that it selects.
    pub selects: String,
    /// The pods that serve it.
    pub pods: Vec<GatewayPod>,
    /// Where clients reach it: Services of these pods, and addresses that the object tells.
    pub addresses: Vec<String>,
    /// What it opens.
    pub servers: Vec<GatewayServer>,
    /// What its status says.
    pub conditions: Vec<Condition>,
}

/// A pod of a gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GatewayPod {
    /// `NAMESPACE/NAME`.
    pub pod: String,
    /// Whether it is ready; not known of a pod that is only written down.
    pub ready: Option<bool>,
}

/// A server or a listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GatewayServer {
    /// Name of the port or the listener.
    pub name: String,
    /// Its number.
    pub port: u32,
    /// What it speaks.
    pub protocol: String,
    /// Hosts as they were written.
    pub hosts: Vec<String>,
    /// Mode of TLS; empty without.
    pub tls: String,
    /// `NAMESPACE/NAME` of the Secrets that it shows; a file has its path.
    pub certificates: Vec<String>,
    /// Routes that are attached, as the Gateway API counts them.
    pub attached: Option<usize>,
    /// What keeps it from serving.
    pub faults: Vec<String>,
}

/// A condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Condition {
    /// Its type.
    pub name: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// In one word.
    pub reason: String,
    /// In more words.
    pub message: String,
}

impl GatewayAround {
    /// All gateways, by namespace and name.
    #[must_use]
    pub fn all(mesh: &Mesh) -> Vec<Self> {
        let judged = mesh.judged();
        let mut found: Vec<Self> =
            written(mesh).filter_map(|object| Self::about(mesh, &judged, object)).collect();
        found.sort_by(|one, other| (&one.gateway, &one.group).cmp(&(&other.gateway, &other.group)));
        found
    }

    /// The gateways of a name: one of either API may have it.
    ///
    /// # Errors
    /// When there is none.
    pub fn named(mesh: &Mesh, name: &str, namespace: &str) -> Result<Vec<Self>, Unclear> {
        let all = Self::all(mesh);
        let wanted = format!("{namespace}/{name}");
        let names: Vec<String> = all.iter().map(|one| one.gateway.clone()).collect();
        let found: Vec<Self> = all.into_iter().filter(|one| one.gateway == wanted).collect();
        if !found.is_empty() {
            return Ok(found);
        }
        let what = format!("there is no gateway {name} in namespace {namespace}");
        let elsewhere = names.iter().find(|one| one.ends_with(&format!("/{name}")));
        let near = elsewhere.map(String::as_str);
        let near = near.or_else(|| similar(&wanted, names.iter().map(String::as_str)));
        Err(Unclear::new(
            what,
            match near.and_then(|near| near.split_once('/')) {
                Some((space, name)) => format!("did you mean {name}.{space}?"),
                None => "weft gateway list -A lists all".to_owned(),
            },
        ))
    }

    fn about(mesh: &Mesh, judged: &Judged<'_>, object: &Value) -> Option<Self> {
        let name = ObjectRef::of(object);
        let is_istio = name.group != GROUP;
        let own: Vec<&Value> = pods(mesh, object).collect();
        let servers = if is_istio {
            let home = own.first().map_or_else(|| home(object), |pod| namespace(pod));
            listeners::servers(object, home)
        } else {
            listeners::seats(judged, &name)?
        };
        let selects = match is_istio {
            true => labels(&object["spec"]["selector"]),
            false => object["spec"]["gatewayClassName"].as_str().unwrap_or_default().to_owned(),
        };
        let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
        Some(Self {
            gateway: format!("{}/{}", namespace(object), name.name),
            group: name.group,
            selects,
            addresses: addresses(mesh, object, &own),
            pods: own.into_iter().map(pod).collect(),
            servers,
            conditions: conditions.map(condition).collect(),
        })
    }

    /// The object, and the Secrets that it shows.
    #[must_use]
    pub fn objects(&self) -> Vec<ObjectRef> {
        let secrets = self.servers.iter().flat_map(|server| &server.certificates);
        let mut all = vec![reference(&self.group, "Gateway", &self.gateway)];
        all.extend(secrets.map(|one| reference("", "Secret", one)));
        all
    }

    /// Whether it is one of Istio's.
    #[must_use]
    pub fn is_istio(&self) -> bool {
        self.group != GROUP
    }
}

/// Where the pods of an Istio Gateway stand that nobody wrote down: the ingress gateway is part of every mesh.
fn home(gateway: &Value) -> &str {
    let labels = texts(&gateway["spec"]["selector"]);
    let ingress =
        labels.len() == 1 && labels.get("istio").is_some_and(|one| one == "ingressgateway");
    if ingress { "istio-system" } else { namespace(gateway) }
}

/// Every object that is a gateway.
fn written(mesh: &Mesh) -> impl Iterator<Item = &Value> {
    mesh.objects().iter().filter(|object| {
        let group = object["apiVersion"].as_str().unwrap_or_default();
        let known = ["networking.istio.io/", "gateway.networking.k8s.io/"];
        object["kind"] == "Gateway" && known.iter().any(|known| group.starts_with(known))
    })
}

/// The pods that serve a gateway.
pub(crate) fn pods<'a>(mesh: &'a Mesh, gateway: &Value) -> impl Iterator<Item = &'a Value> {
    let (space, selector) = wanted(mesh, gateway);
    mesh.objects().iter().filter(move |object| {
        let own = &object["metadata"]["labels"];
        object["kind"] == "Pod"
            && space.as_deref().is_none_or(|space| namespace(object) == space)
            && selector.iter().all(|(key, value)| own[key].as_str() == Some(value))
    })
}

/// Namespace and labels of the pods that a gateway wants: Istio's in every namespace, the Gateway API's beside it.
pub(crate) fn wanted(mesh: &Mesh, gateway: &Value) -> (Option<String>, BTreeMap<String, String>) {
    if gateway["apiVersion"].as_str().is_none_or(|version| !version.starts_with(GROUP)) {
        return (None, texts(&gateway["spec"]["selector"]));
    }
    let (space, selector) = behind(mesh, gateway);
    (Some(space), selector)
}

/// Namespace and labels of the pods of a Gateway of the Gateway API: its own, or those of the Service that it names.
fn behind(mesh: &Mesh, gateway: &Value) -> (String, BTreeMap<String, String>) {
    let own = namespace(gateway);
    let addresses = gateway["spec"]["addresses"].as_array().into_iter().flatten();
    let mut named =
        addresses.filter(|one| one["type"] == "Hostname").filter_map(|one| one["value"].as_str());
    if let Some(host) = named.next() {
        let mut parts = host.split('.');
        let (name, space) = (parts.next().unwrap_or_default(), parts.next().unwrap_or(own));
        let is = |object: &&Value| {
            object["kind"] == "Service"
                && object["metadata"]["name"] == name
                && namespace(object) == space
        };
        let labels = mesh.objects().iter().find(is).map(|one| texts(&one["spec"]["selector"]));
        if let Some(labels) = labels.filter(|labels| !labels.is_empty()) {
            return (space.to_owned(), labels);
        }
    }
    let name = gateway["metadata"]["name"].as_str().unwrap_or_default();
    (own.to_owned(), BTreeMap::from([(OWN_PODS.to_owned(), name.to_owned())]))
}

fn addresses(mesh: &Mesh, gateway: &Value, pods: &[&Value]) -> Vec<String> {
    let told = gateway["status"]["addresses"].as_array().into_iter().flatten();
    let told = told.filter_map(|one| one["value"].as_str().map(str::to_owned));
    let services = mesh.objects().iter().filter(|object| {
        let selector = texts(&object["spec"]["selector"]);
        object["kind"] == "Service"
            && !selector.is_empty()
            && pods.iter().any(|pod| {
                let own = &pod["metadata"]["labels"];
                namespace(pod) == namespace(object)
                    && selector.iter().all(|(key, value)| own[key].as_str() == Some(value))
            })
    });
    let services = services.map(|service| {
        let ports = service["spec"]["ports"].as_array().into_iter().flatten();
        let ports: Vec<String> = ports.map(|port| port["port"].to_string()).collect();
        let name = service["metadata"]["name"].as_str().unwrap_or_default();
        format!("Service {}/{name}, ports {}", namespace(service), ports.join(", "))
    });
    services.chain(told).collect()
}

fn pod(pod: &Value) -> GatewayPod {
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let mut conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    let ready = || conditions.any(|one| one["type"] == "Ready" && one["status"] == "True");
    let runs = pod["metadata"]["uid"].is_string();
    GatewayPod { pod: format!("{}/{name}", namespace(pod)), ready: runs.then(ready) }
}

fn condition(written: &Value) -> Condition {
    let text = |key: &str| written[key].as_str().unwrap_or_default().to_owned();
    Condition {
        name: text("type"),
        status: text("status"),
        reason: text("reason"),
        message: text("message"),
    }
}

fn texts(map: &Value) -> BTreeMap<String, String> {
    let entries = map.as_object().into_iter().flatten();
    entries.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

fn labels(map: &Value) -> String {
    let all: Vec<String> = texts(map).iter().map(|(key, value)| format!("{key}={value}")).collect();
    if all.is_empty() { "every gateway".to_owned() } else { all.join(",") }
}
