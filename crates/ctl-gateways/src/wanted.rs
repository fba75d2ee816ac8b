//! The objects of one gateway, as they should be.
//!
//! In: a Gateway, and the ports of the sets that add listeners to it. Out: ServiceAccount, Service and Deployment.
//! Holds: a port of a listener is a port of the Service and of the pods, by the same number; proxies bind those below 1024 too.
//! Never: the number of pods. One is what a Deployment has by itself, and who scales it is not overruled.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use weft_api::gateway_api::deployed::{NAME_LABEL, deployed_name};
use weft_api::gateway_api::{Gateway, Infrastructure, Listener};

/// What says that an object was made by us.
pub(crate) const MANAGED: (&str, &str) =
    ("gateway.istio.io/managed", "istio.io-gateway-controller");
const CLASS_LABEL: &str = "gateway.networking.k8s.io/gateway-class-name";
const SERVICE_TYPE: &str = "networking.istio.io/service-type";
const ACCOUNT: &str = "gateway.istio.io/service-account";
const STATUS_PORT: u32 = 15021;

/// A gateway, with what its objects have in common.
struct Made<'a> {
    gateway: &'a Value,
    name: String,
    account: String,
    labels: Value,
    annotations: Value,
    ports: Vec<Port>,
    service_type: &'a str,
}

/// What all objects of a gateway are made of.
pub(crate) fn objects(gateway: &Value, spec: &Gateway, added: &[Listener]) -> Vec<Value> {
    let class = &spec.gateway_class_name;
    let own = text(gateway, "name");
    let name = deployed_name(gateway, class);
    let Infrastructure { labels, annotations, parameters_ref: _ } =
        spec.infrastructure.clone().unwrap_or_default();
    let mut labels: Map<String, Value> =
        labels.into_iter().map(|(key, value)| (key, value.into())).collect();
    labels.insert(NAME_LABEL.to_owned(), own.into());
    labels.insert(CLASS_LABEL.to_owned(), class.clone().into());
    labels.insert(MANAGED.0.to_owned(), MANAGED.1.into());
    let said = &gateway["metadata"]["annotations"];
    let wish = annotations.get(SERVICE_TYPE).map(String::as_str).or(said[SERVICE_TYPE].as_str());
    let service_type = match wish {
        Some(wish @ ("ClusterIP" | "NodePort")) => wish.to_owned(),
        _ => "LoadBalancer".to_owned(),
    };
    let account = said[ACCOUNT].as_str().unwrap_or(&name).to_owned();
    let made = Made {
        gateway,
        account,
        name,
        labels: labels.into(),
        annotations: json!(annotations),
        ports: ports(spec.listeners.iter().chain(added)),
        service_type: &service_type,
    };
    let account = said[ACCOUNT].is_null().then(|| made.service_account());
    account.into_iter().chain([made.service(), made.deployment()]).collect()
}

/// One port of the Service.
#[derive(Debug, PartialEq, Eq)]
struct Port {
    name: String,
    number: u32,
    protocol: String,
}

/// The port that says whether a proxy is ready, then those of the listeners, each once.
fn ports<'a>(listeners: impl Iterator<Item = &'a Listener>) -> Vec<Port> {
    let status =
        Port { name: "status-port".to_owned(), number: STATUS_PORT, protocol: "tcp".to_owned() };
    let mut all = BTreeMap::new();
    let mut order = vec![status];
    for Listener { name, port, protocol, .. } in listeners {
        let served = ["HTTP", "HTTPS", "TLS", "TCP"].contains(&protocol.as_str());
        if !served || *port == STATUS_PORT || all.insert(*port, ()).is_some() {
            continue;
        }
        let protocol = protocol.to_ascii_lowercase();
        let mut name: String = name.replace('.', "-").chars().take(63).collect();
        if order.iter().any(|other| other.name == name) {
            name = format!("{protocol}-{port}");
        }
        order.push(Port { name, number: *port, protocol });
    }
    order
}

impl Made<'_> {
    fn metadata(&self, name: &str) -> Value {
        let owner = json!({"apiVersion": self.gateway["apiVersion"], "kind": "Gateway",
            "name": text(self.gateway, "name"), "uid": self.gateway["metadata"]["uid"]});
        json!({"name": name, "namespace": text(self.gateway, "namespace"), "labels": self.labels,
            "annotations": self.annotations, "ownerReferences": [owner]})
    }

    fn service_account(&self) -> Value {
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": self.metadata(&self.account)})
    }

    fn selector(&self) -> Value {
        json!({NAME_LABEL: text(self.gateway, "name")})
    }

    fn service(&self) -> Value {
        let port = |Port { name, number, protocol }: &Port| {
            json!({"name": name, "port": number, "targetPort": number, "protocol": "TCP",
                "appProtocol": protocol})
        };
        let ports: Vec<Value> = self.ports.iter().map(port).collect();
        json!({"apiVersion": "v1", "kind": "Service", "metadata": self.metadata(&self.name),
            "spec": {"type": self.service_type, "selector": self.selector(), "ports": ports}})
    }

    fn deployment(&self) -> Value {
        let mut labels = self.labels.clone();
        labels["sidecar.istio.io/inject"] = json!("true");
        labels["service.istio.io/canonical-name"] = json!(self.name);
        let mut annotations = self.annotations.clone();
        annotations["inject.istio.io/templates"] = json!("gateway");
        let ports: Vec<Value> = self
            .ports
            .iter()
            .map(|port| json!({"containerPort": port.number, "protocol": "TCP"}))
            .collect();
        let spec = json!({"serviceAccountName": self.account,
            "containers": [{"name": "istio-proxy", "image": "auto", "ports": ports}]});
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": self.metadata(&self.name),
            "spec": {"selector": {"matchLabels": self.selector()},
                "template": {"metadata": {"labels": labels, "annotations": annotations}, "spec": spec}}})
    }
}

fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object["metadata"][field].as_str().unwrap_or_default()
}
