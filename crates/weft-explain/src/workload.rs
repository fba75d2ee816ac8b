//! Which workload a name means, and how its proxy names itself.
//!
//! In: a name, a mesh. Out: the node of a proxy. Holds: a pod of the name comes before pods of a workload of the name.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::{Map, Value, json};
use weft_proto::envoy::config::core::v3::Node;
use weft_proto::google::protobuf::value::Kind;
use weft_proto::google::protobuf::{ListValue, Struct, Value as Wire};
use weft_types::similar;

use crate::around::{pods_of_gateway, wanted_by_gateway};
use crate::complete::namespace;
use crate::{Mesh, Origin, Unclear, meshed};

/// A proxy's pod.
#[derive(Debug, Clone)]
pub(crate) struct Workload {
    router: bool,
    name: String,
    namespace: String,
    address: Option<String>,
    labels: BTreeMap<String, String>,
    /// `proxy.istio.io/config` of the pod.
    wish: Option<String>,
    account: Option<String>,
    /// A proxy stands beside its application.
    meshed: bool,
}

impl Workload {
    /// Finds the workload whose proxy decides first.
    pub(crate) fn find(mesh: &Mesh, origin: &Origin) -> Result<Self, Unclear> {
        match origin {
            Origin::From(name, namespace) | Origin::Inbound(name, namespace) => {
                let pod = pod(mesh, name, namespace)?;
                Ok(Self::of(mesh, pod, false))
            }
            Origin::Gateway(name, namespace) => Self::gateway(mesh, name, namespace),
        }
    }

    /// The workload of a pod that has this address; one that has ended may have had it before.
    pub(crate) fn at(mesh: &Mesh, ip: IpAddr) -> Option<Self> {
        let ended =
            |pod: &Value| ["Succeeded", "Failed"].iter().any(|p| pod["status"]["phase"] == *p);
        let has = |pod: &&Value| {
            !ended(pod) && address(pod).and_then(|text| text.parse().ok()) == Some(ip)
        };
        pods(mesh).find(has).map(|pod| Self::of(mesh, pod, is_gateway(pod)))
    }

    pub(crate) fn of(mesh: &Mesh, pod: &Value, router: bool) -> Self {
        Self {
            router,
            name: name(pod).to_owned(),
            namespace: namespace(pod).to_owned(),
            address: address(pod).map(str::to_owned),
            labels: texts(&pod["metadata"]["labels"]),
            wish: pod["metadata"]["annotations"]["proxy.istio.io/config"]
                .as_str()
                .map(str::to_owned),
            account: pod["spec"]["serviceAccountName"].as_str().map(str::to_owned),
            meshed: router || meshed::is_meshed(mesh, pod),
        }
    }

    /// The pod that serves a Gateway; where none is there, one that has the labels that the Gateway asks for.
    fn gateway(mesh: &Mesh, wanted: &str, space: &str) -> Result<Self, Unclear> {
        let gateway = mesh.objects().iter().find(|object| {
            object["kind"] == "Gateway" && name(object) == wanted && namespace(object) == space
        });
        let Some(gateway) = gateway else {
            let found = pod(mesh, wanted, space).map(|pod| Self::of(mesh, pod, true));
            return found.or_else(|unclear| Self::behind(mesh, wanted, space).ok_or(unclear));
        };
        let mut pods: Vec<&Value> = pods_of_gateway(mesh, gateway).collect();
        pods.sort_by_key(|pod| (namespace(pod) != space, namespace(pod), name(pod)));
        let own = || Self::bare(wanted, space, wanted_by_gateway(mesh, gateway).1);
        Ok(pods.first().map_or_else(own, |pod| Self::of(mesh, pod, true)))
    }

    /// A gateway of which only the Service was written.
    fn behind(mesh: &Mesh, wanted: &str, space: &str) -> Option<Self> {
        let mut services = mesh.objects().iter().filter(|object| object["kind"] == "Service");
        let service = services.find(|one| name(one) == wanted && namespace(one) == space)?;
        let labels = texts(&service["spec"]["selector"]);
        (!labels.is_empty()).then(|| Self::bare(wanted, space, labels))
    }

    /// A gateway's pod that nobody wrote down.
    fn bare(name: &str, namespace: &str, labels: BTreeMap<String, String>) -> Self {
        Self {
            router: true,
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            address: None,
            labels,
            wish: None,
            account: None,
            meshed: true,
        }
    }

