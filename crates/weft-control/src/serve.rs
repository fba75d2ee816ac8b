//! The ports of the control plane: 15010 (plain discovery), 15012 (discovery, withdrawals, unknown keys, certificates over TLS), 15014 (debug), 15017
//! (webhooks).
//! In: an address, the services. Out: servers until told to stop. Holds: 15010 answers the node alone.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use ctl_ca::{Ca, CaService, ServerIdentity, tls_incoming};
use ctl_callers::Callers;
use ctl_push::Access;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use weft_proto::ca::CertificateServer;
use weft_proto::callers::CallerServer;
use weft_proto::trust::TrustServer;
use weft_rt::Clock;

use crate::callers::CallerReports;
use crate::mesh_settings::LiveMesh;
use crate::pipeline::Running;
use crate::tokens::Tokens;
use crate::unknown_keys::UnknownKeys;
use crate::webhook::{self, Hooks, Incoming};

const KEEPALIVE: Duration = Duration::from_secs(30);
/// Names under which proxies know the control plane.
const NAMES: &[&str] = &[
    "istiod.istio-system.svc",
    "istiod.istio-system.svc.cluster.local",
    "istiod.istio-system",
    "istiod",
];

/// What the ports serve.
pub(crate) struct Services {
    pub(crate) walk: Running,
    pub(crate) mesh: Arc<LiveMesh>,
    pub(crate) ca: Arc<Ca>,
    pub(crate) roots: watch::Receiver<String>,
    pub(crate) tokens: Tokens,
    pub(crate) callers: Callers,
    pub(crate) hooks: Hooks,
    pub(crate) clock: Clock,
    pub(crate) stop: CancellationToken,
}

/// Binds all ports first, then serves them in the background.
///
/// # Errors
/// When a port is taken or the server's certificate cannot be made.
pub(crate) async fn start(services: Services, address: IpAddr) -> anyhow::Result<()> {
    let Services { walk, mesh, ca, roots, tokens, callers, hooks, clock, stop } = services;
    let bind = async |port: u16| {
        let at = SocketAddr::new(address, port);
        TcpListener::bind(at).await.with_context(|| format!("control plane port {at}"))
    };
    let (plain, secure, debug) = (bind(15010).await?, bind(15012).await?, bind(15014).await?);
    let asked = bind(15017).await?;
    let identity =
        ServerIdentity::new(Arc::clone(&ca), NAMES.iter().map(|n| (*n).to_owned()).collect())?;
    let incoming = tls_incoming(secure, identity.proving_config()?, clock.clone());
    let asking = tls_incoming(asked, identity.server_config(&["h2", "http/1.1"])?, clock.clone());
    let mut news = walk.push.ledger().changed();
    let settled = async move || {
        if news.changed().await.is_err() {
            // Nothing will ever be new again.
            std::future::pending::<()>().await;
        }
    };
    tokio::spawn(until(stop.clone(), weft_resident::keep_small(settled, clock.clone())));
    tokio::spawn(until(stop.clone(), identity.keep(clock.clone())));
    let domain = move || mesh.current().domain.clone();
    let authority = Arc::new(CaService::new(Arc::clone(&ca), Arc::new(tokens.clone()), domain));
    let push = walk.push.clone();
    let reports = CallerReports { callers, push, tokens: tokens.clone() };
    let proven = Access::Proven(Arc::new(tokens));
    let tls = server()
        .add_service(walk.push.service(proven.clone()))
        .add_service(walk.push.withdrawals(proven.clone()))
        .add_service(UnknownKeys::service(&walk.keys, proven))
        .add_service(CertificateServer::new(Arc::clone(&authority)))
        .add_service(TrustServer::new(Arc::clone(&authority)))
        .add_service(CallerServer::new(Arc::new(reports)))
        .serve_with_incoming_shutdown(incoming, stop.clone().cancelled_owned());
    let open = server()
        .add_service(walk.push.service(Access::From(is_node)))
        .add_service(walk.push.withdrawals(Access::From(is_node)))
        .add_service(UnknownKeys::service(&walk.keys, Access::From(is_node)))
        .serve_with_incoming_shutdown(
            tokio_stream::wrappers::TcpListenerStream::new(plain),
            stop.clone().cancelled_owned(),
        );
    tokio::spawn(told("15012", tls));
    tokio::spawn(told("15010", open));
    answer_webhooks(hooks, roots, Incoming(asking), &stop);
    tokio::spawn(crate::debug::serve(debug, walk, (authority, ca), clock, stop));
    Ok(())
}

fn server() -> Server {
    Server::builder().http2_keepalive_interval(Some(KEEPALIVE))
}

/// Does a connection come from the node itself?
fn is_node(peer: SocketAddr) -> bool {
    peer.ip().is_loopback() || peer.ip().to_string() == "10.244.0.1"
}

/// Serves port 15017, and keeps whoever asks there trusting the roots of now.
fn answer_webhooks<L>(
    hooks: Hooks,
    roots: watch::Receiver<String>,
    incoming: L,
    stop: &CancellationToken,
) where
    L: axum::serve::Listener<Addr = ()>,
{
    let bundles = webhook::bundle::keep(Arc::clone(&hooks.source), roots, stop.clone());
    let server = axum::serve(incoming, webhook::router(hooks));
    let served = server.with_graceful_shutdown(stop.clone().cancelled_owned());
    tokio::spawn(told("15017", served.into_future()));
    tokio::spawn(told("15017", bundles));
}

async fn told<E: std::fmt::Display>(
    port: &'static str,
    server: impl Future<Output = Result<(), E>>,
) {
    if let Err(error) = server.await {
        tracing::error!(port, %error, "the port is not served any more");
    }
}

async fn until(stop: CancellationToken, task: impl Future<Output = ()>) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = task => {}
    }
}
