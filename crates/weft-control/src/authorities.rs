//! Further authorities that servers of keys may be under.
//!
//! In: the ConfigMaps of `istio-system` as they are. Out: one PEM.
//! Holds: they are read for each fetch, so that a new one counts without a restart.
//! Why two places: Istio's chart makes a ConfigMap of its own of `jwksResolverExtraRootCA`, which people also write by hand; here
//! an IstioOperator is written as the one ConfigMap of the mesh's settings, and the value stands beside them.

use std::sync::Arc;

use async_trait::async_trait;
use ctl_keys::Authorities;
use ctl_source::{ObjectKey, Source, kinds};

/// Name and key of what Istio's chart makes, and of what an IstioOperator says.
const PLACES: [(&str, &str); 2] = [
    ("pilot-jwks-extra-cacerts", "extra.pem"),
    (weft_meshconfig::NAME, weft_meshconfig::EXTRA_ROOTS),
];

/// What the ConfigMaps say.
pub(crate) struct MeshAuthorities {
    pub(crate) source: Arc<dyn Source>,
}

#[async_trait]
impl Authorities for MeshAuthorities {
    async fn pem(&self) -> Result<String, String> {
        let Some(kind) = kinds::find("", "ConfigMap") else { return Ok(String::new()) };
        let mut all = String::new();
        for (name, entry) in PLACES {
            let (namespace, name) = (Some(weft_meshconfig::NAMESPACE.to_owned()), name.to_owned());
            let key = ObjectKey { resource: kind.resource(), namespace, name };
            let found = self.source.get(&key).await.map_err(|error| {
                format!("the ConfigMap {} of istio-system cannot be read: {error}", key.name)
            })?;
            if let Some(pem) = found.as_ref().and_then(|map| map["data"][entry].as_str()) {
                all.push_str(pem);
                all.push('\n');
            }
        }
        Ok(all)
    }
}