    /// How its proxy names itself to the control plane.
    pub(crate) fn node(&self, mesh: &Mesh) -> Node {
        let Self { name, namespace, .. } = self;
        let domain = &mesh.snapshot().settings().domain;
        let kind = if self.router { "router" } else { "sidecar" };
        let address = self.address.as_deref().unwrap_or("0.0.0.0");
        let metadata = json!({
            "LABELS": self.labels,
            "NAMESPACE": namespace,
            "PROXY_CONFIG": mesh.started(self.wish.as_deref()),
        });
        Node {
            id: format!("{kind}~{address}~{name}.{namespace}~{namespace}.svc.{domain}"),
            metadata: metadata.as_object().map(fields),
            ..Node::default()
        }
    }

    /// Namespace of the pod.
    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Address of the pod.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.address.as_deref()?.parse().ok()
    }

    /// Name of the pod.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Labels of the pod.
    pub(crate) const fn labels(&self) -> &BTreeMap<String, String> {
        &self.labels
    }

    /// Whether it is a gateway, which leads calls on.
    pub(crate) const fn is_gateway(&self) -> bool {
        self.router
    }

    /// Whether a proxy stands beside its application.
    pub(crate) const fn is_meshed(&self) -> bool {
        self.meshed
    }

    /// The name in its certificate.
    pub(crate) fn identity(&self, trust_domain: &str) -> String {
        let account = self.account.as_deref().unwrap_or("default");
        format!("spiffe://{trust_domain}/ns/{}/sa/{account}", self.namespace)
    }
}

fn fields(written: &Map<String, Value>) -> Struct {
    let fields = written.iter().map(|(name, value)| (name.clone(), wire(value)));
    Struct { fields: fields.collect() }
}

fn wire(value: &Value) -> Wire {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(truth) => Kind::BoolValue(*truth),
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        Value::String(text) => Kind::StringValue(text.clone()),
        Value::Array(items) => {
            Kind::ListValue(ListValue { values: items.iter().map(wire).collect() })
        }
        Value::Object(written) => Kind::StructValue(fields(written)),
    };
    Wire { kind: Some(kind) }
}

fn pods(mesh: &Mesh) -> impl Iterator<Item = &Value> {
    mesh.objects().iter().filter(|object| object["kind"] == "Pod")
}

fn address(pod: &Value) -> Option<&str> {
    let status = &pod["status"];
    status["podIP"].as_str().or_else(|| status["podIPs"][0]["ip"].as_str())
}

/// Whether the proxy is the pod's own program.
fn is_gateway(pod: &Value) -> bool {
    let templates = pod["metadata"]["annotations"]["inject.istio.io/templates"].as_str();
    templates.is_some_and(|names| names.split(',').any(|name| name.trim() == "gateway"))
}

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

fn texts(map: &Value) -> BTreeMap<String, String> {
    let entries = map.as_object().into_iter().flatten();
    entries.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

/// The pod of a name, or one of the workload of that name.
fn pod<'a>(mesh: &'a Mesh, wanted: &str, space: &str) -> Result<&'a Value, Unclear> {
    let local = || pods(mesh).filter(|pod| namespace(pod) == space);
    let exact = local().find(|pod| name(pod) == wanted);
    let of_workload = || {
        local().find(|pod| {
            name(pod).strip_prefix(wanted).is_some_and(|rest| rest.starts_with('-'))
                || pod["metadata"]["labels"]["app"] == wanted
                || pod["metadata"]["labels"]["app.kubernetes.io/name"] == wanted
        })
    };
    exact.or_else(of_workload).ok_or_else(|| {
        let what = format!("there is no pod or workload {wanted} in namespace {space}");
        let names: Vec<String> =
            pods(mesh).map(|pod| format!("{}.{}", name(pod), namespace(pod))).collect();
        let asked = format!("{wanted}.{space}");
        let fix = match similar(&asked, names.iter().map(String::as_str)) {
            Some(near) => format!("did you mean {near}?"),
            None if names.is_empty() => "add the pods or their Deployments to the files".to_owned(),
            None => format!("the pods are {}", names.join(", ")),
        };
        Unclear::new(what, fix)
    })
}
