//! What every connected proxy has taken of the newest configuration: `GET /debug/syncz` and `weft proxy-status`.

use serde::{Deserialize, Serialize};

/// State of one resource type at one proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SyncState {
    /// The proxy acknowledged the newest that it was sent.
    #[serde(rename = "SYNCED")]
    Synced,
    /// The proxy has not asked for the type.
    #[serde(rename = "NOT SENT")]
    NotSent,
    /// Sent, and not answered yet.
    #[serde(rename = "STALE")]
    Stale,
    /// The proxy refused at least one resource; the last good version of it serves on.
    #[serde(rename = "REFUSED")]
    Refused,
}

impl SyncState {
    /// As shown in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Synced => "SYNCED",
            Self::NotSent => "NOT SENT",
            Self::Stale => "STALE",
            Self::Refused => "REFUSED",
        }
    }
}

/// One refused resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedResource {
    /// Resource name.
    pub resource: String,
    /// The proxy's reason.
    pub why: String,
    /// User objects that the resource was made from, as `/apis/GROUP/VERSION/namespaces/NS/KIND/NAME` in Istio's form.
    pub objects: Vec<String>,
}

/// One type at one proxy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeSync {
    /// `CDS`, `EDS`, `LDS`, `RDS` or `SDS`.
    pub resource_type: String,
    /// State.
    pub state: SyncState,
    /// Resources held.
    pub resources: usize,
    /// Milliseconds since the last acknowledgement.
    pub ack_age_ms: Option<u64>,
    /// What was refused.
    pub refused: Vec<RefusedResource>,
}

/// One connected proxy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxySync {
    /// `POD.NAMESPACE`.
    pub name: String,
    /// `sidecar` or `router`.
    pub proxy_type: String,
    /// Data plane and version, e.g. `weft 0.1.0` or `envoy 1.36.2`.
    pub version: String,
    /// Newest revision that was offered.
    pub offered: u64,
    /// Newest revision of which everything was answered.
    pub acknowledged: u64,
    /// By type, in push order.
    pub types: Vec<TypeSync>,
}

/// What the newest configuration was made from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Built {
    /// The configuration's revision.
    pub revision: u64,
    /// Highest `resourceVersion` among the objects that went into it; 0 when they are not numbers.
    pub resource_version: u64,
}

/// Answer of `/debug/syncz`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncReport {
    /// What the newest configuration was made from; it may be about to be published.
    #[serde(default)]
    pub built: Built,
    /// Newest revision of the configuration.
    pub revision: u64,
    /// Connected proxies by name.
    pub proxies: Vec<ProxySync>,
}

/// How far one revision has come, for conditions on objects.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Connected proxies.
    pub proxies: usize,
    /// Of these, the ones that answered everything of the revision.
    pub acknowledged: usize,
    /// Refusals now standing: proxy name and resource.
    pub refused: Vec<(String, RefusedResource)>,
}

impl SyncReport {
    /// True when a configuration that was made of objects at least as new as `resource_version` is in force at every
    /// connected proxy, and at least `proxies` are connected.
    #[must_use]
    pub fn settled(&self, resource_version: u64, proxies: usize) -> bool {
        self.built.resource_version >= resource_version
            && self.proxies.len() >= proxies
            && self.proxies.iter().all(|proxy| proxy.acknowledged >= self.built.revision)
    }

    /// How far `revision` has come.
    #[must_use]
    pub fn progress(&self, revision: u64) -> Progress {
        let refused = self.proxies.iter().flat_map(|proxy| {
            let resources = proxy.types.iter().flat_map(|sync| &sync.refused);
            resources.map(|refused| (proxy.name.clone(), refused.clone()))
        });
        Progress {
            proxies: self.proxies.len(),
            acknowledged: self.proxies.iter().filter(|p| p.acknowledged >= revision).count(),
            refused: refused.collect(),
        }
    }
}
