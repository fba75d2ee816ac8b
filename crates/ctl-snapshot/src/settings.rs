//! Settings of the whole mesh, as translation reads them.
//!
//! Holds: the defaults are those of a mesh whose operator says nothing.

use std::time::Duration;

use weft_model::api::mesh_config::{ExtensionProvider, LabelSelector};
use weft_model::api::traffic_policy::{
    ClientTls, ConnectionPool, LocalityLb, OutlierDetection, TcpKeepalive,
};
use weft_model::api::virtual_service::Retries;

/// Facts of the whole mesh that no object of the mesh says.
#[derive(Debug, Clone, PartialEq)]
pub struct MeshSettings {
    /// Where mesh-wide policies stand.
    pub root_namespace: String,
    /// Trust domain of every identity.
    pub trust_domain: String,
    /// Further names of the trust domain, whose identities count as ours.
    pub trust_domain_aliases: Vec<String>,
    /// Namespaces that the mesh is made of, one of them is enough; empty for all.
    pub discovery: Vec<LabelSelector>,
    /// Domain of service names.
    pub domain: String,
    /// Where proxies write their access log, such as `/dev/stdout`; `None` for no log.
    pub access_log: Option<String>,
    /// What happens to connections and requests to what nobody knows.
    pub unknown: UnknownDestinations,
    /// TLS towards unknown hosts that are looked up.
    pub unknown_tls: Option<ClientTls>,
    /// Clients use mTLS by themselves with endpoints that have a proxy.
    pub auto_mtls: bool,
    /// Who sees objects that do not say so.
    pub exports: Exports,
    /// How paths are made uniform.
    pub paths: PathNormalization,
    /// Longest wait for the first bytes of a client; zero for any.
    pub detection_timeout: Duration,
    /// Time to connect, where no rule says another.
    pub connect_timeout: Duration,
    /// Probes on idle connections, where no rule says others.
    pub tcp_keepalive: Option<TcpKeepalive>,
    /// HTTP/1.1 becomes HTTP/2 between proxies, where no rule says otherwise.
    pub h2_upgrade: bool,
    /// Limits, where no rule says others.
    pub connection_pool: Option<ConnectionPool>,
    /// Ejection, where no rule says so.
    pub outlier_detection: Option<OutlierDetection>,
    /// Balancing by place, where no rule says otherwise; `None` for none.
    pub locality: Option<LocalityLb>,
    /// Retries of routes that say nothing; `None` for the built-in ones.
    pub retries: Option<Retries>,
    /// Retries of a sidecar towards its own pod; `None` for the built-in ones.
    pub inbound_retries: Option<Retries>,
    /// Who can be asked whether requests may pass (CUSTOM); others are not listed.
    pub authorizers: Vec<ExtensionProvider>,
}

/// What happens to traffic to what nobody knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UnknownDestinations {
    /// It goes where the application wanted.
    #[default]
    Allowed,
    /// Requests go to the host that they name, and the rest to where the application wanted.
    Called,
    /// It ends at the proxy.
    Refused,
}

/// `exportTo` of objects that have none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exports {
    /// Of services; empty for everybody.
    pub services: Vec<String>,
    /// Of VirtualServices; empty for everybody.
    pub virtual_services: Vec<String>,
    /// Of DestinationRules; empty for everybody.
    pub destination_rules: Vec<String>,
}

/// How paths are made uniform before routes and policies look at them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PathNormalization {
    /// Not at all.
    None,
    /// Dots are resolved, backslashes turned, needless escapes undone.
    #[default]
    Base,
    /// The same, and slashes merged.
    MergeSlashes,
    /// The same, with escaped slashes undone first.
    DecodeAndMergeSlashes,
}

impl Default for MeshSettings {
    fn default() -> Self {
        Self {
            root_namespace: "istio-system".to_owned(),
            trust_domain: "cluster.local".to_owned(),
            trust_domain_aliases: Vec::new(),
            discovery: Vec::new(),
            domain: "cluster.local".to_owned(),
            access_log: None,
            unknown: UnknownDestinations::default(),
            unknown_tls: None,
            auto_mtls: true,
            exports: Exports::default(),
            paths: PathNormalization::default(),
            detection_timeout: Duration::ZERO,
            connect_timeout: Duration::from_secs(10),
            tcp_keepalive: None,
            h2_upgrade: false,
            connection_pool: None,
            outlier_detection: None,
            locality: Some(LocalityLb { enabled: Some(true), ..LocalityLb::default() }),
            retries: None,
            inbound_retries: None,
            authorizers: Vec::new(),
        }
    }
}
