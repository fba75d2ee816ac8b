//! One container: its runs, its restarts, its end.
//!
//! In: the container, the pod's context, the order to stop. Out: the board.
//! Holds: every process of a run is gone before the next run starts.
//! Never: the order among containers; the worker has it.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Container;
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use tokio::sync::watch;

use crate::logs::LogWriter;
use crate::pod::board::{Ended, Phase};
use crate::pod::context::PodCtx;
use crate::pod::env::{environment, expand, find};
use crate::pod::hook::{kill_group, lifecycle};
use crate::pod::{capture, files, image, probe, volumes};
use crate::pod_exec::{Enter, STEP};
use crate::reaper::{Exit, Started};
use crate::root::{Bind, Root};
use crate::signal::reached;

const FIRST_BACKOFF: Duration = Duration::from_secs(10);
const LAST_BACKOFF: Duration = Duration::from_mins(5);
/// Before another try to start what could not be started: a missing object may come, the API may be away.
const NOT_STARTED: Duration = Duration::from_secs(1);
const FORGIVEN_AFTER: Duration = Duration::from_mins(10);
/// How long a dead program's children may hold its pipes before the log is closed.
const LOG_TAIL: Duration = Duration::from_millis(300);

/// When a container runs again after its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Restart {
    Always,
    OnFailure,
    Never,
}

/// The order to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stop {
    /// From the order to SIGKILL, preStop included.
    pub(crate) grace: Duration,
    /// The whole mesh ends: no preStop.
    pub(crate) hurry: bool,
}

/// Seen by every runner of a pod.
pub(crate) type StopSignal = watch::Receiver<Option<Stop>>;

/// Runs a container until it is finished or told to stop.
pub(crate) async fn run(
    ctx: Arc<PodCtx>,
    container: Container,
    restart: Restart,
    mut stop: StopSignal,
) {
    let name = container.name.clone();
    let mut backoff = Duration::ZERO;
    loop {
        let begun = ctx.node.clock.now();
        let mut ran = true;
        let succeeded = match start(&ctx, &container).await {
            Ok(started) => supervise(&ctx, &container, started, &mut stop).await,
            Err(failure) => {
                ctx.node.events.warning(&ctx.about_container(&name), "Failed", failure.why.clone());
                ctx.board.change(&name, |seen| seen.wait(failure.reason, failure.why));
                ran = false;
                false
            }
        };
        let over = match restart {
            Restart::Always => false,
            Restart::OnFailure => succeeded,
            Restart::Never => {
                ctx.board.read(&name, |s| matches!(s.phase, Phase::Ended(_))) == Some(true)
            }
        };
        if over || stop.borrow().is_some() {
            break;
        }
        if ctx.node.clock.now() - begun >= FORGIVEN_AFTER {
            backoff = Duration::ZERO;
        }
        let wait = if ran { backoff } else { NOT_STARTED };
        if !rest(&ctx, &name, wait, &mut stop).await {
            break;
        }
        if !ran {
            continue;
        }
        backoff = (backoff * 2).clamp(FIRST_BACKOFF, LAST_BACKOFF);
        ctx.board.change(&name, |seen| {
            if seen.last.is_some() || matches!(seen.phase, Phase::Ended(_)) {
                seen.restarts += 1;
            }
        });
    }
    ctx.board.change(&name, |seen| {
        (seen.finished, seen.ready, seen.started) = (true, false, false);
    });
}

/// Waits out the back-off; false when the order to stop came first.
async fn rest(ctx: &PodCtx, name: &str, backoff: Duration, stop: &mut StopSignal) -> bool {
    if backoff.is_zero() {
        return true;
    }
    let ended = ctx.board.read(name, |s| matches!(s.phase, Phase::Ended(_))) == Some(true);
    if ended {
        let message = format!("back-off {}s restarting failed container={name}", backoff.as_secs());
        ctx.node.events.warning(&ctx.about_container(name), "BackOff", message.clone());
        ctx.board.change(name, |seen| seen.wait("CrashLoopBackOff", message));
    }
    tokio::select! {
        () = ctx.node.clock.sleep(backoff) => true,
        () = reached(stop, Option::is_some) => false,
    }
}

