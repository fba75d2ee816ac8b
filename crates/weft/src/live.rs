//! All objects of a running mesh or cluster that say something about the mesh.
//! In: a kubeconfig. Out: objects. Holds: a kind that the cluster does not have is no error.

use std::path::PathBuf;

use ctl_source::{ResourceType, Source as _, SourceError, kinds};
use ctl_source_kube::KubeSource;
use serde_json::Value;
use weft_model::api::crd;

use crate::analyze::skipped;
use crate::failure::{Failure, complain};
use crate::state::Place;
use crate::target;

/// Of the mesh that runs in a place.
pub(crate) async fn of_mesh(place: &Place) -> Result<Vec<Value>, Failure> {
    all(&target::connect(place).await?).await
}

/// Those of [`of_mesh`], with the keys of issuers that the control plane fetched in the rules that they are for.
pub(crate) async fn with_keys(place: &Place) -> Result<Vec<Value>, Failure> {
    let source = target::connect(place).await?;
    let mut objects = all(&source).await?;
    let known = match source.raw("/weft/debug/issuers").await {
        Ok(known) => serde_json::from_value(known).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match known {
        Ok(known) => weft_control::put_keys(&mut objects, &known),
        Err(why) => complain!("keys that the control plane fetched are not known here: {why}"),
    }
    Ok(objects)
}

/// Of the cluster of the kubeconfig that kubectl would use.
pub(crate) async fn of_cluster() -> Result<Vec<Value>, Failure> {
    let path = kubeconfig().ok_or_else(|| {
        Failure::new("no kubeconfig").hint("set KUBECONFIG, or look at files instead")
    })?;
    all(&KubeSource::from_kubeconfig(&path).await?).await
}

#[expect(clippy::disallowed_methods, reason = "the environment is read in this binary only")]
fn kubeconfig() -> Option<PathBuf> {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let named = set("KUBECONFIG").and_then(|list| list.split(':').next().map(PathBuf::from));
    named.or_else(|| set("HOME").map(|home| PathBuf::from(home).join(".kube/config")))
}

async fn all(source: &KubeSource) -> Result<Vec<Value>, Failure> {
    let mut found = Vec::new();
    for resource in resources() {
        match source.list(&resource, None).await {
            Ok(objects) => found.extend(objects.iter().map(|object| object.as_ref().clone())),
            Err(SourceError::NotFound(_)) => {}
            Err(SourceError::Unavailable(why)) if found.is_empty() => {
                return Err(Failure::new(why));
            }
            Err(error) => skipped(&resource.plural, &error.to_string()),
        }
    }
    Ok(found)
}

fn resources() -> Vec<ResourceType> {
    let core = kinds::ALL.iter().filter(|info| !info.custom).map(kinds::KindInfo::resource);
    let ours =
        crd::KINDS.iter().filter_map(|kind| weft_control::resource_of(kind.group, kind.kind));
    core.chain(ours).collect()
}
