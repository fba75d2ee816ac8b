//! Shows the certificate authority what the world wants of it, again and again.
//!
//! In: the Secret `cacerts` and the ConfigMap `weft-ca` of `istio-system`, the pods. Out: steps of the authority; the
//! roots of now, for whoever hands them on.
//! Holds: a world that cannot be read changes nothing.
//! Why orders are a ConfigMap: whoever wants to change the mesh writes an object, under the rights that the API server
//! checks, and the order outlives an end of the control plane.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ctl_ca::{Ca, CaError, Material, SECRET, Seen};
use ctl_source::{Object, ObjectKey, ResourceType, Source, kinds};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use weft_rt::Clock;

const NAMESPACE: &str = "istio-system";
/// How often it looks.
const LOOK: Duration = Duration::from_secs(2);
/// Every so many looks pods that are gone are looked for although no change waits for them.
const PODS_EVERY: u32 = 150;
/// Every so many looks it is told what ends soon: once a day.
const TOLD_EVERY: u32 = 43_200;

/// Runs until told to stop.
pub(crate) async fn keep(
    ca: Arc<Ca>,
    source: Arc<dyn Source>,
    clock: Clock,
    roots: watch::Sender<String>,
    stop: CancellationToken,
) {
    let mut looks = 0_u32;
    loop {
        let pods = ca.is_changing() || looks.is_multiple_of(PODS_EVERY);
        looks = looks.wrapping_add(1);
        match look(&*source, pods).await {
            Ok(seen) => ca.step(seen),
            Err(error) => tracing::warn!(%error, "the authority cannot see what is wanted of it"),
        }
        if looks % TOLD_EVERY == 1 {
            for warning in ca.report().warnings {
                tracing::warn!(warning, "certificate authority");
            }
        }
        roots.send_if_modified(|told| {
            let newest = ca.bundle_pem();
            let changed = *told != newest;
            *told = newest;
            changed
        });
        tokio::select! {
            () = stop.cancelled() => return,
            () = clock.sleep(LOOK) => {}
        }
    }
}

async fn look(source: &dyn Source, pods: bool) -> anyhow::Result<Seen> {
    let secret = get(source, "Secret", "cacerts").await?;
    let orders = get(source, "ConfigMap", "weft-ca").await?;
    let order = |name: &str| {
        let text = orders.as_ref().and_then(|map| map["data"][name].as_str());
        text.unwrap_or_default().to_owned()
    };
    let pods = if pods { Some(names(&source.list(&resource("Pod")?, None).await?)) } else { None };
    let (rotate, finish) = (order("rotate"), order("finish"));
    Ok(Seen { secret: secret.as_deref().map(material), rotate, finish, pods })
}

fn resource(kind: &str) -> anyhow::Result<ResourceType> {
    Ok(kinds::find("", kind).with_context(|| format!("{kind} is not served"))?.resource())
}

async fn get(source: &dyn Source, kind: &str, name: &str) -> anyhow::Result<Option<Object>> {
    let (resource, namespace) = (resource(kind)?, Some(NAMESPACE.to_owned()));
    let key = ObjectKey { resource, namespace, name: name.to_owned() };
    Ok(source.get(&key).await?)
}

fn names(pods: &[Object]) -> BTreeSet<String> {
    let text = |pod: &Object, field: &str| pod["metadata"][field].as_str().map(str::to_owned);
    let name = |pod| Some(format!("{}.{}", text(pod, "name")?, text(pod, "namespace")?));
    pods.iter().filter_map(name).collect()
}

/// The texts of the Secret.
fn material(secret: &serde_json::Value) -> Result<Material, CaError> {
    Material::gather(SECRET, |file| {
        let wrong = |why: String| CaError::Unusable { path: format!("{SECRET}: {file}"), why };
        let Some(encoded) = secret["data"][file].as_str() else { return Ok(None) };
        let bytes = BASE64.decode(encoded).map_err(|error| wrong(error.to_string()))?;
        String::from_utf8(bytes).map(Some).map_err(|_binary| wrong("is not PEM text".to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_secret_without_one_of_the_four_is_told_by_the_name_of_what_is_missing() {
        let text = BASE64.encode("x");
        let secret =
            json!({"data": {"root-cert.pem": text, "ca-cert.pem": text, "ca-key.pem": text}});
        let told = material(&secret).unwrap_err().to_string();
        assert!(
            told.starts_with("Secret istio-system/cacerts: cert-chain.pem is missing"),
            "{told}"
        );
        let secret = json!({"data": {"root-cert.pem": "%"}});
        let told = material(&secret).unwrap_err().to_string();
        assert!(told.starts_with("Secret istio-system/cacerts: root-cert.pem:"), "{told}");
    }
}
