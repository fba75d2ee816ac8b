//! A mesh made of YAML text: what the controllers and the node would make of Deployments and Services is made here.
//!
//! Holds: addresses follow from names, so that the same objects in another order are the same mesh.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ctl_snapshot::{MeshSettings, MeshSnapshot};
use serde_json::{Value, json};
use weft_model::{MeshModel, Problem};

/// Objects, as `kubectl apply` would have them.
#[derive(Clone, Default)]
pub(crate) struct Mesh {
    objects: BTreeMap<(String, String, String), Value>,
    order: Vec<(String, String, String)>,
    pub(crate) settings: MeshSettings,
}

/// A pod with a proxy.
#[derive(Clone)]
pub(crate) struct Pod {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) ip: String,
    pub(crate) gateway: bool,
}

const INGRESS: &str = "
apiVersion: v1
kind: Service
metadata: {name: istio-ingressgateway, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  ports:
    - {name: http2, port: 80, targetPort: 8080}
    - {name: https, port: 443, targetPort: 8443}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: istio-ingressgateway, namespace: istio-system}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  template:
    metadata: {labels: {istio: ingressgateway, app: istio-ingressgateway}}
    spec: {serviceAccountName: istio-ingressgateway}
";

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Configuration of others that we are held against, when it stands beside the repository.
#[allow(clippy::disallowed_methods, reason = "where the shared files are is the test's setting")]
pub(crate) fn shared(name: &str) -> Option<PathBuf> {
    let named = std::env::var("WEFT_SHARED").map(PathBuf::from).ok();
    let folder = named.unwrap_or_else(|| repository().join("../shared"));
    let path = folder.join(name);
    assert!(path.exists() || !folder.exists(), "{} is missing", path.display());
    path.exists().then_some(path)
}

/// Every file of a folder, by name.
pub(crate) fn files(folder: &Path) -> Vec<(String, String)> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut found: Vec<(String, String)> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "yaml"))
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(&path).unwrap())
        })
        .collect();
    found.sort();
    found
}

impl Mesh {
    /// The sample shop and its ingress.
    pub(crate) fn shop() -> Self {
        let mut mesh = Self::default().and(INGRESS);
        for (_, text) in files(&repository().join("samples/shop")) {
            mesh = mesh.and(&text);
        }
        mesh
    }

    /// Two services in `east`, one in `west`, a client in each, and the ingress.
    pub(crate) fn small() -> Self {
        Self::default()
            .and(INGRESS)
            .namespace("east")
            .namespace("west")
            .service("east", "web", &["http:80:8080"])
            .service("east", "shop", &["http:80:8080", "http-admin:81:9090"])
            .service("west", "store", &["http:80:8080"])
            .workload("east", "web", &[("version", "v1")])
            .workload("east", "web", &[("version", "v2")])
            .workload("east", "shop", &[])
            .workload("west", "store", &[])
            .workload("east", "client", &[])
            .workload("west", "caller", &[])
    }

    pub(crate) fn and(self, yaml: &str) -> Self {
        self.within("default", yaml)
    }

    /// Applies YAML; objects without a namespace go into this one.
    pub(crate) fn within(mut self, namespace: &str, yaml: &str) -> Self {
        for document in weft_model::api::yaml::read(yaml, "inline").unwrap() {
            self.put(document.value, namespace);
        }
        self
    }

    /// Applies one object, which says its namespace.
    pub(crate) fn with(mut self, object: Value) -> Self {
        self.put(object, "default");
        self
    }

    fn put(&mut self, mut object: Value, namespace: &str) {
        let kind = text(&object, "/kind").to_owned();
        if kind != "Namespace" && text(&object, "/metadata/namespace").is_empty() {
            object["metadata"]["namespace"] = json!(namespace);
        }
        let part = |pointer: &str| text(&object, pointer).to_owned();
        let key = (kind, part("/metadata/namespace"), part("/metadata/name"));
        if self.objects.insert(key.clone(), object).is_none() {
            self.order.push(key);
        }
    }

    pub(crate) fn namespace(mut self, name: &str) -> Self {
        let labels = json!({ "istio-injection": "enabled" });
        self.put(
            json!({ "kind": "Namespace", "apiVersion": "v1",
            "metadata": { "name": name, "labels": labels } }),
            "",
        );
        self
    }

