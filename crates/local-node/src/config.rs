//! What the node is told when it starts.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use weft_netns::MeshNet;

/// The node's settings; [`NodeConfig::new`] has the addresses of ARCHITECTURE.md.
#[derive(Debug, Clone)]
pub struct NodeConfig {
    /// Name of the Node object.
    pub name: String,
    /// State folder.
    pub state: PathBuf,
    /// The `weft` binary: `pod-exec` and `image NAME`.
    pub weft: PathBuf,
    /// The `weft-proxy` binary.
    pub proxy: PathBuf,
    /// `PATH` of containers that set none.
    pub path: String,
    /// CA certificate of the API server (PEM), for pods.
    pub api_ca: Option<String>,
    /// The node's address on the bridge.
    pub address: Ipv4Addr,
    /// Length of the pod network that begins at `address`' network.
    pub pod_prefix: u8,
    /// The network of services.
    pub services: (Ipv4Addr, u8),
    /// Where DNS is answered.
    pub dns: Ipv4Addr,
    /// The domain of services.
    pub cluster_domain: String,
    /// Where the API server listens inside, for `kubernetes.default` until the API names endpoints.
    pub api_port: u16,
    /// Mark on the sockets of proxies.
    pub proxy_mark: u32,
    /// Tells this life of the node from others: `bootID` of the Node object, once no pod shows a state of another life.
    pub boot_id: String,
    /// Version for the Node object and `node.json`.
    pub version: String,
}

/// The service address of the API server.
pub const KUBERNETES_SERVICE: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 1);

impl NodeConfig {
    /// A node with the addresses of the contract.
    #[must_use]
    pub fn new(state: PathBuf, weft: PathBuf, proxy: PathBuf) -> Self {
        Self {
            name: "weft".into(),
            state,
            weft,
            proxy,
            path: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into(),
            api_ca: None,
            address: Ipv4Addr::new(10, 244, 0, 1),
            pod_prefix: 16,
            services: (Ipv4Addr::new(10, 96, 0, 0), 16),
            dns: Ipv4Addr::new(10, 96, 0, 10),
            cluster_domain: "cluster.local".into(),
            api_port: 6443,
            proxy_mark: 1337,
            boot_id: String::new(),
            version: env!("CARGO_PKG_VERSION").into(),
        }
    }

    /// The network that [`crate::init::prepare`] wires.
    #[must_use]
    pub fn mesh_net(&self) -> MeshNet {
        MeshNet {
            bridge: "weft0".into(),
            address: (self.address, self.pod_prefix),
            services: self.services,
            dns: self.dns,
        }
    }
}
