//! The parts of a running proxy that its shells share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use proxy_discovery::{Accepted, Follower};
use proxy_engine::Engine;
use telemetry_export::Registry;
use tokio::sync::Notify;
use weft_identity::IdentityStore;
use weft_rt::Clock;

use crate::files;
use crate::names::Resolving;
use crate::settings::Settings;

/// One proxy.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) settings: Settings,
    pub(crate) engine: Engine,
    pub(crate) identity: IdentityStore,
    pub(crate) registry: Registry,
    pub(crate) clock: Clock,
    pub(crate) started: std::time::Instant,
    /// Of a proxy that answers name questions.
    pub(crate) names: Option<Resolving>,
    accepted: Mutex<Accepted>,
    ready: AtomicBool,
    /// Tells of each configuration that is in force.
    pub(crate) published: Notify,
    /// Wakes the main task to end the process.
    pub(crate) quit: Notify,
}

impl Running {
    pub(crate) fn new(
        settings: Settings,
        engine: Engine,
        identity: IdentityStore,
        registry: Registry,
        clock: Clock,
    ) -> Self {
        let started = clock.now();
        let (accepted, ready) = (Mutex::default(), AtomicBool::new(false));
        let (published, quit) = (Notify::new(), Notify::new());
        let names = settings.captures_names().then(|| Resolving::of(&settings, &clock));
        Self {
            names,
            settings,
            engine,
            identity,
            registry,
            clock,
            started,
            accepted,
            ready,
            published,
            quit,
        }
    }

    /// Looks at the files that secrets stand in; true when something is new.
    pub(crate) fn read_files(&self) -> bool {
        let mut accepted = self.accepted();
        let wanted = accepted.wanted_secrets();
        let found = wanted.iter().filter_map(|name| Some((name.clone(), files::read(name)?)));
        let found = found.collect();
        accepted.take_files(found)
    }

    /// True from the first complete configuration and certificate on, until a drain.
    pub(crate) fn ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed) && !self.engine.draining()
    }
}

impl Follower for Running {
    fn accepted(&self) -> MutexGuard<'_, Accepted> {
        self.accepted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self) {
        self.read_files();
        let (config, complete) = {
            let mut accepted = self.accepted();
            let config = accepted.publish();
            (config, accepted.complete())
        };
        if let Some(names) = &self.names {
            names.publish(self.accepted().names());
        }
        for problem in self.engine.publish(&config) {
            tracing::warn!(%problem, "not served");
        }
        if complete
            && self.identity.current().is_some()
            && !self.ready.swap(true, Ordering::Relaxed)
        {
            tracing::info!("ready");
        }
        self.published.notify_one();
    }

    fn answers_names(&self) -> bool {
        self.names.is_some()
    }

    fn wall(&self) -> SystemTime {
        self.clock.wall()
    }
}
