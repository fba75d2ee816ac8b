//! Follows the control plane: asks, takes, publishes, answers.
//!
//! In: the stream of updates. Out: published plans, and verdicts after they are in force.
//! Holds: an update is acknowledged only after its plan was published; while the stream is lost, all serves on.

use std::collections::BTreeSet;
use std::sync::Arc;

use weft_proto::type_url;
use weft_xds::{Client, ClientOptions, Update, Verdict, client};

use crate::authority::ControlPlane;
use crate::metadata;
use crate::running::Running;

/// Runs for as long as the proxy.
pub(crate) async fn follow(running: Arc<Running>) {
    let control = ControlPlane::at(&running.settings.discovery);
    let (connecting, proving) = (control.clone(), control);
    let options = ClientOptions {
        node: metadata::node(&running.settings),
        connect: Arc::new(move || {
            let control = connecting.clone();
            Box::pin(async move { control.channel().await })
        }),
        headers: Arc::new(move || proving.headers()),
        clock: running.clock.clone(),
    };
    let (handle, mut updates, work) = client(options);
    let take = async {
        handle.subscribe_all(type_url::CLUSTER).await;
        handle.subscribe_all(type_url::LISTENER).await;
        let mut asked = Asked::default();
        let mut identity = running.identity.subscribe();
        loop {
            tokio::select! {
                update = updates.recv() => {
                    let Some(first) = update else { return };
                    let mut batch = vec![first];
                    while let Ok(more) = updates.try_recv() {
                        batch.push(more);
                    }
                    take(&running, &handle, &mut asked, batch).await;
                }
                changed = identity.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    running.publish();
                }
            }
        }
    };
    tokio::join!(work, take);
}

#[derive(Default)]
struct Asked {
    routes: BTreeSet<String>,
    endpoints: BTreeSet<String>,
}

async fn take(running: &Running, handle: &Client, asked: &mut Asked, batch: Vec<Update>) {
    let mut answers = Vec::with_capacity(batch.len());
    let (routes, endpoints) = {
        let mut accepted = running.accepted();
        for update in batch {
            let refusals = accepted.take(&update, running.clock.wall());
            for refusal in &refusals {
                tracing::warn!(resource = %refusal.resource, why = %refusal.why, "refused; its last good version serves on");
            }
            let verdict =
                if refusals.is_empty() { Verdict::Accept } else { Verdict::Reject(refusals) };
            answers.push((update.id, verdict));
        }
        (accepted.wanted_routes(), accepted.wanted_endpoints())
    };
    running.publish();
    for (id, verdict) in answers {
        handle.answer(id, verdict).await;
    }
    follow_names(handle, type_url::ENDPOINTS, &mut asked.endpoints, endpoints).await;
    follow_names(handle, type_url::ROUTE, &mut asked.routes, routes).await;
}

async fn follow_names(
    handle: &Client,
    type_url: &str,
    asked: &mut BTreeSet<String>,
    wanted: BTreeSet<String>,
) {
    let more: Vec<_> = wanted.difference(asked).cloned().collect();
    let less: Vec<_> = asked.difference(&wanted).cloned().collect();
    if !more.is_empty() {
        handle.subscribe(type_url, more).await;
    }
    if !less.is_empty() {
        handle.unsubscribe(type_url, less).await;
    }
    *asked = wanted;
}
