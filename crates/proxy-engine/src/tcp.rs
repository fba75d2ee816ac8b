//! A connection that is passed on as bytes.
//!
//! In: the client's wire and a TCP action. Out: a tunnel to one endpoint, told twice (opened, closed).
//! Holds: a connection refused upstream is tried on another endpoint before the client hears of it.

use std::borrow::Cow;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use proxy_balance::OutlierVerdict;
use proxy_config::access_log::AccessLog;
use proxy_config::listener as config;
use proxy_config::listener::TcpProxy;
use proxy_http::Wire;
use proxy_http::tunnel::{End, Tunnel};
use proxy_upstream::{ConnectError, Exchange as Server, Slot, Target, dial};
use weft_rt::Clock;
use weft_telemetry::record::{Ends, LogFields, Reporter};
use weft_telemetry::{Flag, TcpEvent, TcpRecord};

use crate::connection::{Bound, Facts};
use crate::denied::Denial;
use crate::patience::Patience;
use crate::plan::{Cluster, TcpAction};
use crate::tunnel::{self, Held, Through};
use crate::worker::{Counted, Worker};
use crate::{access, pick};

const TRIES: usize = 3;

/// A wire to nowhere, to leave behind where one was taken.
pub(crate) fn nowhere() -> Wire {
    Wire::new(Box::new(tokio::io::join(tokio::io::empty(), tokio::io::sink())))
}

/// Serves one TCP connection.
pub(crate) async fn serve(
    worker: Rc<Worker>,
    bound: Bound,
    action: Arc<TcpAction>,
    facts: Facts,
    client: Wire,
) {
    let _counted = Counted::one(&worker.shared.activity.requests);
    let mut told = Told::new(&worker, &bound, &facts);
    told.logs = &action.proxy.access_logs;
    if let Err(reply) = access::tcp(&worker, &bound, &action, &facts).await {
        (told.details, told.flag, told.denied) = (reply.details, reply.flag, reply.denied);
        return told.tell(TcpEvent::Closed);
    }
    let Some(cluster) = pick::tcp_cluster(&worker, &bound.plan, &action) else {
        told.flag = Flag::NoCluster;
        return told.tell(TcpEvent::Closed);
    };
    told.cluster = Some(Arc::clone(&cluster));
    let hash = action.proxy.by_source_ip.then(|| proxy_balance::address(facts.remote.ip()));
    let to = (facts.hello.sni.as_deref(), action.called);
    let called = worker.called.of_connection(&worker.shared.clock, &cluster, to).await;
    let Ok(called) = called else {
        told.flag = Flag::DnsFailed;
        return told.tell(TcpEvent::Closed);
    };
    let wish = pick::Wish { hash, called: &called, ..pick::Wish::default() };
    match connect(&worker, &cluster, &facts, (wish, action.proxy.tunnel.as_ref()), &mut told).await
    {
        Ok((server, _slot)) => {
            told.tell(TcpEvent::Opened);
            run(client, server, &action.proxy, &mut told).await;
        }
        Err(flag) => told.flag = flag,
    }
    told.tell(TcpEvent::Closed);
}

