//! Who is at one end of an exchange.

use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::sync::Arc;

/// The word for what is not known.
pub const UNKNOWN: &str = "unknown";

/// The workload at one end. Equal when its labels are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Workload {
    /// Name of the Deployment or the like.
    pub name: Arc<str>,
    /// Its namespace.
    pub namespace: Arc<str>,
    /// `service.istio.io/canonical-name`.
    pub canonical_service: Arc<str>,
    /// `service.istio.io/canonical-revision`.
    pub canonical_revision: Arc<str>,
    /// Label `app`.
    pub app: Arc<str>,
    /// Label `version`.
    pub version: Arc<str>,
    /// Cluster id.
    pub cluster: Arc<str>,
}

impl Default for Workload {
    fn default() -> Self {
        let unknown: Arc<str> = UNKNOWN.into();
        Self {
            name: Arc::clone(&unknown),
            namespace: Arc::clone(&unknown),
            canonical_service: Arc::clone(&unknown),
            canonical_revision: "latest".into(),
            app: Arc::clone(&unknown),
            version: Arc::clone(&unknown),
            cluster: unknown,
        }
    }
}

impl Workload {
    /// A number that stands for the labels, so that a series is found without comparing seven texts.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }
}

/// The service that was called.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Service {
    /// Full host name.
    pub host: Arc<str>,
    /// Short name.
    pub name: Arc<str>,
    /// Its namespace.
    pub namespace: Arc<str>,
}

impl Default for Service {
    fn default() -> Self {
        let unknown: Arc<str> = UNKNOWN.into();
        Self { host: Arc::clone(&unknown), name: Arc::clone(&unknown), namespace: unknown }
    }
}
