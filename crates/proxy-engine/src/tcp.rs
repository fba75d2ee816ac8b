//! A connection that is passed on as bytes.
//!
//! In: the client's wire and a TCP action. Out: a tunnel to one endpoint, told twice (opened, closed).
//! Holds: a connection refused upstream is tried on another endpoint before the client hears of it.

use std::borrow::Cow;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use proxy_config::access_log::AccessLog;
use proxy_http::Wire;
use proxy_http::tunnel::{End, Tunnel};
use proxy_upstream::{ConnectError, Exchange as Server, Slot, Target, dial};
use weft_telemetry::record::{Ends, LogFields, Reporter};
use weft_telemetry::{Flag, TcpEvent, TcpRecord};

use crate::connection::{Bound, Facts};
use crate::patience::Patience;
use crate::plan::{Cluster, TcpAction};
use crate::worker::{Counted, Worker};
use crate::{decide, filter};

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
    if let Err(reply) = filter::tcp(&action, &facts) {
        told.details = reply.details;
        return told.tell(TcpEvent::Closed);
    }
    let Some(cluster) = decide::tcp_cluster(&worker, &bound.plan, &action) else {
        told.flag = Flag::NoCluster;
        return told.tell(TcpEvent::Closed);
    };
    told.cluster = Some(Arc::clone(&cluster));
    match connect(&worker, &cluster, &facts, &mut told).await {
        Ok((server, _slot)) => {
            told.tell(TcpEvent::Opened);
            run(client, server, action.proxy.idle_timeout, &mut told).await;
        }
        Err(flag) => told.flag = flag,
    }
    told.tell(TcpEvent::Closed);
}

async fn connect(
    worker: &Worker,
    cluster: &Arc<Cluster>,
    facts: &Facts,
    told: &mut Told<'_>,
) -> Result<(Wire, (Slot, Option<Slot>)), Flag> {
    let mut flag = Flag::NoHealthyUpstream;
    let mut tried = smallvec::SmallVec::<[std::net::SocketAddr; 4]>::new();
    for _ in 0..TRIES {
        let wish = decide::Wish { avoid: &tried, hash: None };
        let Some(picked) = decide::pick(worker, cluster, facts, None, wish) else { break };
        let target: &Target = &picked.target;
        if !picked.usable {
            return Err(Flag::UpstreamConnect);
        }
        told.host = Some(target.address);
        told.upstream_tls = target.tls.is_some();
        let limit = cluster.limits.max_connections;
        let Some(slot) = Slot::take(&cluster.load.connections, limit) else {
            return Err(Flag::UpstreamOverflow);
        };
        match dial(target, &worker.shared.clock).await {
            Ok(dialled) => {
                told.local = dialled.local;
                told.server_principal = dialled.peer;
                return Ok((Wire::new(dialled.io), (slot, picked.active)));
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

async fn run(client: Wire, server: Wire, idle: Option<Duration>, told: &mut Told<'_>) {
    let mut tunnel = Tunnel::new(client, server);
    let mut last = tunnel.moved();
    let result = loop {
        let moving = poll_fn(|cx| tunnel.poll(cx));
        let Some(limit) = idle else { break moving.await };
        match told.worker.shared.clock.timeout(limit, moving).await {
            Ok(result) => break result,
            Err(_elapsed) if tunnel.moved() != last => last = tunnel.moved(),
            Err(_elapsed) => {
                told.flag = Flag::StreamIdle;
                break Ok(());
            }
        }
    };
    (told.received, told.sent) = tunnel.moved();
    if let Err((end, _)) = &result {
        told.flag = if *end == End::Client { Flag::DownstreamClosed } else { Flag::UpstreamClosed };
        tunnel.cut();
    }
}

/// Joins a client's wire with the server's after an upgrade.
pub(crate) async fn join(worker: &Worker, client: Wire, server: Server, silence: Option<Duration>) {
    let _counted = Counted::one(&worker.shared.activity.requests);
    let Some((server, _live)) = server.into_wire() else { return };
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
        let peer = decide::peer_of(cluster, self.host).unwrap_or_else(|| Arc::clone(unknown));
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
            log: LogFields {
                enabled: crate::request::logged(self.logs, self.flag),
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
