//! Every rule that an object meets on its way into the store and out of it.
//!
//! In: requests of REST and of the process itself. Out: stored objects, or a [`Fault`].
//! Holds: both callers take the same walk: names, defaults, admission, conflicts, deletion, ownership.
//! Never: HTTP. Why above the store and not in it: the store must not know what an object means.

mod delete;
mod housekeeping;
mod metadata;
mod source;
mod status;
mod validate;
mod watch;
mod write;

use std::sync::Arc;

use ctl_source::kinds::{self, KindInfo};
use ctl_source::{Object, ResourceType};
use ctl_store::{Collection, Key, Store};
use serde_json::Value;
use tokio::sync::Mutex;
use weft_rt::Clock;

use crate::admission::Admission;
use crate::fault::Fault;
use crate::tokens::{Claims, TokenError, TokenKey};

pub use delete::{DeleteOptions, Propagation};
pub(crate) use status::has_status;
pub use write::{WriteOptions, Written};

/// Part of an object that a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All but the status.
    Main,
    /// The status alone.
    Status,
}

/// The objects of the mesh. Cheap to clone.
#[derive(Clone)]
pub struct Registry {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    admission: Box<dyn Admission>,
    tokens: TokenKey,
    clock: Clock,
    /// Held while a Service gets its address, so that no two get the same.
    addresses: Mutex<()>,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry").field("store", &self.inner.store).finish_non_exhaustive()
    }
}

impl Registry {
    /// A registry over `store`. Call [`Registry::bootstrap`] once, and keep [`Registry::keep_house`] running.
    #[must_use]
    pub fn new(
        store: Store,
        admission: Box<dyn Admission>,
        tokens: TokenKey,
        clock: Clock,
    ) -> Self {
        let addresses = Mutex::new(());
        Self { inner: Arc::new(Inner { store, admission, tokens, clock, addresses }) }
    }

    /// The store below.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// The clock of all times that are written.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    /// Reads one object.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn read(&self, kind: &KindInfo, namespace: &str, name: &str) -> Result<Object, Fault> {
        let found = self.inner.store.get(&key(kind, namespace, name));
        found.ok_or_else(|| Fault::not_found(kind, name))
    }

    /// Who holds this token, when it is good for `audience` and its account and pod still exist.
    ///
    /// # Errors
    /// Why it proves nothing.
    pub fn verify_token(&self, token: &str, audience: &str) -> Result<Claims, TokenError> {
        let claims = self.inner.tokens.verify(token, audience, self.inner.clock.wall())?;
        let lives = |plural: &str, name: &str, uid: &str| {
            let collection = Collection { group: String::new(), plural: plural.to_owned() };
            let key =
                Key { collection, namespace: claims.namespace.clone(), name: name.to_owned() };
            let object = self.inner.store.get(&key);
            object.is_some_and(|object| object["metadata"]["uid"].as_str() == Some(uid))
        };
        if !lives("serviceaccounts", &claims.service_account, &claims.service_account_uid) {
            return Err(TokenError::Gone(format!("service account {}", claims.service_account)));
        }
        match &claims.pod {
            Some(pod) if !lives("pods", &pod.name, &pod.uid) => {
                Err(TokenError::Gone(format!("pod {}", pod.name)))
            }
            _ => Ok(claims),
        }
    }

    pub(crate) fn tokens(&self) -> &TokenKey {
        &self.inner.tokens
    }
}

/// Where an object of `kind` is kept.
pub(crate) fn key(kind: &KindInfo, namespace: &str, name: &str) -> Key {
    let namespace = if kind.namespaced { namespace } else { "" };
    Key { collection: collection(kind), namespace: namespace.to_owned(), name: name.to_owned() }
}

pub(crate) fn collection(kind: &KindInfo) -> Collection {
    Collection { group: kind.group.to_owned(), plural: kind.plural.to_owned() }
}

/// The kind of a stored key.
pub(crate) fn kind_of(key: &Key) -> Option<&'static KindInfo> {
    kinds::find_plural(&key.collection.group, &key.collection.plural)
}

/// The kind that a caller in the process names.
pub(crate) fn kind_named(resource: &ResourceType) -> Result<&'static KindInfo, Fault> {
    kinds::find_plural(&resource.group, &resource.plural)
        .ok_or_else(|| Fault::no_path(&format!("{}/{}", resource.group, resource.plural)))
}

pub(crate) fn text<'a>(object: &'a Value, path: &str) -> Option<&'a str> {
    object.pointer(path)?.as_str()
}
