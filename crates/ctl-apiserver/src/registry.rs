//! Every rule that an object meets on its way into the store and out of it.
//!
//! In: requests of REST and of the process itself. Out: stored objects, or a [`Fault`].
//! Holds: both callers take the same walk: names, defaults, admission, conflicts, deletion, ownership.
//! Never: HTTP. Why above the store and not in it: the store must not know what an object means.

mod admit;
mod apply;
mod definitions;
mod delete;
mod expiry;
mod household;
mod housekeeping;
mod kinds;
mod metadata;
mod source;
mod status;
mod validate;
mod watch;
mod write;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use ctl_source::{Object, ResourceType};
use ctl_store::{Collection, Key, Store, Write};
use serde_json::Value;
use tokio::sync::Mutex;
use weft_rt::Clock;

use crate::admission::Admission;
use crate::fault::Fault;
use crate::kind::Kind;
use crate::serve::EVENTS;
use crate::strict::SchemaFault;
use crate::tokens::{BoundPod, Claims, TokenError, TokenKey};

pub use delete::{DeleteOptions, Propagation};
pub use kinds::Kinds;
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
    kinds: kinds::Current,
    /// Definitions that every mesh has.
    built_in: Vec<Value>,
    /// Held while a definition is judged against the others and stored, so that no two get the same names.
    definitions: Mutex<()>,
    /// Webhooks are asked.
    asking: AtomicBool,
    /// Held while a Service gets its address, so that no two get the same.
    addresses: Mutex<()>,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry").field("store", &self.inner.store).finish_non_exhaustive()
    }
}

impl Registry {
    /// A registry over `store` that also serves what the definitions `built_in` define. Call [`Registry::bootstrap`] once, and keep [`Registry::keep_house`] running.
    #[must_use]
    pub fn new(
        store: Store,
        admission: Box<dyn Admission>,
        tokens: TokenKey,
        clock: Clock,
        built_in: Vec<Value>,
    ) -> Self {
        let kinds = kinds::Current::default();
        kinds.refresh(&store);
        let (definitions, addresses) = (Mutex::new(()), Mutex::new(()));
        let asking = AtomicBool::new(false);
        let inner = Inner {
            store,
            admission,
            tokens,
            clock,
            kinds,
            built_in,
            definitions,
            asking,
            addresses,
        };
        Self { inner: Arc::new(inner) }
    }

    /// The kinds that are served now.
    #[must_use]
    pub fn kinds(&self) -> Arc<Kinds> {
        self.inner.kinds.get()
    }

    /// The kinds that are served, and when they change.
    pub(crate) fn follow_kinds(&self) -> tokio::sync::watch::Receiver<Arc<Kinds>> {
        self.inner.kinds.follow()
    }

    /// The kind that is served now under this name.
    #[must_use]
    pub fn kind(&self, group: &str, kind: &str) -> Option<Arc<Kind>> {
        self.kinds().find(group, kind).cloned()
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
    pub fn read(&self, kind: &Kind, namespace: &str, name: &str) -> Result<Object, Fault> {
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

    /// Whether an account exists, and a pod with this name and uid runs as it.
    ///
    /// # Errors
    /// What does not exist any more.
    pub fn account_lives(
        &self,
        namespace: &str,
        account: &str,
        pod: Option<&BoundPod>,
    ) -> Result<(), TokenError> {
        let read = |plural: &str, name: &str| {
            let collection = Collection { group: String::new(), plural: plural.to_owned() };
            let (namespace, name) = (namespace.to_owned(), name.to_owned());
            self.inner.store.get(&Key { collection, namespace, name })
        };
        if read("serviceaccounts", account).is_none() {
            return Err(TokenError::Gone(format!("service account {account}")));
        }
        let Some(BoundPod { name, uid }) = pod else { return Ok(()) };
        let own = read("pods", name).filter(|pod| {
            let runs_as = pod["spec"]["serviceAccountName"].as_str().unwrap_or("default");
            pod["metadata"]["uid"].as_str() == Some(uid) && runs_as == account
        });
        own.map(drop).ok_or_else(|| TokenError::Gone(format!("pod {name}")))
    }

    pub(crate) fn tokens(&self) -> &TokenKey {
        &self.inner.tokens
    }
}

/// What is wrong with the name and the labels of an object.
pub(crate) fn name_faults(object: &Value) -> Vec<SchemaFault> {
    let kind = text(object, "/kind").unwrap_or_default();
    let named = text(object, "/metadata/name").and_then(|name| metadata::wrong_name(kind, name));
    let named = named.map(|what| SchemaFault { pointer: "/metadata/name".to_owned(), what });
    let labels = validate::label_problems(object).into_iter().map(|(name, what)| SchemaFault {
        pointer: format!("/metadata/labels/{}", name.replace('~', "~0").replace('/', "~1")),
        what,
    });
    named.into_iter().chain(labels).collect()
}

/// Where an object of `kind` is kept.
pub(crate) fn key(kind: &Kind, namespace: &str, name: &str) -> Key {
    let namespace = if kind.namespaced { namespace } else { "" };
    Key { collection: collection(kind), namespace: namespace.to_owned(), name: name.to_owned() }
}

pub(crate) fn collection(kind: &Kind) -> Collection {
    Collection { group: kind.group.clone(), plural: kind.plural.clone() }
}

impl Registry {
    /// The kind of a stored key.
    pub(crate) fn kind_of(&self, key: &Key) -> Option<Arc<Kind>> {
        self.kinds().of(key).cloned()
    }

    /// The kind that a caller in the process names.
    pub(crate) fn kind_named(&self, resource: &ResourceType) -> Result<Arc<Kind>, Fault> {
        // Events are stored in the core group alone; the other group is a way to see them.
        let group = if resource.group == EVENTS { "" } else { &resource.group };
        let found = self.kinds().find_plural(group, &resource.plural).cloned();
        found.ok_or_else(|| Fault::no_path(&format!("{}/{}", resource.group, resource.plural)))
    }

    /// Writes to the store; a changed definition changes the kinds before anybody is answered.
    pub(crate) async fn store_write(&self, kind: &Kind, write: Write) -> Result<Object, Fault> {
        let name = write.key.name.clone();
        let written = self.inner.store.write(write).await;
        let object = written.map_err(|e| Fault::store(&e, kind, &name))?;
        if kind.is_definition() {
            self.inner.kinds.refresh(&self.inner.store);
        }
        Ok(object)
    }
}

pub(crate) fn text<'a>(object: &'a Value, path: &str) -> Option<&'a str> {
    object.pointer(path)?.as_str()
}
