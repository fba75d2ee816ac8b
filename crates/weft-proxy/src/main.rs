//! The data plane: sidecar and gateway, or the agent of an Envoy in that place. Wiring only.
//!
//! In: arguments, environment, files of the pod. Out: a running proxy until SIGTERM.
//! Holds: workers have threads of their own; discovery, certificates and own ports share the main runtime.

mod admin;
mod agent;
mod authority;
mod callers;
mod dump;
mod files;
mod horizon;
mod metadata;
mod names;
mod ports;
mod running;
mod settings;
mod unknown_keys;
mod withdrawal;

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand, ValueEnum};
use proxy_engine::{Engine, Network, Options, PeerExchange};
use telemetry_export::{AccessLog, Registry};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;
use weft_identity::{IdentityStore, RotateOptions, rotate};
use weft_rt::{Clock, Tasks};
use weft_telemetry::Sink;
use weft_types::SpiffeId;
use weft_xds::ClientOptions;

use crate::authority::{Authority, ControlPlane};
use crate::callers::Reports;
use crate::running::Running;
use crate::settings::{Role, Settings};

/// Istio's default for connections of a removed listener.
const LISTENER_DRAIN: std::time::Duration = std::time::Duration::from_secs(45);

/// Mark of every socket that we open ourselves: capture rules leave it alone.
pub(crate) const MARK: Option<u32> = Some(1337);

#[derive(Debug, Parser)]
#[command(name = "weft-proxy", version, about = "The data plane of Weft")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve as the sidecar of this pod.
    Sidecar,
    /// Serve as a gateway.
    Router,
    /// Run a stock Envoy in this pod's place of the proxy.
    Agent {
        /// What the Envoy is there for.
        role: RoleArgument,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum RoleArgument {
    Sidecar,
    Router,
}

impl From<RoleArgument> for Role {
    fn from(argument: RoleArgument) -> Self {
        match argument {
            RoleArgument::Sidecar => Self::Sidecar,
            RoleArgument::Router => Self::Router,
        }
    }
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let env: BTreeMap<String, String> = std::env::vars().collect();
    let filter = env.get("RUST_LOG").map_or("info", String::as_str);
    // Levels by target, without patterns for span fields: those would bring a regular-expression compiler along.
    let filter: Targets = filter.parse().context("RUST_LOG")?;
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    tracing_subscriber::registry().with(lines.with_filter(filter)).init();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the main runtime")?;
    let read = |role| Settings::read(role, &env);
    match arguments.command {
        Command::Sidecar => runtime.block_on(Box::pin(serve(read(Role::Sidecar)?))),
        Command::Router => runtime.block_on(Box::pin(serve(read(Role::Router)?))),
        Command::Agent { role } => runtime.block_on(Box::pin(agent::run(read(role.into())?, &env))),
    }
}

async fn serve(settings: Settings) -> Result<()> {
    let clock = Clock::real();
    let identity = IdentityStore::new();
    let domain = settings.trust_domain.parse().context("TRUST_DOMAIN")?;
    let spiffe = SpiffeId::new(domain, &settings.namespace, &settings.service_account)
        .context("POD_NAMESPACE and SERVICE_ACCOUNT")?;
    let (log, log_writer) = AccessLog::start(std::io::stdout()).context("cannot start the log")?;
    let registry = Registry::new(Arc::new(metadata::own_workload(&settings)));
    let (unknown_keys, unknown) = mpsc::channel(unknown_keys::WAITING);
    let engine = start_engine(&settings, &identity, (&registry, log), &clock, unknown_keys)?;
    let drain = settings.drain;
    let rotation = RotateOptions { identity: spiffe, ttl: settings.secret_ttl };
    let control = ControlPlane::at(&settings.discovery, identity.clone());
    let signer = Authority(control.also_at(&settings.authority));
    let running =
        Arc::new(Running::new(settings, engine, identity.clone(), registry, clock.clone()));

    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT")?;
    let mut tasks = Tasks::new();
    ports::open(&running, &mut tasks).await?;
    if let Some(names) = &running.names {
        names.serve(&mut tasks).await?;
    }
    tasks.spawn("certificates", rotate(identity, signer, rotation, clock.clone()));
    let (settings, callers) = (&running.settings, running.engine.callers().clone());
    let reports = Reports::new(settings, control.clone(), callers, clock.clone());
    let reporting = running.settings.role == Role::Sidecar;
    if reporting {
        tasks.spawn("callers", reports.clone().run());
    }
    tasks.spawn("unknown keys", unknown_keys::tell(control.clone(), unknown, clock.clone()));
    tasks.spawn("discovery", discovery(Arc::clone(&running), control));
    tasks.spawn("files", files::follow(Arc::clone(&running)));
    let published = Arc::clone(&running);
    let settled = async move || published.published.notified().await;
    tasks.spawn("rest", weft_resident::keep_small(settled, clock.clone()));
    tracing::info!(node = running.settings.node_id(), "started");
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = running.quit.notified() => {}
        Some((task, end)) = tasks.next_end() => anyhow::bail!("task {task} ended: {end:?}"),
    }
    tracing::info!("draining");
    running.engine.drain(drain).await;
    if reporting {
        reports.finish().await;
    }
    tasks.shutdown(&clock, std::time::Duration::ZERO).await;
    if let Some(running) = Arc::into_inner(running) {
        running.engine.stop();
        log_writer.finish();
    }
    Ok(())
}

fn start_engine(
    settings: &Settings,
    identity: &IdentityStore,
    (registry, log): (&Registry, AccessLog),
    clock: &Clock,
    unknown_keys: mpsc::Sender<String>,
) -> Result<Engine> {
    let exchange = PeerExchange {
        id: settings.node_id(),
        metadata: metadata::peer_metadata(settings),
        read: metadata::read_peer,
    };
    let sink = |_| Box::new(registry.worker(Some(log.clone()))) as Box<dyn Sink + Send>;
    let sinks = (0..settings.concurrency).map(sink).collect();
    drop(log);
    let (identity, clock) = (identity.clone(), clock.clone());
    let listener_drain = settings.listener_drain.unwrap_or(LISTENER_DRAIN);
    let network = Network::tcp();
    let (denials, explain_to) = (settings.denials, settings.explain_to.clone());
    let options = Options {
        identity,
        exchange,
        sinks,
        listener_drain,
        denials,
        explain_to,
        clock,
        network,
        unknown_keys,
    };
    Engine::start(options).context("cannot start workers")
}

/// Follows the control plane, for as long as the proxy runs.
async fn discovery(running: Arc<Running>, control: ControlPlane) {
    let (connecting, proving) = (control.clone(), control);
    let options = ClientOptions {
        node: metadata::node(&running.settings),
        connect: Arc::new(move || {
            let control = connecting.clone();
            Box::pin(async move { control.shared().await })
        }),
        headers: Arc::new(move || proving.headers()),
        clock: running.clock.clone(),
    };
    let renewed = running.identity.subscribe();
    proxy_discovery::follow(running, options, renewed).await;
}
