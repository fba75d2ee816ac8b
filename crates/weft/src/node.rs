//! The processes behind `weft up`: the launcher outside and the node inside the namespaces.
//! In: sockets handed over on standard input. Out: a running node; its end ends everything.

use std::net::TcpListener;
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;

use local_node::{NodeConfig, NodeParts, Reaper, Relay, init, record, stop_on_signals, supervise};
use serde_json::json;
use tokio::sync::watch;
use weft_rt::Clock;

use crate::failure::Failure;
use crate::hand_over;

/// Arguments of the hidden commands; `weft up` writes them.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// State folder.
    #[arg(long)]
    pub(crate) state_dir: PathBuf,
    /// Data plane of injected pods.
    #[arg(long, default_value = "weft")]
    pub(crate) dataplane: weft_control::Dataplane,
    /// Tells this life of the node from others.
    #[arg(long, default_value = "")]
    pub(crate) boot_id: String,
    /// Files and folders whose changes are applied.
    #[arg(long)]
    pub(crate) watch: Vec<PathBuf>,
    /// End when the starter ends.
    #[arg(long)]
    pub(crate) follow: bool,
}

/// `weft node-launch`: makes the namespaces and waits for the node.
pub(crate) fn launch(options: &Options) -> Result<ExitCode, Failure> {
    let mut node = Command::new(own_binary()?);
    node.arg("node").arg("--state-dir").arg(&options.state_dir);
    node.args(["--dataplane", &options.dataplane.to_string(), "--boot-id", &options.boot_id]);
    for path in &options.watch {
        node.arg("--watch").arg(path);
    }
    let ended = local_node::launch::launch(node, options.follow);
    let status = ended.map_err(|error| Failure::new(error.to_string()))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// `weft node`: pid 1 of the mesh.
pub(crate) async fn run(options: Options) -> Result<ExitCode, Failure> {
    log_to_stderr();
    let failed =
        |what: &str, error: &dyn std::fmt::Display| Failure::new(format!("{what}: {error}"));
    let handed = hand_over::receive(std::io::stdin().as_fd())
        .map_err(|error| failed("cannot take over the host's sockets", &error))?;
    let weft = own_binary()?;
    let proxy = weft.with_file_name("weft-proxy");
    let mut config = NodeConfig::new(options.state_dir.clone(), weft.clone(), proxy);
    config.boot_id.clone_from(&options.boot_id);
    if let Some(path) = search_path() {
        config.path = path;
    }
    let prepared = init::prepare(&options.state_dir, &config.mesh_net())
        .map_err(|error| failed("cannot prepare the node", &error))?;
    let stop = stop_on_signals().map_err(|error| failed("signals", &error))?;
    let (reaper, clock) = (Reaper::new(), Clock::real());
    let mut tasks = tokio::task::JoinSet::new();
    let waiter = Arc::clone(&reaper);
    tasks.spawn(async move {
        if let Err(error) = waiter.run().await {
            tracing::error!(%error, "cannot wait for child processes");
        }
    });
    let pid = watch::Sender::new(0);
    let about = (config.version.clone(), ports(&handed));
    tasks.spawn(record::keep(options.state_dir.clone(), prepared.clone(), about, pid.subscribe()));
    let hand_overs = [(handed.http, 80), (handed.https, 443)];
    let build = control_plane(weft, options.clone(), handed.api);
    let supervisor =
        supervise("control plane", build, (Arc::clone(&reaper), clock.clone()), pid, stop.clone());
    let supervised = tokio::spawn(supervisor);
    let kubeconfig = options.state_dir.join("apiserver/node.kubeconfig");
    let source = connect(&kubeconfig, &clock).await?;
    let relays = hand_overs.map(|(listener, port)| Relay {
        listener,
        namespace: "istio-system".into(),
        service: "istio-ingressgateway".into(),
        port,
    });
    let api_ca = std::fs::read_to_string(options.state_dir.join("apiserver/ca.crt")).ok();
    let config = NodeConfig { api_ca, ..config };
    let source = Arc::new(source);
    if !options.watch.is_empty() {
        let (paths, state, clock) = (options.watch, options.state_dir.clone(), clock.clone());
        let source = Arc::clone(&source);
        tasks.spawn(async move { crate::watch::run(paths, state, &*source, clock).await });
    }
    let parts = NodeParts { config, source, reaper, prepared, clock, relays: relays.into() };
    let ended = local_node::node::run(parts, stop).await;
    ended.map_err(|error| failed("the node ended", &error))?;
    supervised.await.map_err(|error| failed("the control plane's supervisor", &error))?;
    drop(handed.lock);
    Ok(ExitCode::SUCCESS)
}

/// Host programs of pods are found where the starter of the mesh finds them.
#[expect(clippy::disallowed_methods, reason = "the environment is read in this binary only")]
fn search_path() -> Option<String> {
    std::env::var("PATH").ok().filter(|path| !path.is_empty())
}

fn ports(handed: &hand_over::Handed) -> serde_json::Value {
    let port = |listener: &TcpListener| listener.local_addr().map_or(0, |address| address.port());
    json!({"apiPort": port(&handed.api), "ingressHttpPort": port(&handed.http), "ingressHttpsPort": port(&handed.https)})
}

fn control_plane(
    weft: PathBuf,
    options: Options,
    api: TcpListener,
) -> impl Fn() -> std::io::Result<Command> {
    move || {
        let log = options.state_dir.join("log/control-plane.log");
        let log = std::fs::OpenOptions::new().create(true).append(true).open(log)?;
        let mut command = Command::new(&weft);
        command.arg("control-plane").arg("--state-dir").arg(&options.state_dir);
        command.args(["--dataplane", &options.dataplane.to_string()]);
        command.stdin(Stdio::from(std::os::fd::OwnedFd::from(api.try_clone()?)));
        command.stdout(log.try_clone()?).stderr(log);
        Ok(command)
    }
}

/// Waits for the control plane's first start, which writes the node's credentials.
async fn connect(
    kubeconfig: &std::path::Path,
    clock: &Clock,
) -> Result<ctl_source_kube::KubeSource, Failure> {
    let deadline = clock.now() + std::time::Duration::from_secs(30);
    while !kubeconfig.exists() {
        if clock.now() > deadline {
            return Err(Failure::new("the control plane did not start; see log/control-plane.log"));
        }
        clock.sleep(std::time::Duration::from_millis(10)).await;
    }
    Ok(ctl_source_kube::KubeSource::from_kubeconfig(kubeconfig).await?)
}

/// The running binary.
pub(crate) fn own_binary() -> Result<PathBuf, Failure> {
    std::env::current_exe()
        .map_err(|error| Failure::new(format!("cannot find my own binary: {error}")))
}

/// Log lines go to standard error, which is a file for processes behind `weft up`. `WEFT_LOG` chooses the level.
pub(crate) fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("WEFT_LOG")
        .unwrap_or_else(|_unset| tracing_subscriber::EnvFilter::new("info,kube_client=warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
}
