//! `weft up`: a mesh on this machine.
//!
//! In: files, ports. Out: a running mesh, and what to do with it.
//! Holds: files are read and ports are bound before anything starts; what fails changes nothing.

use std::fs::File;
use std::io::IsTerminal as _;
use std::net::TcpListener;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use ctl_source::Source as _;
use ctl_source_kube::KubeSource;
use local_node::record;
use nix::fcntl::Flock;
use weft_rt::Clock;

use crate::failure::{Failure, complain, say};
use crate::node::own_binary;
use crate::state::{self, Place};
use crate::{apply, check, down, files, hand_over, ports, process, ready, settled, watch};

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Files, folders or `-` with the objects to start with.
    paths: Vec<PathBuf>,
    /// The same, as kubectl has it.
    #[arg(short = 'f', long = "filename", value_name = "PATH")]
    files: Vec<PathBuf>,
    /// Return when all is ready, and leave the mesh running.
    #[arg(long)]
    detach: bool,
    #[command(flatten)]
    place: Place,
    /// What runs as sidecar and gateway: weft or envoy.
    #[arg(long, default_value = "weft")]
    dataplane: weft_control::Dataplane,
    /// Port of the API server on localhost.
    #[arg(long, default_value_t = 16443)]
    api_port: u16,
    /// Port on localhost that leads to port 80 of the ingress gateway.
    #[arg(long, default_value_t = 8080)]
    ingress_http_port: u16,
    /// Port on localhost that leads to port 443 of the ingress gateway.
    #[arg(long, default_value_t = 8443)]
    ingress_https_port: u16,
    /// How long to wait until all is ready.
    #[arg(long, default_value = "60s", value_parser = local_images::load::parse_duration)]
    wait: Duration,
}

const START: Duration = Duration::from_secs(20);
const LET_GO: Duration = Duration::from_secs(3);
const TICK: Duration = Duration::from_millis(100);
/// Pods that progress names.
const NAMED: usize = 3;

/// The lock of the state; a mesh that was killed may still be letting go of it, a living one keeps it.
async fn lock(folder: &Path, clock: &Clock) -> Result<Option<Flock<File>>, Failure> {
    let deadline = clock.now() + LET_GO;
    loop {
        let lock = state::lock(folder)?;
        if lock.is_some() || clock.now() >= deadline || node_lives(folder) {
            return Ok(lock);
        }
        clock.sleep(TICK).await;
    }
}

/// Is the node of the last start there? One that is dying is not.
fn node_lives(folder: &Path) -> bool {
    let pid = record::read(folder).ok().and_then(|record| record.node_pid);
    // Without a record the mesh is only starting.
    pid.is_none_or(process::lives)
}

