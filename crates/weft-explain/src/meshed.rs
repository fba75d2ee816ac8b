//! Whether a proxy stands beside a pod's application.
//!
//! In: a mesh, a pod. Out: yes or no. Holds: what the pod itself shows comes before what its namespace asks for.
//! Why yes when nobody says anything: a file with one workload and its policies asks what they mean in a mesh.

use serde_json::Value;

use crate::Mesh;
use crate::complete::namespace;

pub(crate) fn is_meshed(mesh: &Mesh, pod: &Value) -> bool {
    let (labels, annotations) = (&pod["metadata"]["labels"], &pod["metadata"]["annotations"]);
    if let Some(mode) = labels["security.istio.io/tlsMode"].as_str() {
        return mode == "istio";
    }
    if annotations["sidecar.istio.io/status"].is_string() {
        return true;
    }
    let wish = [&labels["sidecar.istio.io/inject"], &annotations["sidecar.istio.io/inject"]];
    let wish = wish.into_iter().find_map(Value::as_str);
    // A pod that lives was injected when it was made, or never.
    let lives = pod["metadata"]["uid"].is_string();
    if pod["spec"]["hostNetwork"] == true || wish == Some("false") || lives {
        return false;
    }
    wish == Some("true") || asked_for(mesh, namespace(pod))
}

fn asked_for(mesh: &Mesh, wanted: &str) -> bool {
    let known = |object: &&Value| {
        object["kind"] == "Namespace" && object["metadata"]["name"].as_str() == Some(wanted)
    };
    let Some(namespace) = mesh.objects().iter().find(known) else { return true };
    let labels = &namespace["metadata"]["labels"];
    match labels["istio-injection"].as_str() {
        Some(wish) => wish == "enabled",
        None => labels["istio.io/rev"].is_string(),
    }
}