async fn connect(
    worker: &Worker,
    cluster: &Arc<Cluster>,
    facts: &Facts,
    (wish, tunnel): (pick::Wish<'_>, Option<&config::Tunnel>),
    told: &mut Told<'_>,
) -> Result<(Wire, (Option<Held>, Option<Slot>)), Flag> {
    let mut flag = Flag::NoHealthyUpstream;
    let mut tried = smallvec::SmallVec::<[std::net::SocketAddr; 4]>::new();
    for _ in 0..TRIES {
        let wish = pick::Wish { avoid: &tried, ..wish };
        let Some(picked) = pick::pick(worker, cluster, facts, None, wish) else { break };
        let target: &Target = &picked.target;
        if !picked.usable {
            return Err(Flag::UpstreamConnect);
        }
        told.host = Some(target.address);
        told.upstream_tls = target.is_in_mesh();
        let reached = reach(worker, cluster, target, tunnel).await;
        if !matches!(reached, Err(ConnectError::Overflow)) {
            judge(worker, cluster, target.address, reached.is_ok());
        }
        match reached {
            Ok(dialled) => {
                told.local = dialled.local;
                told.server_principal.clone_from(&dialled.peer);
                let Through { wire, local: _, peer: _, live } = dialled;
                return Ok((wire, (live, picked.active)));
            }
            Err(error) => {
                told.failure = Some(error.to_string());
                flag = match error {
                    ConnectError::Overflow => Flag::UpstreamOverflow,
                    _ => Flag::UpstreamConnect,
                };
                tried.push(target.address);
            }
        }
    }
    Err(flag)
}

/// Tells outlier detection whether a host could be reached.
fn judge(worker: &Worker, cluster: &Cluster, host: SocketAddr, reached: bool) {
    let Some(outlier) = &cluster.config.outlier else { return };
    let verdict = if reached { OutlierVerdict::Status(200) } else { OutlierVerdict::LocalOrigin };
    let (hosts, now) = (cluster.hosts.len(), worker.shared.clock.now());
    cluster.health.record(outlier, host, verdict, hosts, now);
}

/// A connection to a host itself, or through it.
async fn reach(
    worker: &Worker,
    cluster: &Cluster,
    target: &Target,
    tunnel: Option<&config::Tunnel>,
) -> Result<Through, ConnectError> {
    if let Some(tunnel) = tunnel {
        return tunnel::open(worker, cluster, target, tunnel).await;
    }
    let limit = cluster.limits.max_connections;
    let slot = Slot::take(&cluster.load.connections, limit).ok_or(ConnectError::Overflow)?;
    let dialled = dial(&*worker.shared.network.connect, target, &worker.shared.clock).await?;
    let (local, peer) = (dialled.local, dialled.peer);
    Ok(Through { wire: Wire::new(dialled.io), local, peer, live: Some(Held::Slot(slot)) })
}

async fn run(client: Wire, server: Wire, proxy: &TcpProxy, told: &mut Told<'_>) {
    let mut tunnel = Tunnel::new(client, server);
    let clock = &told.worker.shared.clock;
    let passing = pass(&mut tunnel, proxy.idle_timeout, clock);
    let ended = match proxy.max_duration {
        None => passing.await,
        Some(longest) => {
            clock.timeout(longest, passing).await.unwrap_or(Err(Flag::DurationTimeout))
        }
    };
    (told.received, told.sent) = tunnel.moved();
    if let Err(flag) = ended {
        told.flag = flag;
        if matches!(flag, Flag::DownstreamClosed | Flag::UpstreamClosed) {
            tunnel.cut();
        }
    }
}

/// Passes bytes on until both ends are done, one is gone, or nothing came for too long.
async fn pass(tunnel: &mut Tunnel, idle: Option<Duration>, clock: &Clock) -> Result<(), Flag> {
    let mut last = tunnel.moved();
    let flag = |(end, _)| match end {
        End::Client => Flag::DownstreamClosed,
        End::Server => Flag::UpstreamClosed,
    };
    loop {
        let moving = poll_fn(|cx| tunnel.poll(cx));
        let Some(limit) = idle else { return moving.await.map_err(flag) };
        match clock.timeout(limit, moving).await {
            Ok(result) => return result.map_err(flag),
            Err(_elapsed) if tunnel.moved() != last => last = tunnel.moved(),
            Err(_elapsed) => return Err(Flag::StreamIdle),
        }
    }
}

/// Joins a client's wire with the server's after an upgrade.
pub(crate) async fn join(worker: &Worker, client: Wire, server: Server, silence: Option<Duration>) {
    let _counted = Counted::one(&worker.shared.activity.requests);
    let (server, _live) = match server {
        Server::H2(_) => (crate::tunnel::bytes_of(server), None),
        Server::H1(_) => match server.into_wire() {
            Some((wire, live)) => (wire, Some(live)),
            None => return,
        },
    };
    let mut tunnel = Tunnel::new(client, server);
    let mut patience = Patience::new(silence, None);
    let moving = poll_fn(|cx| match tunnel.poll(cx) {
        Poll::Ready(end) => Poll::Ready(end.is_ok()),
        Poll::Pending => {
            let (up, down) = tunnel.moved();
            patience.over(up + down, true, cx).map_or(Poll::Pending, |_| Poll::Ready(true))
        }
    });
    // Either end may leave an upgraded connection at any time; there is nobody to tell but the other end.
    if !moving.await {
        tunnel.cut();
    }
}

/// What is told of the connection.
struct Told<'a> {
    worker: &'a Worker,
    bound: &'a Bound,
    facts: &'a Facts,
    cluster: Option<Arc<Cluster>>,
    host: Option<std::net::SocketAddr>,
    local: Option<std::net::SocketAddr>,
    upstream_tls: bool,
    server_principal: Option<Arc<str>>,
    failure: Option<String>,
    flag: Flag,
    details: Cow<'static, str>,
    denied: Option<Arc<Denial>>,
    logs: &'a [AccessLog],
    received: u64,
    sent: u64,
}

impl<'a> Told<'a> {
    const fn new(worker: &'a Worker, bound: &'a Bound, facts: &'a Facts) -> Self {
        Self {
            worker,
            bound,
            facts,
            cluster: None,
            host: None,
            local: None,
            upstream_tls: false,
            server_principal: None,
            failure: None,
            flag: Flag::None,
            details: Cow::Borrowed(""),
            denied: None,
            logs: &[],
            received: 0,
            sent: 0,
        }
    }

    fn tell(&self, event: TcpEvent) {
        let unknown = &self.worker.peers.unknown;
        let inbound = self.bound.listener.reporter == Reporter::Destination;
        let own = self.bound.plan.principal.as_deref();
        let (source_principal, destination_principal) = if inbound {
            (self.facts.principal(), own.filter(|_| self.facts.mutual_tls()))
        } else {
            (own.filter(|_| self.upstream_tls), self.server_principal.as_deref())
        };
        let cluster = self.cluster.as_deref();
        let service = cluster.map_or(&self.bound.plan.unknown_service, |c| &c.service);
        let peer = pick::peer_of(cluster, self.host).unwrap_or_else(|| Arc::clone(unknown));
        let closed = event == TcpEvent::Closed;
        self.worker.sink.tcp(&TcpRecord {
            ends: Ends {
                reporter: self.bound.listener.reporter,
                peer: if inbound { unknown } else { &peer },
                source_principal,
                destination_principal,
                service,
                mutual_tls: self.facts.mutual_tls(),
            },
            event,
            flag: if closed { self.flag } else { Flag::None },
            received: self.received,
            sent: self.sent,
            duration: self.worker.shared.clock.now() - self.facts.begun,
            start: self.facts.begun_wall,
            denied: self.denied.as_ref().map(|denied| denied.told(self.worker.shared.denials)),
            log: LogFields {
                enabled: crate::request::logged(self.logs, self.flag.into()),
                details: &self.details,
                upstream_failure: self.failure.as_deref(),
                upstream_host: self.host,
                upstream_cluster: cluster.map(|c| c.name.as_ref()),
                upstream_local: self.local,
                downstream_local: Some(self.facts.local),
                downstream_remote: Some(self.facts.remote),
                sni: self.facts.hello.sni.as_deref(),
                ..LogFields::default()
            },
        });
    }
}
