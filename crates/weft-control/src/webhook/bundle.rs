//! Keeps the webhook configurations that point at this control plane able to reach it.
//!
//! In: webhook configurations as they are stored, and the roots of the mesh. Out: the same, trusting those.
//! Holds: webhooks that ask somebody else are never touched; one that is right is never written.
//! Why: the root is made here, so whoever wrote the configuration could not know it. A validator that was let pass while
//! nobody could answer (`Ignore`) becomes strict, as it does under Istio.

use std::sync::Arc;

use ctl_source::kinds::{self, KindInfo};
use ctl_source::{Batch, Change, Object, ResourceType, Source, SourceError};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::configuration::{self, SERVICE};

const GROUP: &str = "admissionregistration.k8s.io";
const VALIDATING: &str = "ValidatingWebhookConfiguration";

/// Follows the configurations until told to stop.
///
/// # Errors
/// When they cannot be watched.
pub(crate) async fn keep(
    source: Arc<dyn Source>,
    mut roots: watch::Receiver<String>,
    stop: CancellationToken,
) -> Result<(), SourceError> {
    let both = [VALIDATING, "MutatingWebhookConfiguration"];
    let types: Vec<ResourceType> =
        both.iter().filter_map(|kind| kinds::find(GROUP, kind).map(KindInfo::resource)).collect();
    let mut watch = source.watch(&types).await?;
    loop {
        let due = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            batch = watch.recv() => match batch {
                Some(batch) => vec![alive(batch)],
                None => return Ok(()),
            },
            Ok(()) = roots.changed() => all(&*source, &types).await?,
        };
        let bundle = configuration::bundle(&roots.borrow());
        for (resource, objects) in due {
            for object in objects {
                mend(&*source, &resource, &object, &bundle).await;
            }
        }
    }
}

async fn all(
    source: &dyn Source,
    types: &[ResourceType],
) -> Result<Vec<(ResourceType, Vec<Object>)>, SourceError> {
    let mut all = Vec::new();
    for resource in types {
        all.push((resource.clone(), source.list(resource, None).await?));
    }
    Ok(all)
}

async fn mend(source: &dyn Source, resource: &ResourceType, object: &Object, bundle: &str) {
    let Some(mended) = mended(object, bundle) else { return };
    let name = mended["metadata"]["name"].clone();
    match source.update(resource, mended).await {
        Ok(_) => tracing::info!(%name, kind = resource.kind, "trusts the mesh's roots now"),
        // Somebody wrote meanwhile: that write comes here as well.
        Err(SourceError::Conflict(_) | SourceError::NotFound(_)) => {}
        Err(error) => tracing::error!(%name, %error, "does not trust the mesh's roots"),
    }
}

fn alive(batch: Batch) -> (ResourceType, Vec<Object>) {
    match batch {
        Batch::Snapshot(resource, objects) => (resource, objects),
        Batch::Changes(resource, changes) => {
            let applied = changes.into_iter().filter_map(|change| match change {
                Change::Applied(object) => Some(object),
                Change::Deleted(_) => None,
            });
            (resource, applied.collect())
        }
    }
}

/// The configuration as it should be; none when it is.
fn mended(object: &Value, bundle: &str) -> Option<Value> {
    let strict = object["kind"] == VALIDATING
        && object["metadata"]["labels"].get("istio.io/rev").is_some()
        && object["metadata"]["labels"]["app"] == "istiod";
    let mut mended = object.clone();
    for webhook in mended["webhooks"].as_array_mut().into_iter().flatten() {
        let service = &webhook["clientConfig"]["service"];
        if service["namespace"] != SERVICE.0 || service["name"] != SERVICE.1 {
            continue;
        }
        webhook["clientConfig"]["caBundle"] = json!(bundle);
        if strict {
            webhook["failurePolicy"] = json!("Fail");
        }
    }
    (mended != *object).then_some(mended)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_webhooks_that_ask_this_control_plane_are_mended_and_only_once() {
        let [mut own, _] = configuration::objects("other root");
        own["webhooks"][0]["failurePolicy"] = json!("Ignore");
        let bundle = configuration::bundle("root");
        let mended_once = mended(&own, &bundle).unwrap();
        assert_eq!(mended_once["webhooks"][0]["clientConfig"]["caBundle"], json!(bundle));
        assert_eq!(mended_once["webhooks"][0]["failurePolicy"], "Fail");
        assert_eq!(mended(&mended_once, &bundle), None);
        own["webhooks"][0]["clientConfig"]["service"]["name"] = json!("policy");
        assert_eq!(mended(&own, &bundle), None);
    }
}
