//! Follows the control plane: asks, takes, publishes, answers.
//!
//! In: the stream of updates. Out: published plans, and verdicts after they are in force.
//! Holds: an update is acknowledged only after its plan was published; while the stream is lost, all serves on.

use std::collections::BTreeSet;
use std::sync::{Arc, MutexGuard};
use std::time::SystemTime;

use tokio::sync::watch;
use weft_proto::type_url;
use weft_xds::{Client, ClientOptions, Update, Verdict, client};

use crate::accepted::{Accepted, is_file};

/// The proxy that follows.
pub trait Follower {
    /// What it has taken so far.
    fn accepted(&self) -> MutexGuard<'_, Accepted>;
    /// Puts in force what can be served of it.
    fn publish(&self);
    /// Whether the table of names is wanted, too.
    fn answers_names(&self) -> bool;
    /// The date, for the config dump.
    fn wall(&self) -> SystemTime;
}

/// Runs for as long as the proxy. What `renewed` tells of (a new certificate) makes what was taken be put in force anew.
pub async fn follow<T>(
    proxy: Arc<impl Follower>,
    options: ClientOptions,
    mut renewed: watch::Receiver<T>,
) {
    let (handle, mut updates, work) = client(options);
    let take = async {
        handle.subscribe_all(type_url::CLUSTER).await;
        handle.subscribe_all(type_url::LISTENER).await;
        if proxy.answers_names() {
            handle.subscribe_all(type_url::NAMES).await;
        }
        let mut asked = Asked::default();
        loop {
            tokio::select! {
                update = updates.recv() => {
                    let Some(first) = update else { return };
                    let mut batch = vec![first];
                    while let Ok(more) = updates.try_recv() {
                        batch.push(more);
                    }
                    take(&*proxy, &handle, &mut asked, batch).await;
                }
                changed = renewed.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    proxy.publish();
                }
            }
        }
    };
    tokio::join!(work, take);
}

#[derive(Default)]
struct Asked {
    routes: BTreeSet<Arc<str>>,
    endpoints: BTreeSet<Arc<str>>,
    secrets: BTreeSet<Arc<str>>,
}

async fn take(proxy: &impl Follower, handle: &Client, asked: &mut Asked, batch: Vec<Update>) {
    let mut answers = Vec::with_capacity(batch.len());
    let (routes, endpoints, secrets) = {
        let mut accepted = proxy.accepted();
        for update in batch {
            let refusals = accepted.take(&update, proxy.wall());
            for refusal in &refusals {
                tracing::warn!(resource = %refusal.resource, why = %refusal.why, "refused; its last good version serves on");
            }
            let verdict =
                if refusals.is_empty() { Verdict::Accept } else { Verdict::Reject(refusals) };
            answers.push((update.id, verdict));
        }
        (accepted.wanted_routes(), accepted.wanted_endpoints(), accepted.wanted_secrets())
    };
    proxy.publish();
    for (id, verdict) in answers {
        handle.answer(id, verdict).await;
    }
    follow_names(handle, type_url::ENDPOINTS, &mut asked.endpoints, endpoints).await;
    follow_names(handle, type_url::ROUTE, &mut asked.routes, routes).await;
    let secrets = secrets.into_iter().filter(|name| !is_file(name));
    follow_names(handle, type_url::SECRET, &mut asked.secrets, secrets.collect()).await;
}

async fn follow_names(
    handle: &Client,
    type_url: &str,
    asked: &mut BTreeSet<Arc<str>>,
    wanted: BTreeSet<Arc<str>>,
) {
    let more: Vec<_> = wanted.difference(asked).map(|name| name.to_string()).collect();
    let less: Vec<_> = asked.difference(&wanted).map(|name| name.to_string()).collect();
    if !more.is_empty() {
        handle.subscribe(type_url, more).await;
    }
    if !less.is_empty() {
        handle.unsubscribe(type_url, less).await;
    }
    *asked = wanted;
}
