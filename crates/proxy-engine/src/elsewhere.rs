//! A request that its server provably never saw: the pod is ending, and the news of it is still on its way to us.
//!
//! In: how a try ended. Out: how long to wait before the request is sent again, to whatever endpoints are known then.
//! Holds: only what no application can have seen counts; it costs none of the route's retries, and ends with the route's
//! timeout or after [`LONGEST`]. A server that never served may be a mistake, and is waited for [`SHORTER`].
//! Never: repeating what may have been processed, or believing a server that the control plane does not call one of the mesh.
//! Why: an application that is told to end stops listening at once, and every client's proxy hears of it a moment later.
//! Why a field between proxies: to a client's proxy an answer of the server's proxy looks like the application's own.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use proxy_http::{Fields, ResponseHead};
use weft_rt::{Backoff, Rng};
use weft_telemetry::Reporter;

use crate::attempt::Failure;
use crate::plan::Cluster;
use crate::reply::Reply;
use crate::worker::Worker;

/// On an answer of the proxy beside an application that it could not reach any more.
const FIELD: &str = "x-weft-not-processed";
/// What the control plane says of an endpoint that a proxy of the mesh stands in front of. Such a proxy strips [`FIELD`]
/// from what its application answers.
const PROXIED: (&str, &str) = ("tlsMode", "istio");
/// What the field says: whether the application was ever reached.
const SERVED: &str = "served-before";
const NEVER: &str = "never-served";
/// Longer than a change takes to reach a proxy, shorter than most people's patience.
const LONGEST: Duration = Duration::from_secs(5);
const SHORTER: Duration = Duration::from_secs(2);
const FIRST: Duration = Duration::from_millis(20);
const MOST: Duration = Duration::from_millis(250);

/// What is left of the patience with servers that go away under one request.
#[derive(Debug)]
pub(crate) struct Elsewhere {
    until: Option<Instant>,
    deadline: Option<Instant>,
    backoff: Backoff,
}

impl Elsewhere {
    /// For a request that must be answered at `deadline`.
    pub(crate) const fn new(deadline: Option<Instant>) -> Self {
        Self { until: None, deadline, backoff: Backoff::new(FIRST, MOST) }
    }

    /// True when no application can have seen the request. Beside the application there is nowhere else to go.
    pub(crate) fn unseen(
        &self,
        result: Result<&ResponseHead, Failure>,
        side: Reporter,
        cluster: &Cluster,
        server: Option<SocketAddr>,
    ) -> bool {
        match result {
            _ if side == Reporter::Destination => false,
            Ok(head) => {
                head.fields.has(FIELD) && server.is_some_and(|server| is_proxied(cluster, server))
            }
            // The old endpoint is gone, and the new one not here yet.
            Err(Failure::NoEndpoint) => self.until.is_some(),
            Err(failure) => failure == Failure::Refused,
        }
    }

    /// How long to wait before the request is sent again; `None` when it has been long enough.
    pub(crate) fn wait(&mut self, now: Instant, served: bool, rng: &mut Rng) -> Option<Duration> {
        let longest = if served { LONGEST } else { SHORTER };
        let until = *self.until.get_or_insert(now + longest);
        let wait = self.backoff.next(rng);
        let in_time = now + wait < self.deadline.map_or(until, |deadline| deadline.min(until));
        in_time.then_some(wait)
    }
}

fn is_proxied(cluster: &Cluster, server: SocketAddr) -> bool {
    let found = cluster.at(server);
    let labels = found.map_or(&[][..], |(endpoint, _)| &endpoint.about.transport_labels);
    labels.iter().any(|(key, value)| (&**key, &**value) == PROXIED)
}

/// Resolves when the address is none of the cluster's endpoints any more: nobody may be there to answer or to refuse.
pub(crate) async fn vanished(worker: &Worker, cluster: &Cluster, address: SocketAddr) {
    let mut changed = worker.shared.changed.clone();
    loop {
        let plan = worker.shared.plan.load();
        let newest = plan.clusters.get(&cluster.name).filter(|newest| newest.endpoints.is_some());
        let known = newest.is_none_or(|newest| newest.at(address).is_some());
        drop(plan);
        if !known {
            return;
        }
        if changed.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
}

/// Tells the client's proxy that our application did not see the request.
pub(crate) fn tell(reply: &mut Reply, failure: Failure, cluster: &Cluster, side: Reporter) {
    if side == Reporter::Destination && failure == Failure::Refused {
        let served = if cluster.load.served() { SERVED } else { NEVER };
        reply.fields.push((FIELD.into(), served.into()));
    }
}

/// True when the server was there before.
pub(crate) fn served(result: Result<&ResponseHead, Failure>, cluster: &Cluster) -> bool {
    match result {
        Ok(head) => head.fields.get(FIELD) == Some(SERVED.as_bytes()),
        Err(_) => cluster.load.served(),
    }
}

/// Between proxies only: no application says it, and none hears it.
pub(crate) fn forget(fields: &mut Fields) {
    fields.remove(FIELD);
}
