//! What runs, or will run: a Pod, or the template that pods are made from.

use serde_json::Value;

use super::object::kind;
use super::{Json, Labels, Object};

/// A pod, or a template of pods.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Workload<'a> {
    /// The object that was written.
    pub(crate) object: Object<'a>,
    pub(crate) labels: Labels<'a>,
    pub(crate) annotations: Labels<'a>,
    /// The pod's `spec`.
    pub(crate) spec: &'a Value,
    /// JSON pointer of `spec`.
    pub(crate) field: &'static str,
}

impl<'a> Workload<'a> {
    /// Reads one; none for a kind that runs no pods.
    pub(crate) fn of(object: Object<'a>) -> Option<Self> {
        let (template, field) = match object.kind {
            kind::POD => (object.raw, "/spec"),
            kind::CRON_JOB => (
                object.spec().at("jobTemplate.spec.template"),
                "/spec/jobTemplate/spec/template/spec",
            ),
            kind::DEPLOYMENT
            | kind::STATEFUL_SET
            | kind::DAEMON_SET
            | kind::REPLICA_SET
            | kind::JOB
            | kind::ROLLOUT => (object.spec().at("template"), "/spec/template/spec"),
            _ => return None,
        };
        let labels = Labels::at(template, "metadata.labels");
        let annotations = Labels::at(template, "metadata.annotations");
        Some(Self { object, labels, annotations, spec: template.at("spec"), field })
    }

    /// A workload outside of Kubernetes.
    pub(crate) fn of_entry(object: Object<'a>) -> Self {
        let labels = Labels::at(object.raw, "spec.labels");
        let annotations = object.annotations();
        Self { object, labels, annotations, spec: object.spec(), field: "/spec" }
    }

    /// Whether it is a pod, or something that is to have pods.
    pub(crate) fn will_run(&self) -> bool {
        self.object.spec().number("replicas") != Some(0)
    }

    /// Containers, those that run beside them as sidecars included.
    pub(crate) fn containers(&self) -> impl Iterator<Item = &'a Value> + use<'a> {
        self.spec.list("containers").iter().chain(self.spec.list("initContainers"))
    }

    /// The service account that it runs as.
    pub(crate) fn service_account(&self) -> &'a str {
        let named = self.spec.text("serviceAccountName");
        let named = if named.is_empty() { self.spec.text("serviceAccount") } else { named };
        if named.is_empty() { "default" } else { named }
    }

    /// Whether a proxy with an image stands in it.
    pub(crate) fn has_proxy(&self) -> bool {
        let mut containers = self.containers();
        let proxy = containers.find(|container| container.text("name") == "istio-proxy");
        proxy.is_some_and(|proxy| !proxy.text("image").is_empty())
    }

    /// What it says itself about injection.
    pub(crate) fn wants_injection(&self) -> Option<bool> {
        let key = "sidecar.istio.io/inject";
        self.labels.get(key).or_else(|| self.annotations.get(key)).map(|value| value == "true")
    }

    /// Whether the node proxy carries its traffic already.
    pub(crate) fn is_redirected(&self) -> bool {
        self.annotations.is("ambient.istio.io/redirection", "enabled")
    }
}
