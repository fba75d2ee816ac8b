//! The one place that waits for child processes.
//!
//! In: commands. Out: how each child ended, to whoever started it.
//! Holds: orphans that fall to pid 1 are reaped; no exit status is lost or taken from its owner.
//! Why not tokio's children: pid 1 must wait for any process, and two waiters steal from each other.

use std::collections::HashMap;
use std::io;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::errno::Errno;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It returned.
    Code(i32),
    /// A signal ended it.
    Signal(i32),
}

impl Exit {
    /// As a shell reports it: 128 + signal.
    #[must_use]
    pub fn code(self) -> i32 {
        match self {
            Self::Code(code) => code,
            Self::Signal(number) => 128 + number,
        }
    }
}

/// Knows every child that somebody waits for.
#[derive(Debug, Default)]
pub struct Reaper {
    waiting: Mutex<HashMap<i32, oneshot::Sender<Exit>>>,
}

/// A started child: its pipes and its end to come.
#[derive(Debug)]
pub struct Started {
    /// Pid in the node's namespace.
    pub pid: Pid,
    /// The pipes; waiting on it is the reaper's business.
    pub pipes: Child,
    /// How it ends.
    pub end: oneshot::Receiver<Exit>,
}

impl Reaper {
    /// No children yet.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// Starts a child.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn spawn(&self, command: &mut Command) -> io::Result<Started> {
        // Held over the start: a child that ends at once must not be reaped before it is known.
        let mut waiting = self.lock();
        let pipes = command.spawn()?;
        let (sender, end) = oneshot::channel();
        let pid = i32::try_from(pipes.id()).map_err(io::Error::other)?;
        waiting.insert(pid, sender);
        Ok(Started { pid: Pid::from_raw(pid), pipes, end })
    }

    /// Reaps until the runtime ends.
    ///
    /// # Errors
    /// When the signal handler cannot be installed.
    pub async fn run(self: Arc<Self>) -> io::Result<()> {
        let mut child_ended = signal(SignalKind::child())?;
        loop {
            self.reap();
            if child_ended.recv().await.is_none() {
                return Ok(());
            }
        }
    }

    fn reap(&self) {
        let mut waiting = self.lock();
        loop {
            let (pid, exit) = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) => (pid, Exit::Code(code)),
                Ok(WaitStatus::Signaled(pid, signal, _)) => (pid, Exit::Signal(signal as i32)),
                Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return,
                Ok(_) | Err(Errno::EINTR) => continue,
                Err(error) => {
                    tracing::error!(%error, "cannot wait for child processes");
                    return;
                }
            };
            if let Some(owner) = waiting.remove(&pid.as_raw()) {
                // An owner that no longer listens has given the child up.
                owner.send(exit).ok();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<i32, oneshot::Sender<Exit>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
