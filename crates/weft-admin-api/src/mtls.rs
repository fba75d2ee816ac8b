//! Who still calls in plaintext, and what every port takes: `GET /weft/debug/mtls` and `weft mtls`.
//! Holds: times are milliseconds of Unix time, by the control plane's clock.

use serde::{Deserialize, Serialize};

/// What a port takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Mode {
    /// Plaintext only.
    Disable,
    /// Both.
    #[default]
    Permissive,
    /// Mutual TLS only.
    Strict,
}

impl Mode {
    /// As a PeerAuthentication says it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "DISABLE",
            Self::Permissive => "PERMISSIVE",
            Self::Strict => "STRICT",
        }
    }
}

/// Somebody who called a port in plaintext.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// `NAMESPACE/WORKLOAD`; empty when no pod had the address.
    pub workload: String,
    /// Its pod that called last.
    pub pod: String,
    /// The address that it called from last; empty for callers that were too many to be told apart.
    pub address: String,
    /// It has a proxy, and called around it or was told to send plaintext.
    pub meshed: bool,
    /// When it was seen first.
    pub first: u64,
    /// When it was seen last.
    pub last: u64,
    /// Connections that were served; on Envoy about as many.
    pub connections: u64,
    /// Connections that were refused.
    pub refused: u64,
    /// The last refusal; 0 for none.
    pub refused_last: u64,
}

impl Caller {
    /// Whether anything is known of it but an address.
    #[must_use]
    pub fn is_known(&self) -> bool {
        !self.workload.is_empty()
    }
}

/// A port of a workload.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// Its number.
    pub port: u16,
    /// What it takes.
    pub mode: Mode,
    /// The PeerAuthentication that says so, as `NAMESPACE/NAME`; empty for the default.
    pub from: String,
    /// Who called it in plaintext, the last one first.
    pub callers: Vec<Caller>,
    /// Callers that were forgotten for others that called later.
    pub forgotten: u64,
    /// Connections with mutual TLS, where the proxy counts them.
    pub secured: u64,
    /// The last of them; 0 for none.
    pub secured_last: u64,
}

impl Port {
    /// The last call in plaintext that was served or refused.
    #[must_use]
    pub fn last(&self) -> Option<u64> {
        self.callers.iter().map(|caller| caller.last).max()
    }
}

/// A rule by which clients would not speak the mesh's mutual TLS.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Breaking {
    /// The DestinationRule, as `NAMESPACE/NAME`.
    pub rule: String,
    /// Its host.
    pub host: String,
    /// Its mode.
    pub mode: String,
}

/// A workload with proxies.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// Namespace.
    pub namespace: String,
    /// Name, of what made its pods.
    pub name: String,
    /// Its pods that have a proxy now.
    pub pods: Vec<String>,
    /// Of these, the ones whose proxies have not reported lately.
    pub unheard: Vec<String>,
    /// Pods of the same name without a proxy; they take plaintext whatever a policy says.
    pub without_proxy: Vec<String>,
    /// Since when its callers are known without a gap.
    pub since: Option<u64>,
    /// The oldest of the last reports of its pods.
    pub heard: Option<u64>,
    /// What ports take of which nothing is said.
    pub mode: Mode,
    /// Ports by number.
    pub ports: Vec<Port>,
    /// The PeerAuthentication that selects it, as `NAMESPACE/NAME`.
    pub own_policy: Option<String>,
    /// Rules that would break calls under STRICT.
    pub breaking: Vec<Breaking>,
    /// Ports that its pods keep from the proxy, as their annotation says.
    pub bypassing: String,
}

/// Answer of `/weft/debug/mtls`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MtlsReport {
    /// When it was made.
    pub now: u64,
    /// By namespace and name.
    pub workloads: Vec<Workload>,
}
