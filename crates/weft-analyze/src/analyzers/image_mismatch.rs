//! Pods whose proxy is of another version than would be injected now.

use std::collections::{BTreeMap, HashMap};

use super::Analyzer;
use crate::code;
use crate::mesh::Mesh;
use crate::report::{Report, join};
use crate::source;
use crate::view::{Json, Labels, Object, Workload, kind};

pub(super) const ANALYZER: Analyzer = Analyzer::new(
    "injection.ImageAnalyzer",
    "Pods whose proxy is of another version than would be injected now.",
    &[code::IST0158],
    look,
);

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    let images = images_by_injector(mesh);
    let mut stale: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for pod in mesh.pods.iter() {
        let wanted =
            mesh.namespace(pod.object.namespace).and_then(injector).and_then(|n| images.get(&n));
        let is_own_choice = pod
            .annotations
            .get("sidecar.istio.io/proxyImage")
            .is_some_and(|image| !image.is_empty());
        if let (Some(wanted), false) = (wanted, is_own_choice)
            && is_stale(pod, wanted, &variant(mesh, pod))
        {
            stale.entry(pod.object.namespace).or_default().push(pod.object.name);
        }
    }
    for (namespace, pods) in stale {
        if let Some(namespace) = mesh.find(kind::NAMESPACE, "", namespace) {
            let what =
                format!("pods run another proxy image than would be injected now: {}", join(&pods));
            report.add(code::IST0158, namespace, "", what, "restart these pods");
        }
    }
}

/// The injector of a namespace's pods; none for one that is not injected.
fn injector(labels: Labels<'_>) -> Option<String> {
    let base = "istio-sidecar-injector";
    match labels.get("istio.io/rev") {
        Some("" | "default") => Some(base.to_owned()),
        Some(revision) => Some(format!("{base}-{revision}")),
        None => labels.is("istio-injection", "enabled").then(|| base.to_owned()),
    }
}

fn images_by_injector(mesh: &Mesh<'_>) -> HashMap<String, String> {
    let maps = mesh.all(kind::CONFIG_MAP).iter();
    let injectors = maps.filter(|map| map.name.starts_with("istio-sidecar-injector"));
    injectors.map(|map| (map.name.to_owned(), image(map))).collect()
}

fn image(map: &Object<'_>) -> String {
    let values = source::document(map.raw.text("data.values")).unwrap_or_default();
    let image = values.text("global.proxy.image");
    if image.contains('/') {
        return image.to_owned();
    }
    let tag = match values.at("global.tag") {
        serde_json::Value::String(tag) => tag.clone(),
        other => other.to_string(),
    };
    format!("{}/{image}:{tag}", values.text("global.hub"))
}

fn is_stale(pod: &Workload<'_>, wanted: &str, variant: &str) -> bool {
    let mut proxies = pod.containers().filter(|container| container.text("name") == "istio-proxy");
    proxies.any(|proxy| {
        let image = proxy.text("image");
        let tail = image.strip_prefix(wanted);
        !(tail == Some("") || tail.and_then(|tail| tail.strip_prefix('-')) == Some(variant))
    })
}

/// The kind of image that a pod gets: its own setting, else that of its ProxyConfigs, else the mesh's.
fn variant(mesh: &Mesh<'_>, pod: &Workload<'_>) -> String {
    let own = pod.annotations.get("proxy.istio.io/config").and_then(source::document);
    let own = own.map(|config| config.text("image.imageType").to_owned());
    let configs = mesh.all(kind::PROXY_CONFIG).iter();
    let fitting = configs.filter_map(|config| Some((rank(mesh, config, pod)?, config)));
    let mut fitting: Vec<_> = fitting.collect();
    fitting.sort_by_key(|(rank, _)| std::cmp::Reverse(*rank));
    let set = fitting.iter().map(|(_, config)| config.spec().text("image.imageType").to_owned());
    let of_mesh = mesh.config.text("defaultConfig.image.imageType").to_owned();
    let mut all = own.into_iter().chain(set).chain([of_mesh]);
    all.find(|kind| !kind.is_empty()).filter(|kind| kind != "default").unwrap_or_default()
}

/// How near a ProxyConfig is to a pod; none when it is not meant.
fn rank(mesh: &Mesh<'_>, config: &Object<'_>, pod: &Workload<'_>) -> Option<u8> {
    let selector = Labels::at(config.raw, "spec.selector.matchLabels");
    if config.namespace == pod.object.namespace {
        let by_labels = !selector.is_empty();
        return selector.selects(pod.labels).then_some(if by_labels { 2 } else { 1 });
    }
    (config.namespace == mesh.root && selector.is_empty()).then_some(0)
}
