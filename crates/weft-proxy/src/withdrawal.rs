//! Holds a pod's application until the mesh has stopped sending to it: the answer to its preStop hook.
//!
//! In: the pod's settings, how long it may wait. Out: a sentence, when the time is up at the latest.
//! Holds: a control plane that cannot be asked holds nobody; without it no proxy learns anything new anyway.
//! Why a hook: Kubernetes tells an application to end in the same moment in which it begins to tell the others.

use std::time::Duration;

use tonic::Status;
use weft_identity::IdentityStore;
use weft_proto::grpc::call;
use weft_proto::withdrawal::{AwaitWithdrawn, AwaitWithdrawnRequest};
use weft_rt::Clock;

use crate::authority::ControlPlane;
use crate::settings::{Settings, duration};

/// Where the hook asks; the injector writes it.
pub(crate) const PATH: &str = "/withdrawn";
/// Longest wait, and the one where none is named: any pod may ask on this port.
const LONGEST: Duration = Duration::from_secs(15);

/// The sentence. `query` may say `within=5s`.
pub(crate) async fn answer(
    settings: &Settings,
    identity: &IdentityStore,
    query: &str,
    clock: &Clock,
) -> &'static str {
    let within = query.split('&').find_map(|pair| pair.strip_prefix("within="));
    let within =
        within.and_then(|text| duration("within", text).ok()).unwrap_or(LONGEST).min(LONGEST);
    match clock.timeout(within, Box::pin(ask(settings, identity))).await {
        Ok(Ok(())) => "no proxy sends here any more\n",
        Ok(Err(status)) => {
            tracing::warn!(%status, "cannot ask who still sends here");
            "the control plane cannot be asked\n"
        }
        Err(_elapsed) => {
            tracing::warn!(?within, "some proxies have not taken yet that this pod ends");
            "some proxies may still send here\n"
        }
    }
}

async fn ask(settings: &Settings, identity: &IdentityStore) -> Result<(), Status> {
    let control = ControlPlane::at(&settings.discovery, identity.clone());
    let mut request = tonic::Request::new(AwaitWithdrawnRequest {
        pod: settings.pod.clone(),
        namespace: settings.namespace.clone(),
    });
    *request.metadata_mut() = control.headers()?;
    call::<AwaitWithdrawn>(control.channel().await?, request).await?;
    Ok(())
}
