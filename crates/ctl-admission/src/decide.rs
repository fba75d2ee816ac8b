//! Whether a pod gets a proxy, in Istio's order of precedence.
//! In: the Pod, its namespace and its labels. Out: a [`Decision`].
//! Holds: a pod's own wish beats its namespace's; host-network pods never get one.

use serde_json::Value;

use crate::MeshSettings;

/// What happens to a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It gets the proxy, by this template.
    Inject(Template),
    /// It stays as it is; says why.
    Skip(&'static str),
}

/// How the proxy is put in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Template {
    /// Beside the application.
    Sidecar,
    /// As the pod's own program (`inject.istio.io/templates: gateway`).
    Gateway,
}

/// Namespaces whose pods never get a sidecar by their namespace's label.
const IGNORED: &[&str] = &["kube-system", "kube-public", "kube-node-lease", "local-path-storage"];

/// Decides.
#[must_use]
pub fn decide(
    pod: &Value,
    namespace: &str,
    namespace_labels: &Value,
    settings: &MeshSettings,
) -> Decision {
    if pod["spec"]["hostNetwork"] == true {
        return Decision::Skip("it uses the host's network");
    }
    if IGNORED.contains(&namespace) {
        return Decision::Skip("its namespace is one of the system's");
    }
    if pod["metadata"]["annotations"]["sidecar.istio.io/status"].is_string() {
        return Decision::Skip("it is injected already");
    }
    match (wish(pod), namespace_wants(namespace_labels, pod, settings)) {
        (Some(false), _) => Decision::Skip("the pod opted out"),
        (Some(true), _) | (None, true) => Decision::Inject(template(pod)),
        (None, false) => Decision::Skip("its namespace is not labelled for injection"),
    }
}

fn wish(pod: &Value) -> Option<bool> {
    let metadata = &pod["metadata"];
    let key = "sidecar.istio.io/inject";
    let own = metadata["labels"][key].as_str().or_else(|| metadata["annotations"][key].as_str())?;
    match own {
        "true" | "yes" | "y" | "on" => Some(true),
        _ => Some(false),
    }
}

fn namespace_wants(labels: &Value, pod: &Value, settings: &MeshSettings) -> bool {
    match labels["istio-injection"].as_str() {
        Some("enabled") => true,
        Some(_) => false,
        None => {
            let revision = labels["istio.io/rev"].as_str();
            let revision = revision.or_else(|| pod["metadata"]["labels"]["istio.io/rev"].as_str());
            revision == Some(settings.revision.as_str())
        }
    }
}

fn template(pod: &Value) -> Template {
    match pod["metadata"]["annotations"]["inject.istio.io/templates"].as_str() {
        Some(names) if names.split(',').any(|name| name.trim() == "gateway") => Template::Gateway,
        _ => Template::Sidecar,
    }
}
