//! Namespaces and pods that are in the mesh only half, or not at all.

use std::collections::{HashMap, HashSet};

use super::Analyzer;
use crate::code;
use crate::mesh::Mesh;
use crate::report::Report;
use crate::source;
use crate::view::{Json, Labels, Object, Workload, kind};

pub(super) const ANALYZER: Analyzer = Analyzer::new(
    "injection.Analyzer",
    "Namespaces and pods that are in the mesh only half, or not at all.",
    &[code::IST0102, code::IST0103, code::IST0123, code::IST0148],
    look,
);

const INJECTION: &str = "istio-injection";
const REVISION: &str = "istio.io/rev";
const MODE: &str = "istio.io/dataplane-mode";

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    let defaults = defaults_by_injector(mesh);
    let mut injected = HashSet::new();
    let is_meant = |ns: &&Object<'_>| ns.name != "istio-system";
    for namespace in mesh.all(kind::NAMESPACE).iter().filter(is_meant) {
        one_way_in(namespace, report);
        let labels = namespace.labels();
        let is_ambient = labels.is(MODE, "ambient");
        let is_silent = labels.get(INJECTION).unwrap_or_default().is_empty();
        if is_ambient {
            continue;
        }
        if is_silent && labels.get(REVISION).is_none() {
            not_labelled(namespace, defaults.get(INJECTOR) == Some(&true), report);
        } else if labels.is(INJECTION, "enabled") {
            injected.insert(namespace.name);
        }
    }
    let pods = mesh.pods.iter().filter(|pod| injected.contains(pod.object.namespace));
    for pod in pods.filter(|pod| is_expected(pod) && !pod.has_proxy()) {
        let what = "has no proxy although its namespace is injected: it is not in the mesh";
        let fix = "restart it; if that does not help, look at the injection webhook";
        report.add(code::IST0103, &pod.object, "", what, fix);
    }
}

/// Labels that ask for different things.
fn one_way_in(namespace: &Object<'_>, report: &mut Report) {
    let labels = namespace.labels();
    let injection = labels.get(INJECTION);
    let asks = injection.is_none() || injection == Some("enabled");
    let others = [REVISION, MODE].into_iter().filter(|key| asks && labels.get(key).is_some());
    let all: Vec<&str> = injection.map(|_| INJECTION).into_iter().chain(others).collect();
    if all.len() > 1 {
        let pairs: Vec<String> = all
            .iter()
            .map(|key| format!("{key}={}", labels.get(key).unwrap_or_default()))
            .collect();
        let what = format!("has several labels that put it into the mesh: {}", pairs.join(", "));
        report.add(code::IST0123, namespace, "/metadata/labels", what, "keep one of them");
    }
}

fn not_labelled(namespace: &Object<'_>, is_default: bool, report: &mut Report) {
    let name = namespace.name;
    if is_default {
        let what = "is injected without a label, since the installation injects all namespaces";
        let fix = format!("to leave it out: kubectl label namespace {name} {INJECTION}=disabled");
        report.add(code::IST0148, namespace, "", what, fix);
    } else {
        let fix = format!(
            "to put it in: kubectl label namespace {name} {INJECTION}=enabled; to leave it out: {INJECTION}=disabled"
        );
        report.add(code::IST0102, namespace, "/metadata/name", "is not in the mesh", fix);
    }
}

const INJECTOR: &str = "istio-sidecar-injector";

/// Whether each installed injector takes namespaces without a label.
fn defaults_by_injector<'a>(mesh: &Mesh<'a>) -> HashMap<&'a str, bool> {
    let maps = mesh.all(kind::CONFIG_MAP).iter().filter(|map| map.name.starts_with(INJECTOR));
    let read = |map: &Object<'a>| {
        let values = source::document(map.raw.text("data.values")).unwrap_or_default();
        values.is_true("sidecarInjectorWebhook.enableNamespacesByDefault")
    };
    maps.map(|map| (map.name, read(map))).collect()
}

fn is_expected(pod: &Workload<'_>) -> bool {
    let key = "sidecar.istio.io/inject";
    let from = |labels: Labels<'_>| labels.get(key).map(str::to_ascii_lowercase);
    let refused = from(pod.labels).or_else(|| from(pod.annotations)).as_deref() == Some("false");
    !refused && !pod.spec.is_true("hostNetwork")
}
