//! What is taken, and what is refused and why.

mod analysis;
mod rollout;

fn object(kind: &str, spec: &str) -> String {
    format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: {kind}\nmetadata: {{name: fixture, namespace: shop}}\nspec: {spec}\n"
    )
}

/// The selector and template of a workload.
const PODS: &str = "selector: {matchLabels: {app: web}}, \
    template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: web:2}]}}";