struct Failure {
    reason: &'static str,
    why: String,
}

struct Run {
    started: Started,
    log: tokio::task::JoinSet<()>,
}

async fn start(ctx: &PodCtx, container: &Container) -> Result<Run, Failure> {
    let config = |why| Failure { reason: "CreateContainerConfigError", why };
    let program = image::program(&ctx.node.config, container)
        .map_err(|why| Failure { reason: "ImageUnavailable", why })?;
    let env = environment(ctx, container).await.map_err(config)?;
    let lookup = |name: &str| find(&env, name);
    let program: Vec<String> = program.iter().map(|word| expand(word, &lookup)).collect();
    let mut mounts = volumes::mounts(ctx, container).map_err(config)?;
    mounts.extend(own_files(ctx, container));
    let number = ctx.board.read(&container.name, |seen| seen.restarts).unwrap_or(0);
    let failed = |error: io::Error| Failure { reason: "RunContainerError", why: error.to_string() };
    let mut command = command(ctx, container, mounts, &program).map_err(failed)?;
    command.env_clear().envs(env.iter().map(|(k, v)| (k, v)));
    let folder = ctx.logs(&container.name);
    let writer = LogWriter::create(&folder, number, ctx.node.clock.clone()).map_err(failed)?;
    let mut started = ctx.node.reaper.spawn(&mut command).map_err(failed)?;
    let log = writer.follow(&mut started.pipes).map_err(failed)?;
    let (pid, since) = (started.pid.as_raw(), ctx.node.clock.wall());
    ctx.board.change(&container.name, |seen| {
        if let Phase::Ended(ended) = &seen.phase {
            seen.last = Some(ended.clone());
        }
        seen.phase = Phase::Running { since, pid };
        (seen.env, seen.folder) = (env, container.working_dir.clone());
    });
    let message = format!("Started container {}", container.name);
    ctx.node.events.normal(&ctx.about_container(&container.name), "Started", message);
    Ok(Run { started, log })
}

fn command(
    ctx: &PodCtx,
    container: &Container,
    mounts: Vec<Bind>,
    program: &[String],
) -> io::Result<Command> {
    let enter = Enter {
        network: Some(ctx.netns.clone()),
        hostname: Some(ctx.hostname()),
        root: Some(Root {
            scratch: ctx.node.prepared.scratch.clone(),
            hide: ctx.node.config.state.clone(),
            mounts,
        }),
        folder: container.working_dir.clone().map(Into::into),
        ..Enter::default()
    };
    let mut command = Command::new(&ctx.node.config.weft);
    command.arg(STEP).args(enter.arguments(program)?);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.process_group(0).current_dir("/");
    Ok(command)
}

/// Name resolution files; they are the same for all containers of the pod, but only applications ask the proxy for names.
fn own_files(ctx: &PodCtx, container: &Container) -> impl Iterator<Item = Bind> {
    let folder = ctx.folder.join("etc");
    let asks_proxy = container.name != "istio-proxy" && capture::captures_names(&ctx.pod());
    let resolver = if asks_proxy { files::RESOLVER_OF_APPLICATION } else { files::RESOLVER };
    let names = [("resolv.conf", resolver), ("hosts", "hosts"), ("hostname", "hostname")];
    names.into_iter().map(move |(name, source)| Bind {
        source: folder.join(source),
        target: Path::new("/etc").join(name),
        read_only: false,
    })
}

