//! The newest credential, for everybody who needs it.
//!
//! Holds: once there is a credential there is always one; it is replaced whole.

use std::sync::Arc;

use tokio::sync::watch;

use crate::Credential;

/// Cheap to clone; all clones see the same credential.
#[derive(Debug, Clone)]
pub struct IdentityStore {
    current: watch::Sender<Option<Arc<Credential>>>,
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
        Self { current: watch::Sender::new(None) }
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
