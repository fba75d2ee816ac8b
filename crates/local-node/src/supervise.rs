//! Keeps one child program alive.
//!
//! In: how to start it, how long to wait. Out: its pids as they change, until told to stop.
//! Holds: a child that ends is started again, sooner when it had lived long.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use tokio::sync::watch;
use weft_rt::{Backoff, Clock, Rng};

use crate::reaper::Reaper;
use crate::signal::reached;

const HEALTHY: Duration = Duration::from_secs(10);
const GRACE: Duration = Duration::from_millis(1000);

/// Runs the program that `build` describes again and again until `stop` turns true; then SIGTERM, a second later
/// SIGKILL. `pid` has the current child, 0 between two lives.
pub async fn supervise(
    name: &'static str,
    build: impl Fn() -> std::io::Result<Command>,
    (reaper, clock): (Arc<Reaper>, Clock),
    pid: watch::Sender<u32>,
    mut stop: watch::Receiver<bool>,
) {
    let (mut backoff, mut rng) =
        (Backoff::new(Duration::from_millis(100), Duration::from_secs(5)), Rng::from_os());
    while !*stop.borrow() {
        let begun = clock.now();
        match build().and_then(|mut command| reaper.spawn(&mut command)) {
            Ok(mut child) => {
                pid.send_replace(child.pipes.id());
                tokio::select! {
                    exit = &mut child.end => {
                        let code = exit.map_or(-1, crate::reaper::Exit::code);
                        tracing::warn!(name, code, "ended; it is started again");
                    }
                    () = reached(&mut stop, |stop| *stop) => {
                        // Gone already is as good.
                        kill(child.pid, Signal::SIGTERM).ok();
                        if clock.timeout(GRACE, &mut child.end).await.is_err() {
                            kill(child.pid, Signal::SIGKILL).ok();
                        }
                        return;
                    }
                }
                pid.send_replace(0);
            }
            Err(error) => tracing::error!(name, %error, "cannot be started"),
        }
        if clock.now() - begun >= HEALTHY {
            backoff.reset();
        }
        let wait = backoff.next(&mut rng);
        tokio::select! {
            () = clock.sleep(wait) => {}
            () = reached(&mut stop, |stop| *stop) => {}
        }
    }
}
