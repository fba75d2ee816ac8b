//! The parts of a running proxy that its shells share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use proxy_engine::Engine;
use telemetry_export::Registry;
use tokio::sync::Notify;
use weft_identity::IdentityStore;
use weft_rt::Clock;

use crate::accepted::Accepted;
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
    accepted: Mutex<Accepted>,
    ready: AtomicBool,
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
        let (accepted, ready, quit) = (Mutex::default(), AtomicBool::new(false), Notify::new());
        Self { settings, engine, identity, registry, clock, started, accepted, ready, quit }
    }

    pub(crate) fn accepted(&self) -> MutexGuard<'_, Accepted> {
        self.accepted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes what can be served.
    pub(crate) fn publish(&self) {
        let (config, complete) = {
            let mut accepted = self.accepted();
            let config = accepted.publish();
            (config, accepted.complete())
        };
        for problem in self.engine.publish(&config) {
            tracing::warn!(%problem, "not served");
        }
        if complete
            && self.identity.current().is_some()
            && !self.ready.swap(true, Ordering::Relaxed)
        {
            tracing::info!("ready");
        }
    }

    /// True from the first complete configuration and certificate on, until a drain.
    pub(crate) fn ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed) && !self.engine.draining()
    }
}
