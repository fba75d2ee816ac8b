//! The newest credential, for everybody who needs it.
//!
//! Holds: once there is a credential there is always one; it is replaced whole.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::sync::watch;

use crate::Credential;

/// Cheap to clone; all clones see the same credential.
#[derive(Debug, Clone)]
pub struct IdentityStore {
    current: watch::Sender<Option<Arc<Credential>>>,
    asked: Arc<AtomicU64>,
    failed: Arc<AtomicU64>,
}

/// How often the authority was asked for a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// All times.
    pub all: u64,
    /// Times that brought none.
    pub failed: u64,
}

impl Default for IdentityStore {
    fn default() -> Self {
        Self::new()
    }
}

impl IdentityStore {
    /// An empty store: handshakes fail until [`IdentityStore::publish`].
    #[must_use]
    pub fn new() -> Self {
        Self { current: watch::Sender::new(None), asked: Arc::default(), failed: Arc::default() }
    }

    /// How asking for certificates went.
    #[must_use]
    pub fn asked(&self) -> Asked {
        Asked { all: self.asked.load(Relaxed), failed: self.failed.load(Relaxed) }
    }

    pub(crate) fn count(&self, failed: bool) {
        self.asked.fetch_add(1, Relaxed);
        self.failed.fetch_add(u64::from(failed), Relaxed);
    }

    /// The newest credential.
    #[must_use]
    pub fn current(&self) -> Option<Arc<Credential>> {
        self.current.borrow().clone()
    }

    /// Wakes at every rotation.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Option<Arc<Credential>>> {
        self.current.subscribe()
    }

    /// Replaces the credential; handshakes that begin from now on use it.
    pub fn publish(&self, credential: Arc<Credential>) {
        self.current.send_replace(Some(credential));
    }

    /// Waits for the first credential.
    pub async fn ready(&self) -> Arc<Credential> {
        let mut watch = self.subscribe();
        loop {
            if let Some(credential) = watch.borrow_and_update().clone() {
                return credential;
            }
            if watch.changed().await.is_err() {
                // We hold the sender ourselves, so this cannot come; waiting is the truth of it.
                std::future::pending::<()>().await;
            }
        }
    }
}
