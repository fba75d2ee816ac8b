//! Publishes plans: from a new configuration, or because names were looked up.
//!
//! In: a configuration, or the endpoints of a cluster's names. Out: the plan in force, and a word to whoever waits.
//! Holds: one plan is made at a time, from the newest configuration and the newest addresses.
//! Never: serving, looking up.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use proxy_config::{Endpoints, ProxyConfig};
use tokio::sync::watch;
use weft_identity::IdentityStore;

use crate::plan::{Living, Plan, compile};

/// The one place where plans are made.
#[derive(Debug)]
pub(crate) struct Publisher {
    pub(crate) plan: Arc<ArcSwap<Plan>>,
    changed: watch::Sender<u64>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    living: Living,
    config: ProxyConfig,
}

impl Publisher {
    pub(crate) fn new(identity: IdentityStore) -> Self {
        let state = State { living: Living::new(identity), config: ProxyConfig::default() };
        Self { plan: Arc::default(), changed: watch::channel(0).0, state: Mutex::new(state) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sees new plans; it ends with the publisher.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// A new configuration; the answer names what could not be used.
    pub(crate) fn publish(&self, config: &ProxyConfig) -> Vec<String> {
        let mut state = self.lock();
        state.config = config.clone();
        self.make(&mut state)
    }

    /// The addresses of a cluster's names.
    pub(crate) fn resolved(&self, cluster: &Arc<str>, endpoints: Endpoints) {
        let mut state = self.lock();
        if state.living.resolve(cluster, endpoints) {
            for problem in self.make(&mut state) {
                tracing::debug!(%problem, "not served");
            }
        }
    }

    fn make(&self, state: &mut State) -> Vec<String> {
        let (plan, problems) = compile(&state.config, &self.plan.load(), &mut state.living);
        self.plan.store(Arc::new(plan));
        self.changed.send_modify(|version| *version += 1);
        problems
    }
}
