//! What is known of a pod's containers, seen by status, probes and `log`.

use std::collections::BTreeMap;
use std::time::SystemTime;

use tokio::sync::watch;

/// How a container's last run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) signal: Option<i32>,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
    pub(crate) started: SystemTime,
    pub(crate) finished: SystemTime,
    pub(crate) run: u32,
}

/// Where a container is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Phase {
    Waiting { reason: &'static str, message: String },
    Running { since: SystemTime, pid: i32 },
    Ended(Ended),
}

/// One container's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) phase: Phase,
    pub(crate) last: Option<Ended>,
    /// Runs so far, minus one; also the number of the current log file.
    pub(crate) restarts: u32,
    pub(crate) started: bool,
    pub(crate) ready: bool,
    /// No further run will follow.
    pub(crate) finished: bool,
    /// Environment of the latest run, for `exec`.
    pub(crate) env: Vec<(String, String)>,
    pub(crate) folder: Option<String>,
}

impl Default for Seen {
    fn default() -> Self {
        let phase = Phase::Waiting { reason: "PodInitializing", message: String::new() };
        Self {
            phase,
            last: None,
            restarts: 0,
            started: false,
            ready: false,
            finished: false,
            env: Vec::new(),
            folder: None,
        }
    }
}

impl Seen {
    pub(crate) fn pid(&self) -> Option<i32> {
        match self.phase {
            Phase::Running { pid, .. } => Some(pid),
            Phase::Waiting { .. } | Phase::Ended(_) => None,
        }
    }

    pub(crate) fn wait(&mut self, reason: &'static str, message: String) {
        if let Phase::Ended(ended) = &self.phase {
            self.last = Some(ended.clone());
        }
        (self.started, self.ready) = (false, false);
        self.phase = Phase::Waiting { reason, message };
    }
}

/// All containers of one pod, by name, with a change signal.
#[derive(Debug, Clone)]
pub(crate) struct Board(watch::Sender<BTreeMap<String, Seen>>);

impl Board {
    pub(crate) fn new(names: impl IntoIterator<Item = String>) -> Self {
        let seen = names.into_iter().map(|name| (name, Seen::default())).collect();
        Self(watch::Sender::new(seen))
    }

    pub(crate) fn change(&self, name: &str, change: impl FnOnce(&mut Seen)) {
        self.0.send_if_modified(|all| {
            let Some(seen) = all.get_mut(name) else { return false };
            let before = seen.clone();
            change(seen);
            *seen != before
        });
    }

    pub(crate) fn read<T>(&self, name: &str, read: impl FnOnce(&Seen) -> T) -> Option<T> {
        self.0.borrow().get(name).map(read)
    }

    pub(crate) fn all(&self) -> BTreeMap<String, Seen> {
        self.0.borrow().clone()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<BTreeMap<String, Seen>> {
        self.0.subscribe()
    }

    /// Waits until the container's state answers `wanted`.
    pub(crate) async fn until(&self, name: &str, wanted: impl Fn(&Seen) -> bool) {
        let reached = |all: &BTreeMap<String, Seen>| all.get(name).is_none_or(&wanted);
        // The board outlives its watchers: the sender is `self`.
        self.0.subscribe().wait_for(reached).await.ok();
    }
}