/// Starts.
pub(crate) async fn run(mut options: Options) -> Result<ExitCode, Failure> {
    options.paths.append(&mut options.files);
    let clock = Clock::real();
    let began = clock.now();
    let folder = options.place.folder()?;
    let objects = objects(&options.paths, &folder)?;
    state::create(&folder)?;
    let Some(lock) = lock(&folder, &clock).await? else {
        return Err(Failure::new(format!(
            "a mesh already runs with the state in {}",
            folder.display()
        ))
        .hint("weft down ends it; --name or --state-dir starts another one beside it"));
    };
    let [api, http, https] = bind(&options, &folder, &clock).await?;
    down::clear(&folder)?;
    state::keep_settings(&folder, apply::settings(&objects).as_ref())?;
    let (ours, theirs) = UnixStream::pair().map_err(|error| Failure::new(error.to_string()))?;
    let boot_id = boot_id(&clock);
    let mut node = start(&options, &folder, theirs, &boot_id)?;
    let files = [api.as_fd(), http.as_fd(), https.as_fd(), lock.as_fd()];
    hand_over::send(&ours, files).map_err(|error| Failure::new(format!("hand over: {error}")))?;
    // Dropping it would unlock it for the node too, which now holds the same open file.
    std::mem::forget(lock);
    let start = Started { folder: &folder, clock: &clock, boot_id: &boot_id };
    let arrived = arrive(&options, start, objects, &mut node).await;
    let (ready, all) = match arrived {
        Ok(progress) => progress,
        Err(failure) => {
            // Without an API server there is nothing to look into.
            if !options.detach || !folder.join("kubeconfig").exists() {
                end(&folder, &mut node);
            }
            return Err(failure);
        }
    };
    let seconds = clock.now().saturating_duration_since(began).as_secs_f64();
    say!("{ready} of {all} pods ready after {seconds:.1} s");
    guide(&options, &folder);
    drop(ours);
    if !options.detach {
        stay(&folder, &mut node).await?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads and judges the files; says what is worth a warning.
fn objects(paths: &[PathBuf], folder: &Path) -> Result<Vec<files::Written>, Failure> {
    let mut objects = files::read(paths)?;
    let mut warnings = check::check(&objects, folder.join("store.redb").exists())?;
    for (namespace, told) in check::missing_namespaces(&objects) {
        warnings.push(told);
        objects.push(files::Written::made(namespace));
    }
    for warning in warnings {
        complain!("warning: {warning}");
    }
    Ok(objects)
}

/// Binds the host's ports; those of a mesh that was killed may not be free at once.
async fn bind(
    options: &Options,
    folder: &Path,
    clock: &Clock,
) -> Result<[TcpListener; 3], Failure> {
    let patience = if record::path(folder).exists() { LET_GO } else { Duration::ZERO };
    let wanted = [
        (options.api_port, "--api-port"),
        (options.ingress_http_port, "--ingress-http-port"),
        (options.ingress_https_port, "--ingress-https-port"),
    ];
    ports::bind(wanted, patience, clock).await
}

/// The paths that exist as files or folders, as the node finds them.
fn watched(paths: &[PathBuf]) -> impl Iterator<Item = PathBuf> {
    paths.iter().filter(|path| path.as_os_str() != "-").filter_map(|path| path.canonicalize().ok())
}

/// Differs for every start of a node on this machine.
fn boot_id(clock: &Clock) -> String {
    let since = clock.wall().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("{:x}-{:x}", since.as_nanos(), std::process::id())
}

fn start(
    options: &Options,
    folder: &Path,
    socket: UnixStream,
    boot_id: &str,
) -> Result<Child, Failure> {
    let failed = |error: std::io::Error| Failure::new(format!("cannot start the node: {error}"));
    let log =
        std::fs::OpenOptions::new().create(true).append(true).open(folder.join("log/node.log"));
    let log = log.map_err(failed)?;
    let mut command = Command::new(own_binary()?);
    command.arg("node-launch").arg("--state-dir").arg(folder);
    command.args(["--dataplane", &options.dataplane.to_string(), "--boot-id", boot_id]);
    if !options.detach {
        command.arg("--follow");
    }
    for path in watched(&options.paths) {
        command.arg("--watch").arg(path);
    }
    command.stdin(Stdio::from(OwnedFd::from(socket)));
    command.stdout(log.try_clone().map_err(failed)?).stderr(log);
    // Ctrl-C reaches us alone; the node is told by us.
    command.process_group(0);
    command.spawn().map_err(failed)
}

/// A node that was started just now.
#[derive(Clone, Copy)]
struct Started<'a> {
    folder: &'a Path,
    clock: &'a Clock,
    boot_id: &'a str,
}

async fn arrive(
    options: &Options,
    started: Started<'_>,
    objects: Vec<files::Written>,
    node: &mut Child,
) -> Result<ready::Progress, Failure> {
    let clock = started.clock;
    let source = connect(started.folder, node, clock).await?;
    ready::wait_for_node(&source, clock, START, started.boot_id).await?;
    apply::all(&source, objects).await?;
    let bar = progress_bar();
    let progress = wait(options, &source, started, &bar).await;
    bar.finish_and_clear();
    progress
}

/// Waits for the pods, and then for everybody to know of them; the bar says for what.
async fn wait(
    options: &Options,
    source: &KubeSource,
    started: Started<'_>,
    bar: &indicatif::ProgressBar,
) -> Result<ready::Progress, Failure> {
    let waited = ready::wait(source, started.clock, options.wait, |(ready, all), behind| {
        bar.set_length(all as u64);
        bar.set_position(ready as u64);
        bar.set_message(waiting_for(&behind));
    });
    let progress = waited.await?;
    bar.set_message("until every proxy has the configuration");
    settled::wait(source, started.folder, started.clock, options.wait).await?;
    Ok(progress)
}

/// The first few pods that are behind, each with why.
fn waiting_for(behind: &[String]) -> String {
    let mut lines: Vec<String> = behind.iter().take(NAMED).cloned().collect();
    if behind.len() > NAMED {
        lines.push(format!("and {} more", behind.len() - NAMED));
    }
    lines.join("\n  ")
}

fn progress_bar() -> indicatif::ProgressBar {
    if !std::io::stderr().is_terminal() {
        return indicatif::ProgressBar::hidden();
    }
    let bar = indicatif::ProgressBar::new(0);
    bar.enable_steady_tick(TICK);
    match indicatif::ProgressStyle::with_template(
        "{spinner} {pos} of {len} pods ready, {elapsed}\n  {msg}",
    ) {
        Ok(style) => bar.with_style(style),
        Err(_default) => bar,
    }
}

/// Waits for an answering API server.
async fn connect(folder: &Path, node: &mut Child, clock: &Clock) -> Result<KubeSource, Failure> {
    let kubeconfig = folder.join("kubeconfig");
    let deadline = clock.now() + START;
    loop {
        let ended = node.try_wait().map_err(|error| Failure::new(error.to_string()))?;
        if let Some(status) = ended {
            return Err(Failure::new(format!(
                "the node ended at once ({status}): {}",
                last_line(&folder.join("log/node.log"))
            ))
            .hint(format!("{} says more", folder.join("log/node.log").display())));
        }
        if kubeconfig.exists() {
            let source = KubeSource::from_kubeconfig(&kubeconfig).await?;
            let namespaces = ctl_source::kinds::find("", "Namespace").map(|k| k.resource());
            let namespaces = namespaces.ok_or_else(|| Failure::new("no kind Namespace"))?;
            if source.list(&namespaces, None).await.is_ok_and(|found| !found.is_empty()) {
                return Ok(source);
            }
        }
        if clock.now() > deadline {
            let log = folder.join("log/control-plane.log");
            let last = last_line(&log);
            let told = format!("no API server after {} s: {last}", START.as_secs());
            return Err(Failure::new(told).hint(format!("{} says more", log.display())));
        }
        clock.sleep(Duration::from_millis(10)).await;
    }
}

fn last_line(log: &Path) -> String {
    let log = std::fs::read_to_string(log).unwrap_or_default();
    log.lines().next_back().unwrap_or("it said nothing").to_owned()
}

fn guide(options: &Options, folder: &Path) {
    let (http, https) = (options.ingress_http_port, options.ingress_https_port);
    say!("ingress  http://localhost:{http}/ and https://localhost:{https}/");
    say!("state    {}", folder.display());
    say!();
    say!("Try:");
    say!("  export KUBECONFIG={}", folder.join("kubeconfig").display());
    say!("  kubectl get pods -A");
    say!("  curl http://localhost:{http}/");
    if options.detach {
        say!("\nweft down{} ends the mesh.", options.place.flags());
    }
}

/// Waits for Ctrl-C or the node's end.
async fn stay(folder: &Path, node: &mut Child) -> Result<(), Failure> {
    say!("\nCtrl-C ends the mesh.");
    let mut stop =
        local_node::stop_on_signals().map_err(|error| Failure::new(error.to_string()))?;
    let clock = Clock::real();
    let mut told = 0;
    loop {
        let waited = clock.timeout(Duration::from_millis(200), stop.wait_for(|stop| *stop)).await;
        told = tell_changes(folder, told);
        if waited.is_ok() {
            end(folder, node);
            return Ok(());
        }
        let ended = node.try_wait().map_err(|error| Failure::new(error.to_string()))?;
        if let Some(status) = ended {
            return Err(Failure::new(format!(
                "the node ended ({status}): {}",
                last_line(&folder.join("log/node.log"))
            )));
        }
    }
}

/// Prints what the node did about changed files since `told` bytes; answers how much is told now.
fn tell_changes(folder: &Path, told: usize) -> usize {
    let text = std::fs::read_to_string(watch::log_path(folder)).unwrap_or_default();
    for line in text.get(told..).unwrap_or_default().lines() {
        say!("{line}");
    }
    text.len()
}

fn end(folder: &Path, node: &mut Child) {
    let pid = nix::unistd::Pid::from_raw(i32::try_from(node.id()).unwrap_or(0));
    // Gone already is as good.
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).ok();
    node.wait().ok();
    down::clear(folder).ok();
}
