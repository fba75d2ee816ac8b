//! Sidecar injection, as a pure function over a Pod's JSON.
//!
//! In: a Pod as it is about to be stored, the labels of its namespace, the mesh's settings. Out: the same Pod with the
//! proxy container, its volumes, labels and annotations; or why not.
//! Holds: injecting twice changes nothing; a pod that opted out is never touched.
//! Never: I/O. The API server calls it before storing; the webhook of port 15017 calls the same function.
//! Source of names and decision order: Istio's sidecar injector (labels, annotations, ports, environment).

mod decide;
mod owner;
pub mod review;
mod sidecar;

pub use decide::{Decision, decide};
pub use owner::workload;

use serde_json::{Map, Value};

/// Settings of the mesh that injection needs.
#[derive(Debug, Clone)]
pub struct MeshSettings {
    /// Trust domain of the identities.
    pub trust_domain: String,
    /// Where proxies find certificate authority and configuration, `host:port`.
    pub discovery_address: String,
    /// Name of this cluster in telemetry.
    pub cluster_id: String,
    /// Name of this mesh in telemetry.
    pub mesh_id: String,
    /// Data plane of pods without an annotation of their own.
    pub dataplane: Dataplane,
    /// Where proxies write their access log; empty means no log.
    pub access_log_file: String,
    /// What an operator set in `defaultConfig` of the mesh; a pod's own annotation goes over it.
    pub proxy: Map<String, Value>,
    /// Metrics of proxy and application are served together, and Prometheus is told so.
    pub prometheus_merge: bool,
    /// Revision label value that selects this control plane.
    pub revision: String,
}

/// Which program runs in the proxy container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dataplane {
    /// `weft-proxy`.
    Weft,
    /// Envoy under `weft-proxy agent`.
    Envoy,
}

impl Default for MeshSettings {
    fn default() -> Self {
        Self {
            trust_domain: "cluster.local".to_owned(),
            discovery_address: "istiod.istio-system.svc:15012".to_owned(),
            cluster_id: "Kubernetes".to_owned(),
            mesh_id: "cluster.local".to_owned(),
            dataplane: Dataplane::Weft,
            access_log_file: String::new(),
            proxy: Map::new(),
            prometheus_merge: true,
            revision: "default".to_owned(),
        }
    }
}

/// Why a pod cannot be admitted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {why}")]
pub struct Refused {
    /// Path in the Pod.
    pub field: String,
    /// What is wrong and what to do.
    pub why: String,
}

/// Injects when [`decide`] says so.
///
/// # Errors
/// An annotation that cannot be read; the Pod is then left as it was.
pub fn inject(
    pod: &mut Value,
    namespace: &str,
    namespace_labels: &Value,
    settings: &MeshSettings,
) -> Result<Decision, Refused> {
    let decision = decide(pod, namespace, namespace_labels, settings);
    if let Decision::Inject(template) = decision {
        sidecar::apply(pod, namespace, template, settings)?;
    }
    Ok(decision)
}

#[cfg(test)]
mod tests;
