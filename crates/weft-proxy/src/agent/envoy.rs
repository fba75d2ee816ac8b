//! The Envoy process: start, drain on SIGTERM, end.

use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use weft_rt::Clock;

use super::drain::drain;
use crate::settings::Settings;

/// After its SIGTERM, Envoy is killed when it has not ended within this.
const LAST_GRACE: Duration = Duration::from_secs(3);

/// Runs Envoy to its end. SIGTERM (or SIGINT) drains it first.
pub(super) async fn run(
    program: &Path,
    bootstrap: &Path,
    settings: &Settings,
    clock: &Clock,
) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot watch SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot watch SIGINT")?;
    let mut child = spawn(program, bootstrap, settings)?;
    tokio::select! {
        ended = child.wait() => return unexpected(ended.context("cannot wait for Envoy")?),
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    drain(&mut child, settings, clock).await;
    stop(&mut child, clock).await
}

fn spawn(program: &Path, bootstrap: &Path, settings: &Settings) -> Result<Child> {
    let concurrency = settings.concurrency.to_string();
    let drain =
        settings.listener_drain.unwrap_or(crate::LISTENER_DRAIN).as_secs().max(1).to_string();
    Command::new(program)
        .arg("-c")
        .arg(bootstrap)
        .args(["--concurrency", &concurrency, "--drain-time-s", &drain])
        .args(["--drain-strategy", "immediate", "--disable-hot-restart"])
        .args(["--file-flush-interval-msec", "1000", "-l", "warning"])
        .kill_on_drop(true)
        .spawn()
        .with_context(|| {
            format!("cannot run {}: put `envoy` on PATH or set ENVOY_PATH", program.display())
        })
}

fn unexpected(status: ExitStatus) -> Result<()> {
    bail!("Envoy ended by itself: {status}")
}

async fn stop(child: &mut Child, clock: &Clock) -> Result<()> {
    if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
        kill(Pid::from_raw(pid), Signal::SIGTERM).context("cannot end Envoy")?;
    }
    if clock.timeout(LAST_GRACE, child.wait()).await.is_err() {
        child.kill().await.context("cannot kill Envoy")?;
    }
    Ok(())
}