/// Follows one run to its end; true when it succeeded.
async fn supervise(
    ctx: &PodCtx,
    container: &Container,
    mut run: Run,
    stop: &mut StopSignal,
) -> bool {
    let pid = run.started.pid;
    let mut unhealthy = String::new();
    let post_start = container.lifecycle.as_ref().and_then(|l| l.post_start.as_ref());
    let healthy = async {
        if let Some(hook) = post_start
            && let Err(why) = lifecycle(ctx, container, hook, LAST_BACKOFF).await
        {
            let about = ctx.about_container(&container.name);
            ctx.node.events.warning(&about, "FailedPostStartHook", why.clone());
            return format!("postStart hook failed: {why}");
        }
        probe::watch(ctx, container).await
    };
    let exit = tokio::select! {
        exit = &mut run.started.end => Some(exit),
        why = healthy => { unhealthy = why; None }
        () = reached(stop, Option::is_some) => None,
    };
    ctx.board.change(&container.name, |seen| seen.ready = false);
    let exit = match exit {
        Some(exit) => exit.unwrap_or(Exit::Code(-1)),
        None => {
            if !unhealthy.is_empty() {
                let message =
                    format!("Container {} {unhealthy}, will be restarted", container.name);
                ctx.node.events.normal(&ctx.about_container(&container.name), "Killing", message);
            }
            let order = *stop.borrow();
            let order = order.unwrap_or(Stop { grace: ctx.grace(), hurry: false });
            terminate(ctx, container, &mut run.started, order).await
        }
    };
    kill_group(pid, Signal::SIGKILL);
    let drained = async { while run.log.join_next().await.is_some() {} };
    if ctx.node.clock.timeout(LOG_TAIL, drained).await.is_err() {
        run.log.abort_all();
    }
    record(ctx, &container.name, exit, unhealthy);
    exit == Exit::Code(0)
}

async fn terminate(
    ctx: &PodCtx,
    container: &Container,
    started: &mut Started,
    order: Stop,
) -> Exit {
    let deadline = ctx.node.clock.now() + order.grace;
    let hook = container.lifecycle.as_ref().and_then(|l| l.pre_stop.as_ref());
    if let (Some(hook), false) = (hook, order.hurry) {
        tokio::select! {
            ran = lifecycle(ctx, container, hook, order.grace) => if let Err(why) = ran {
                ctx.node.events.warning(&ctx.about_container(&container.name), "FailedPreStopHook", why);
            },
            exit = &mut started.end => return exit.unwrap_or(Exit::Code(-1)),
        }
    }
    // The program alone, as in a real pod: it knows when those that it started are to end. One that is gone is fine.
    nix::sys::signal::kill(started.pid, Signal::SIGTERM).ok();
    let left = deadline.saturating_duration_since(ctx.node.clock.now());
    if let Ok(exit) = ctx.node.clock.timeout(left, &mut started.end).await {
        return exit.unwrap_or(Exit::Code(-1));
    }
    kill_group(started.pid, Signal::SIGKILL);
    (&mut started.end).await.unwrap_or(Exit::Signal(Signal::SIGKILL as i32))
}

fn record(ctx: &PodCtx, name: &str, exit: Exit, message: String) {
    let finished = ctx.node.clock.wall();
    ctx.board.change(name, |seen| {
        let started = match seen.phase {
            Phase::Running { since, .. } => since,
            Phase::Waiting { .. } | Phase::Ended(_) => finished,
        };
        let signal = match exit {
            Exit::Signal(number) => Some(number),
            Exit::Code(_) => None,
        };
        let reason = if exit == Exit::Code(0) { "Completed" } else { "Error" };
        let (code, run) = (exit.code(), seen.restarts);
        (seen.ready, seen.started) = (false, false);
        seen.phase = Phase::Ended(Ended { code, signal, reason, message, started, finished, run });
    });
}

/// Kills whatever is left in the pod's network namespace, however it detached itself.
pub(crate) fn kill_stragglers(netns: &Path) {
    let Ok(wanted) = std::fs::metadata(netns) else { return };
    let own = std::fs::read_link("/proc/self").ok();
    if own.as_deref() != Some(Path::new(&std::process::id().to_string())) {
        // The process list of another pid namespace: its numbers are not ours to signal.
        return;
    }
    for entry in std::fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok) {
        let pid: Option<i32> = entry.file_name().to_str().and_then(|name| name.parse().ok());
        let Some(pid) = pid.filter(|pid| *pid != 1) else { continue };
        let theirs = std::fs::metadata(entry.path().join("ns/net"));
        let same = |m: std::fs::Metadata| {
            use std::os::unix::fs::MetadataExt;
            m.ino() == wanted.ino() && m.dev() == wanted.dev()
        };
        if theirs.is_ok_and(same) {
            // Gone in the meantime is as good.
            nix::sys::signal::kill(Pid::from_raw(pid), Signal::SIGKILL).ok();
        }
    }
}
