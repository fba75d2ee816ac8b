//! Whom a peer's certificate must come from.

use std::sync::Arc;

use crate::{IdentityStore, TrustBundle};

/// Who may have issued the certificate of a peer.
#[derive(Debug, Clone, Default)]
pub enum Trust {
    /// The mesh's authority, whatever its roots are at the moment of the handshake.
    #[default]
    Mesh,
    /// These.
    Given(Arc<TrustBundle>),
    /// Anyone: the peer proves nothing. For those who ask for it in so many words.
    Anyone,
}

impl Trust {
    /// The roots of now; `None` when there are none yet, or none are asked for.
    pub(crate) fn roots(&self, store: &IdentityStore) -> Option<Arc<TrustBundle>> {
        match self {
            Self::Mesh => store.current().map(|own| Arc::new(own.bundle().clone())),
            Self::Given(bundle) => Some(Arc::clone(bundle)),
            Self::Anyone => None,
        }
    }
}
