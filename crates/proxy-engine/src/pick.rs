//! Which host gets a request, and the way to it.
//!
//! In: a cluster, facts, wishes. Out: a host with everything that a connection to it needs.
//! Holds: randomness comes from the worker's generator; nothing here waits.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use proxy_balance::{Live, Pick, pick as pick_endpoint, warmup};
use proxy_config::cluster::{Discovery, Protocol as Upstream};
use proxy_config::endpoint::Endpoint;
use proxy_http::{RequestHead, Version};
use proxy_upstream::{Dial, Introduced, Keepalive, Pings, Protocol, Slot, Target};
use smallvec::SmallVec;
use weft_telemetry::Workload;

use crate::connection::Facts;
use crate::decide::{Forward, Head};
use crate::plan::{Cluster, Host, Plan, TcpAction, Tls};
use crate::worker::Worker;

/// What the route hashes of a request.
pub(crate) fn key(
    worker: &Worker,
    forward: &Forward<'_>,
    facts: &Facts,
    head: &RequestHead,
    client: std::net::IpAddr,
) -> proxy_balance::Key {
    let fresh = || worker.rng.borrow_mut().next_u64();
    proxy_balance::key(&forward.action.hash, &Head(head, facts, None), client, fresh)
}

/// The cluster of a TCP chain.
pub(crate) fn tcp_cluster(
    worker: &Worker,
    plan: &Plan,
    action: &TcpAction,
) -> Option<Arc<Cluster>> {
    let total: u64 = action.proxy.clusters.iter().map(|(_, weight)| u64::from(*weight)).sum();
    let mut point = worker.rng.borrow_mut().below(total);
    let (name, _) = action.proxy.clusters.iter().find(|(_, weight)| {
        let hit = point < u64::from(*weight);
        point = point.saturating_sub(u64::from(*weight));
        hit
    })?;
    plan.clusters.get(name).map(Arc::clone)
}

/// A host and the way to it. The slot counts the request as long as it is kept.
pub(crate) struct Picked {
    pub(crate) target: Target,
    pub(crate) usable: bool,
    pub(crate) active: Option<Slot>,
    /// The endpoint's name, when it has one.
    pub(crate) hostname: Option<Arc<str>>,
}

/// No bound; long enough, and safe to add to now.
const NEVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// The mark of every socket that we open toward servers.
pub(crate) const MARK: u32 = 1337;

/// What a request wishes of its host.
#[derive(Clone, Copy, Default)]
pub(crate) struct Wish<'a> {
    /// Hosts that were tried already.
    pub(crate) avoid: &'a [SocketAddr],
    /// For consistent hashing.
    pub(crate) hash: Option<u64>,
    /// Other priorities than those of the hosts that were tried.
    pub(crate) remote: bool,
    /// Addresses of the called host, where the cluster looks that up.
    pub(crate) called: &'a [SocketAddr],
}

/// Picks a host of the cluster, by the wishes if that is possible.
pub(crate) fn pick(
    worker: &Worker,
    cluster: &Cluster,
    facts: &Facts,
    head: Option<&RequestHead>,
    wish: Wish<'_>,
) -> Option<Picked> {
    let dial = dial(cluster, facts);
    let version = head.map(|head| head.version);
    let protocol = match cluster.config.protocol {
        Upstream::Http2 => Protocol::Http2,
        Upstream::Downstream if version == Some(Version::Http2) => Protocol::Http2,
        _ => Protocol::Http1,
    };
    if cluster.original_destination {
        // Who connected to us meant nobody else; going on to our own address would go round in circles.
        if !facts.captured {
            return None;
        }
        let (tls, usable) = target_tls(&cluster.default_tls, cluster, head);
        let target = Target { address: facts.local, protocol, tls, dial };
        return Some(Picked { target, usable, active: None, hostname: None });
    }
    if let Discovery::Called(_) = &cluster.config.discovery {
        let fresh = wish.called.iter().find(|address| !wish.avoid.contains(address));
        let address = *fresh.or(wish.called.first())?;
        let (tls, usable) = target_tls(&cluster.default_tls, cluster, head);
        let target = Target { address, protocol, tls, dial };
        return Some(Picked { target, usable, active: None, hostname: None });
    }
    let (endpoint, host) = choose(worker, cluster, wish)?;
    let (tls, usable) = target_tls(&host.tls, cluster, head);
    let target = Target { address: endpoint.address, protocol, tls, dial };
    let name = &endpoint.about.hostname;
    let hostname = (!name.is_empty()).then(|| Arc::clone(name));
    Some(Picked { target, usable, active: Slot::take(&host.active, u32::MAX), hostname })
}

