//! Commands and requests that the node makes into a container: exec probes, lifecycle hooks.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, HTTPGetAction, LifecycleHandler};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::AsyncReadExt;

use crate::pod::context::PodCtx;
use crate::pod::probe;
use crate::pod_exec::{Enter, STEP};
use crate::reaper::Exit;

const OUTPUT: u64 = 10 * 1024;

/// A command that runs in the namespaces, environment and folder of a running container.
pub(crate) fn command_inside(
    ctx: &PodCtx,
    container: &str,
    program: &[String],
    terminal: bool,
) -> Result<Command, String> {
    let seen = ctx.board.all().remove(container);
    let seen = seen.ok_or_else(|| format!("pod {} has no container {container}", ctx.name))?;
    let pid = seen.pid().ok_or_else(|| format!("container {container} is not running"))?;
    let folder = seen.folder.map(Into::into);
    let enter = Enter { join: Some(pid), folder, terminal, ..Enter::default() };
    let mut command = Command::new(&ctx.node.config.weft);
    let program = with_own_binary(&ctx.node.config.weft, program);
    command.arg(STEP).args(enter.arguments(&program).map_err(|e| e.to_string())?);
    command.env_clear().envs(seen.env);
    if !terminal {
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
    }
    Ok(command)
}

/// `weft` is there in every container, whatever its `PATH` says.
fn with_own_binary(weft: &Path, program: &[String]) -> Vec<String> {
    let mut program = program.to_vec();
    if let Some(name) = program.first_mut().filter(|name| *name == "weft") {
        *name = weft.to_string_lossy().into_owned();
    }
    program
}

/// Runs a command to its end and gives its output; past `limit` it is killed.
pub(crate) async fn run(
    ctx: &PodCtx,
    container: &str,
    program: &[String],
    limit: Duration,
) -> Result<(), String> {
    let mut command = command_inside(ctx, container, program, false)?;
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut started =
        ctx.node.reaper.spawn(&mut command).map_err(|e| format!("{}: {e}", program.join(" ")))?;
    let mut output = Vec::new();
    let finish = async {
        if let Some(pipe) = started.pipes.stdout.take() {
            let mut pipe =
                tokio::process::ChildStdout::from_std(pipe).map_err(|e| e.to_string())?;
            let mut kept = (&mut pipe).take(OUTPUT);
            kept.read_to_end(&mut output).await.map_err(|e| e.to_string())?;
            tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await.map_err(|e| e.to_string())?;
        }
        (&mut started.end).await.map_err(|e| e.to_string())
    };
    match ctx.node.clock.timeout(limit, finish).await {
        Ok(Ok(Exit::Code(0))) => Ok(()),
        Ok(Ok(exit)) => {
            let text = String::from_utf8_lossy(&output);
            Err(format!("{} ended with {}: {}", program.join(" "), exit.code(), text.trim_end()))
        }
        Ok(Err(error)) => Err(error),
        Err(_elapsed) => {
            kill_group(started.pid, Signal::SIGKILL);
            Err(format!("{} did not end within {limit:?}", program.join(" ")))
        }
    }
}

/// A lifecycle hook; `limit` bounds it.
pub(crate) async fn lifecycle(
    ctx: &PodCtx,
    container: &Container,
    handler: &LifecycleHandler,
    limit: Duration,
) -> Result<(), String> {
    if let Some(exec) = &handler.exec {
        let program = exec.command.clone().unwrap_or_default();
        return run(ctx, &container.name, &program, limit).await;
    }
    if let Some(get) = &handler.http_get {
        return probe::http(ctx, container, get, limit).await;
    }
    if let Some(sleep) = &handler.sleep {
        let wanted = Duration::from_secs(u64::try_from(sleep.seconds).unwrap_or(0));
        ctx.node.clock.sleep(wanted.min(limit)).await;
    }
    Ok(())
}

/// Signals a process group; one that is gone is fine.
pub(crate) fn kill_group(pid: Pid, signal: Signal) {
    killpg(pid, signal).ok();
}

/// A port by number or by the container's name for it.
pub(crate) fn port_of(container: &Container, port: &IntOrString) -> Result<u16, String> {
    let number = match port {
        IntOrString::Int(number) => Some(*number),
        IntOrString::String(name) => name.parse().ok().or_else(|| {
            let ports = container.ports.iter().flatten();
            let found = ports.filter(|p| p.name.as_deref() == Some(name)).map(|p| p.container_port);
            found.into_iter().next()
        }),
    };
    number
        .and_then(|number| u16::try_from(number).ok())
        .ok_or_else(|| format!("container {} has no port {port:?}", container.name))
}

/// `http://host:port/path` of an action, as the pieces of a request.
pub(crate) fn target(
    ctx: &PodCtx,
    container: &Container,
    get: &HTTPGetAction,
) -> Result<(String, u16, String), String> {
    let host = get.host.clone().filter(|h| !h.is_empty());
    let path = get.path.clone().filter(|p| !p.is_empty()).unwrap_or_else(|| "/".into());
    let path = if path.starts_with('/') { path } else { format!("/{path}") };
    let host = host.unwrap_or_else(|| ctx.address.to_string());
    Ok((host, port_of(container, &get.port)?, path))
}
