//! Values of sidecar injection.

use crate::Any;

use crate::mesh_config::mesh_record;

mesh_record! {
    /// Injection of sidecars.
    SidecarInjector {
        /// Whether pods of namespaces without a label are injected. Default false.
        "enableNamespacesByDefault" enable_namespaces_by_default: Option<bool>,
        /// `IfNeeded` to inject again after other webhooks. Default `Never`.
        "reinvocationPolicy" reinvocation_policy: String,
        /// Labels of pods that are never injected.
        "neverInjectSelector" never_inject_selector: Vec<Any>,
        /// Labels of pods that are always injected.
        "alwaysInjectSelector" always_inject_selector: Vec<Any>,
        /// Whether probes of the application go through the agent. Default true.
        "rewriteAppHTTPProbe" rewrite_app_http_probe: Option<bool>,
        /// Annotations that injected pods get.
        "injectedAnnotations" injected_annotations: Option<Any>,
        /// Address of the webhook.
        "injectionURL" injection_url: String,
        /// Templates by name.
        "templates" templates: Option<Any>,
        /// Names of the templates that are used by default.
        "defaultTemplates" default_templates: Vec<String>,
    }
}