fn dial(cluster: &Cluster, facts: &Facts) -> Dial {
    let config = &cluster.config;
    Dial {
        mark: Some(MARK),
        bind: config.source,
        timeout: config.connect_timeout,
        keepalive: config.keepalive.map(|k| Keepalive {
            probes: k.probes,
            time: k.time,
            interval: k.interval,
        }),
        max_requests: config.max_requests_per_connection,
        idle_timeout: config.idle_timeout.unwrap_or(NEVER),
        max_duration: config.max_connection_duration.unwrap_or(NEVER),
        max_streams: config.max_streams,
        pings: config.pings.map(|p| Pings { interval: p.interval, timeout: p.timeout }),
        keep_case: config.keep_case,
        introduced: config.proxy_protocol.map(|version| Introduced {
            version,
            from: facts.remote,
            to: facts.local,
        }),
    }
}

fn target_tls(
    tls: &Tls,
    cluster: &Cluster,
    head: Option<&RequestHead>,
) -> (Option<proxy_upstream::TlsTarget>, bool) {
    let mut target = match tls {
        Tls::Plain => return (None, true),
        Tls::On(target) => proxy_upstream::TlsTarget::clone(target),
        Tls::Unusable => return (None, false),
    };
    let by = cluster.config.by_host;
    if let Some(head) = head.filter(|_| by.sni || by.san) {
        // A host that is no name of a server could not be verified.
        let Some(name) = proxy_upstream::target::server_name(&head.authority) else {
            return (None, !by.san);
        };
        target.for_host(name);
    }
    (Some(target), true)
}

fn choose<'a>(
    worker: &Worker,
    cluster: &'a Cluster,
    wish: Wish<'_>,
) -> Option<(&'a Endpoint, &'a Host)> {
    let endpoints = cluster.endpoints.as_ref()?;
    let config = &cluster.config;
    let timed = config.outlier.is_some() || config.slow_start.is_some();
    let now = timed.then(|| worker.shared.clock.now());
    let ejects = now.filter(|_| config.outlier.is_some());
    let out = ejects.map(|now| cluster.health.ejected(now)).unwrap_or_default();
    let live = |index: usize| {
        member(cluster, index).map_or_else(Live::default, |(endpoint, host)| Live {
            active: host.active.load(Ordering::Relaxed),
            ejected: out.contains(&endpoint.address),
            warm: now.map_or(warmup::WHOLE, |now| warmth(host, cluster, now)),
        })
    };
    let at = |address: &SocketAddr| {
        endpoints.endpoints.iter().position(|endpoint| endpoint.address == *address)
    };
    let tried: SmallVec<[usize; 4]> = wish.avoid.iter().filter_map(at).collect();
    let question = Pick {
        balancer: cluster.config.balancer,
        endpoints,
        live: &live,
        tried: &tried,
        random: worker.rng.borrow_mut().next_u64(),
        hash: wish.hash,
        table: cluster.table.as_deref(),
        calm: cluster.calm.as_ref().filter(|_| out.is_empty() && config.slow_start.is_none()),
        panic_threshold: config.panic_threshold,
        weighs_localities: config.weighs_localities,
        remote: wish.remote,
    };
    let mut cursors = worker.cursors.borrow_mut();
    let index = match cursors.get_mut(&cluster.name) {
        Some(cursor) => pick_endpoint(&question, cursor)?,
        None => pick_endpoint(&question, cursors.entry(Arc::clone(&cluster.name)).or_default())?,
    };
    member(cluster, index)
}

fn member(cluster: &Cluster, index: usize) -> Option<(&Endpoint, &Host)> {
    let endpoint = cluster.endpoints.as_ref()?.endpoints.get(index)?;
    Some((endpoint, cluster.hosts.get(index)?))
}

/// How much of its share a host gets. Its time began when it came, whether or not somebody asked for it.
fn warmth(host: &Host, cluster: &Cluster, now: Instant) -> u32 {
    let Some(settings) = &cluster.config.slow_start else { return warmup::WHOLE };
    let since = host.since.as_ref().map_or(now, |since| *since.get_or_init(|| now));
    warmup::share(settings, now.saturating_duration_since(since))
}

/// Who the endpoint's workload is.
pub(crate) fn peer_of(
    cluster: Option<&Cluster>,
    host: Option<SocketAddr>,
) -> Option<Arc<Workload>> {
    let host = host?;
    let (_, found) = cluster?.at(host)?;
    found.workload.as_ref().map(Arc::clone)
}
