//! Secrets, read once each.
//!
//! In: the secrets of a configuration. Out: certificates and roots that TLS settings are made of, each with a number that
//! changes when its content does.
//! Holds: a secret that cannot be read is as if it had not come: whoever needs it is closed. Never: prints a key.

use std::collections::HashMap;
use std::sync::Arc;

use proxy_config::{ProxyConfig, Secret, SecretName};
use weft_identity::{Certificate, IdentityError, TrustBundle};

/// The secret that holds the workload's own certificate.
pub(crate) const OWN: &str = "default";
/// The secret that holds the mesh's roots.
pub(crate) const ROOTS: &str = "ROOTCA";

/// What a secret is good for.
#[derive(Debug, Clone)]
pub(crate) enum Material {
    Certificate(Arc<Certificate>),
    Authorities(Arc<TrustBundle>),
    Revoked(Arc<[u8]>),
}

#[derive(Debug)]
struct Read {
    from: Arc<Secret>,
    number: u64,
    found: Result<Material, String>,
}

/// Every secret of the configuration, as it was read.
#[derive(Debug, Default)]
pub(crate) struct Secrets {
    read: HashMap<SecretName, Read>,
    last: u64,
}

impl Secrets {
    /// Reads what is new, forgets what is gone; says what cannot be used.
    pub(crate) fn take(&mut self, config: &ProxyConfig, problems: &mut Vec<String>) {
        self.read.retain(|name, _| config.secrets.contains_key(name));
        for (name, secret) in &config.secrets {
            if self.read.get(name).is_some_and(|known| Arc::ptr_eq(&known.from, secret)) {
                continue;
            }
            let found = material(secret).map_err(|why| why.to_string());
            if let Err(why) = &found {
                problems.push(format!("secret {name}: {why}"));
            }
            self.last += 1;
            let read = Read { from: Arc::clone(secret), number: self.last, found };
            self.read.insert(Arc::clone(name), read);
        }
    }

    /// A number per name, which tells whether any of them has changed.
    pub(crate) fn stamp<'a>(&self, names: impl Iterator<Item = &'a SecretName>) -> Vec<u64> {
        names.map(|name| self.number(name)).collect()
    }

    /// The same of one name; 0 for what is not here, and for what the mesh renews by itself.
    pub(crate) fn number(&self, name: &str) -> u64 {
        self.read.get(name).map_or(0, |read| read.number)
    }

    fn found(&self, name: &str) -> Result<&Material, String> {
        match self.read.get(name) {
            Some(read) => read.found.as_ref().map_err(|why| format!("secret {name}: {why}")),
            None => Err(format!("secret {name} is not here")),
        }
    }

    pub(crate) fn certificate(&self, name: &str) -> Result<Arc<Certificate>, String> {
        match self.found(name)? {
            Material::Certificate(found) => Ok(Arc::clone(found)),
            _ => Err(format!("secret {name} is no certificate")),
        }
    }

    pub(crate) fn authorities(&self, name: &str) -> Result<Arc<TrustBundle>, String> {
        match self.found(name)? {
            Material::Authorities(found) => Ok(Arc::clone(found)),
            _ => Err(format!("secret {name} holds no authorities")),
        }
    }

    pub(crate) fn revoked(&self, name: &str) -> Result<Arc<[u8]>, String> {
        match self.found(name)? {
            Material::Revoked(found) => Ok(Arc::clone(found)),
            _ => Err(format!("secret {name} holds no revoked certificates")),
        }
    }
}

fn material(secret: &Secret) -> Result<Material, IdentityError> {
    match secret {
        Secret::Certificate { chain, key } => {
            Certificate::from_pem(chain, key).map(|found| Material::Certificate(Arc::new(found)))
        }
        Secret::Authorities { roots, revoked, system } => {
            let text = String::from_utf8_lossy(roots);
            let bundle = if *system {
                TrustBundle::of_system(&text)?
            } else {
                TrustBundle::from_pem(&text)?
            };
            let bundle = if revoked.is_empty() { bundle } else { bundle.without(revoked)? };
            Ok(Material::Authorities(Arc::new(bundle)))
        }
        Secret::Revoked(lists) => Ok(Material::Revoked(lists.as_slice().into())),
    }
}
