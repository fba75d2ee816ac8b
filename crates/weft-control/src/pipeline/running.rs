//! The walk, as whoever serves it sees it: discovery, what proxies have taken, the keys of issuers.

use ctl_keys::Keys;
use ctl_push::{Access, PushServer};
use tokio::sync::watch;
use tonic::service::Routes;
use weft_admin_api::sync::{Built, SyncReport};

use crate::world::MeshWorld;

/// The walk, from outside.
#[derive(Clone)]
pub struct Running {
    pub(crate) push: PushServer<MeshWorld>,
    pub(super) built: watch::Receiver<Built>,
    pub(crate) keys: Keys,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("built", &*self.built.borrow()).finish_non_exhaustive()
    }
}

impl Running {
    /// Discovery, for a server of gRPC.
    #[must_use]
    pub fn discovery(&self, access: Access) -> Routes {
        Routes::new(self.push.service(access))
    }

    /// What every proxy has taken.
    #[must_use]
    pub fn report(&self) -> SyncReport {
        // In this order: a configuration that is built in between is then not taken for one that is in force.
        let report = self.push.ledger().report();
        SyncReport { built: *self.built.borrow(), ..report }
    }
}