    /// Ports are written `name:port:target`.
    pub(crate) fn service(mut self, namespace: &str, name: &str, ports: &[&str]) -> Self {
        let ports: Vec<Value> = ports
            .iter()
            .map(|port| {
                let parts: Vec<&str> = port.split(':').collect();
                let number = |i: usize| parts[i].parse::<u16>().unwrap();
                json!({ "name": parts[0], "port": number(1), "targetPort": number(2) })
            })
            .collect();
        self.put(
            json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": name },
                "spec": { "selector": { "app": name }, "ports": ports } }),
            namespace,
        );
        self
    }

    /// A Deployment of one pod with the label `app` and these; its name has their values.
    pub(crate) fn workload(mut self, ns: &str, app: &str, more: &[(&str, &str)]) -> Self {
        let mut labels = json!({ "app": app });
        let mut name = app.to_owned();
        for (key, value) in more {
            labels[*key] = json!(value);
            name = format!("{name}-{value}");
        }
        self.put(
            json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": name },
                "spec": { "selector": { "matchLabels": labels }, "template": {
                    "metadata": { "labels": labels }, "spec": { "serviceAccountName": app } } } }),
            ns,
        );
        self
    }

    /// The same objects in another order, which follows from the seed.
    pub(crate) fn shuffled(mut self, seed: u64) -> Self {
        let mut state = seed;
        for i in (1..self.order.len()).rev() {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let other = usize::try_from(state >> 33).unwrap() % (i + 1);
            self.order.swap(i, other);
        }
        self
    }

    pub(crate) fn validate(&self) -> (MeshModel, Vec<Problem>) {
        let mut all = Vec::new();
        for key in &self.order {
            let mut object = self.objects[key].clone();
            match key.0.as_str() {
                "Service" => self.address(&mut object),
                "Deployment" => all.extend(self.pod_of(&object)),
                _ => {}
            }
            all.push(object);
        }
        let slices: Vec<Value> = self.kind("Service").map(|service| self.slice(service)).collect();
        all.extend(slices);
        weft_model::validate(&all)
    }

    /// The mesh; every object must be free of errors.
    #[track_caller]
    pub(crate) fn snapshot(&self) -> MeshSnapshot {
        let (model, problems) = self.validate();
        let errors: Vec<String> =
            problems.iter().filter(|p| p.is_error()).map(ToString::to_string).collect();
        assert!(errors.is_empty(), "{}", errors.join("\n"));
        MeshSnapshot::build(1, Arc::new(self.settings.clone()), &model)
    }

    /// The mesh, whatever is wrong with it.
    pub(crate) fn snapshot_with_problems(&self) -> (MeshSnapshot, Vec<String>) {
        let (model, problems) = self.validate();
        let problems = problems.iter().map(ToString::to_string).collect();
        (MeshSnapshot::build(1, Arc::new(self.settings.clone()), &model), problems)
    }

    fn kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.objects.iter().filter(move |(key, _)| key.0 == kind).map(|(_, object)| object)
    }

    /// Its number among the objects of its kind, from 1.
    fn number(&self, object: &Value) -> usize {
        let name = |o: &Value| {
            (text(o, "/metadata/namespace").to_owned(), text(o, "/metadata/name").to_owned())
        };
        self.kind(text(object, "/kind")).position(|o| name(o) == name(object)).unwrap() + 1
    }

    fn address(&self, service: &mut Value) {
        let own = text(service, "/spec/clusterIP").is_empty();
        if own && text(service, "/spec/type") != "ExternalName" {
            service["spec"]["clusterIP"] = json!(format!("10.96.0.{}", self.number(service)));
        }
    }

    fn meshed(&self, namespace: &str, template: &Value) -> bool {
        let mut namespaces = self.kind("Namespace");
        let named = namespaces.find(|ns| text(ns, "/metadata/name") == namespace);
        let enabled =
            named.is_some_and(|ns| text(ns, "/metadata/labels/istio-injection") == "enabled");
        enabled && text(template, "/metadata/labels/sidecar.istio.io~1inject") != "false"
    }

    fn pod_of(&self, deployment: &Value) -> Option<Value> {
        let namespace = text(deployment, "/metadata/namespace");
        let template = deployment.pointer("/spec/template")?;
        let mut labels = template.pointer("/metadata/labels")?.clone();
        // Gateways are injected wherever they stand.
        if self.meshed(namespace, template) || labels["istio"] == "ingressgateway" {
            labels["security.istio.io/tlsMode"] = json!("istio");
            labels["service.istio.io/canonical-name"] = labels["app"].clone();
        }
        let gateway = labels["istio"] == "ingressgateway";
        let annotation = if gateway { "gateway.istio.io/status" } else { "none" };
        let name = format!("{}-0", text(deployment, "/metadata/name"));
        let ip = format!("10.244.1.{}", self.number(deployment));
        Some(json!({ "apiVersion": "v1", "kind": "Pod",
            "metadata": { "name": name, "namespace": namespace, "labels": labels,
                "annotations": { annotation: "{}" } },
            "spec": template["spec"], "status": { "podIP": ip } }))
    }

    fn pods(&self) -> impl Iterator<Item = Value> {
        self.kind("Deployment").filter_map(|deployment| self.pod_of(deployment))
    }

    fn slice(&self, service: &Value) -> Value {
        let namespace = text(service, "/metadata/namespace");
        let name = text(service, "/metadata/name");
        let selector = service.pointer("/spec/selector").and_then(Value::as_object);
        let selected = |pod: &Value| {
            text(pod, "/metadata/namespace") == namespace
                && selector.is_some_and(|selector| {
                    let labels = &pod["metadata"]["labels"];
                    selector.iter().all(|(key, value)| labels.get(key) == Some(value))
                })
        };
        let endpoints: Vec<Value> = self
            .pods()
            .filter(selected)
            .map(|pod| {
                json!({ "addresses": [pod["status"]["podIP"]], "conditions": { "ready": true },
                    "targetRef": { "kind": "Pod", "name": pod["metadata"]["name"] } })
            })
            .collect();
        let ports = service.pointer("/spec/ports").and_then(Value::as_array);
        let ports: Vec<Value> = ports
            .into_iter()
            .flatten()
            .map(|port| {
                let number =
                    port.get("targetPort").filter(|p| p.is_number()).unwrap_or(&port["port"]);
                json!({ "name": port["name"], "port": number, "protocol": port["protocol"] })
            })
            .collect();
        json!({ "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": { "name": name, "namespace": namespace,
                "labels": { "kubernetes.io/service-name": name } },
            "ports": ports, "endpoints": endpoints })
    }

    /// Every pod that has a proxy.
    pub(crate) fn proxies(&self) -> Vec<Pod> {
        let all = self.pods().filter_map(|pod| {
            let labels = &pod["metadata"]["labels"];
            let gateway = labels["istio"] == "ingressgateway";
            let meshed = labels["security.istio.io/tlsMode"] == "istio";
            (gateway || meshed).then(|| Pod {
                name: text(&pod, "/metadata/name").to_owned(),
                namespace: text(&pod, "/metadata/namespace").to_owned(),
                ip: text(&pod, "/status/podIP").to_owned(),
                gateway,
            })
        });
        all.collect()
    }
}
