//! The settings of the mesh as they are stored at this moment.
//!
//! In: the store. Out: the settings that count now. Holds: a pod that is stored after the settings gets these settings.
//! Why not told by the walk: a pod may be admitted before the walk has seen the settings that were stored before it.

use std::sync::{Arc, Mutex, PoisonError};

use ctl_admission::MeshSettings;
use ctl_store::{Collection, Key, Store};
use weft_types::TrustDomain;

use super::{for_injection, read};

/// The settings, followed.
pub(crate) struct LiveMesh {
    store: Store,
    base: MeshSettings,
    last: Mutex<Last>,
}

/// What was read last, and of which version of the ConfigMap.
struct Last {
    version: Option<String>,
    current: Arc<Current>,
}

/// The settings that count.
#[derive(Debug)]
pub(crate) struct Current {
    /// Of injection.
    pub(crate) injection: MeshSettings,
    /// Of certificates.
    pub(crate) domain: TrustDomain,
}

impl std::fmt::Debug for LiveMesh {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LiveMesh").field("base", &self.base).finish_non_exhaustive()
    }
}

impl LiveMesh {
    /// Follows the store; `base` has what this control plane knows of itself.
    ///
    /// # Errors
    /// When the trust domain of `base` is none.
    pub(crate) fn new(store: Store, base: MeshSettings) -> anyhow::Result<Self> {
        let domain = base.trust_domain.parse()?;
        let current = Arc::new(Current { injection: base.clone(), domain });
        Ok(Self { store, base, last: Mutex::new(Last { version: None, current }) })
    }

    /// The settings that count now.
    pub(crate) fn current(&self) -> Arc<Current> {
        let object = self.store.get(&key());
        let version = object
            .as_ref()
            .and_then(|object| object["metadata"]["resourceVersion"].as_str())
            .map(str::to_owned);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.version != version {
            match self.of(object.as_deref()) {
                Ok(current) => last.current = Arc::new(current),
                Err(why) => tracing::error!(%why, "the settings of the mesh stay as they were"),
            }
            last.version = version;
        }
        Arc::clone(&last.current)
    }

    fn of(&self, object: Option<&serde_json::Value>) -> Result<Current, String> {
        let mesh = read(object).map_err(|problems| {
            problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        })?;
        let domain: TrustDomain =
            mesh.trust_domain.parse().map_err(|error| format!("trustDomain: {error}"))?;
        Ok(Current { injection: for_injection(&mesh, &self.base), domain })
    }
}

fn key() -> Key {
    Key {
        collection: Collection { group: String::new(), plural: "configmaps".to_owned() },
        namespace: weft_meshconfig::NAMESPACE.to_owned(),
        name: weft_meshconfig::NAME.to_owned(),
    }
}
