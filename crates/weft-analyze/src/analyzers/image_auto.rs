//! Proxies whose image injection should fill in, where no injection will happen.

use serde_json::Value;

use super::{Analyzer, label_selector};
use crate::code;
use crate::mesh::Mesh;
use crate::report::Report;
use crate::view::{Json, Labels, Workload, kind};

pub(super) const ANALYZER: Analyzer = Analyzer::new(
    "injection.ImageAutoAnalyzer",
    "Proxies whose image injection should fill in, where no injection will happen.",
    &[code::IST0146, code::IST0147],
    look,
);

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    let configurations = mesh.all(kind::MUTATING_WEBHOOK).iter();
    let webhooks: Vec<&Value> = configurations
        .flat_map(|configuration| configuration.raw.list("webhooks"))
        .filter(|webhook| webhook.text("name").ends_with("istio.io"))
        .collect();
    for workload in mesh.workloads.iter() {
        let Some(field) = auto_image(workload) else { continue };
        let fix = "label the namespace or the pod for injection, then start the pod anew";
        match workload.object.kind {
            kind::POD => {
                let what = "the image `auto` of its proxy was not filled in: it cannot start";
                report.add(code::IST0147, &workload.object, field, what, fix);
            }
            kind::DEPLOYMENT if !is_injected(mesh, workload, &webhooks) => {
                let what = "no injection webhook selects its pods, so the image `auto` stays and they cannot start";
                report.add(code::IST0146, &workload.object, field, what, fix);
            }
            _ => {}
        }
    }
}

fn auto_image(workload: &Workload<'_>) -> Option<String> {
    let is_auto = |c: &Value| c.text("name") == "istio-proxy" && c.text("image") == "auto";
    let at = workload.spec.list("containers").iter().position(is_auto)?;
    Some(format!("{}/containers/{at}/image", workload.field))
}

/// Without any webhook among the objects it is the API server itself that injects, or who applies them: then labels tell.
fn is_injected(mesh: &Mesh<'_>, workload: &Workload<'_>, webhooks: &[&Value]) -> bool {
    if webhooks.is_empty() && workload.wants_injection() == Some(true) {
        return true;
    }
    let namespace = match workload.object.namespace {
        "" => "default",
        namespace => namespace,
    };
    let namespace = mesh.namespace(namespace).unwrap_or_default();
    let fits = |selector: &Value, labels: Labels<'_>| {
        label_selector::selects(selector, |key| labels.get(key))
    };
    webhooks.iter().any(|webhook| {
        fits(webhook.at("namespaceSelector"), namespace)
            && fits(webhook.at("objectSelector"), workload.labels)
    })
}
