//! The embedded store: objects by key, one revision counter, a bounded history, one file on disk.
//!
//! In: writes with an expectation of what is there now. Out: objects, lists at a revision, the events since a revision.
//! Holds: a write is on disk before it is answered or seen by anybody; revisions only grow; events come in revision order.
//! Never: the meaning of an object. Defaults, admission and garbage collection are `ctl_apiserver::Registry`'s.
//! Why everything is in memory too: a mesh of one machine has thousands of objects, not millions, and reads must not wait
//! for the disk. Packed, since most are never read again. Why one writer thread: concurrent writes share one commit, so that a burst costs one `fsync`.

mod disk;
mod key;
mod memory;
mod writer;

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use ctl_source::{Object, Packed, TooDeep};
use tokio::sync::{mpsc, oneshot, watch};

pub use key::{Collection, Key};
pub use memory::{Compacted, Event, EventKind, Listing};
pub use writer::{Expect, Write};

use memory::Memory;
use writer::Job;

/// Writes that may wait for the writer; the next caller waits for room.
const QUEUE: usize = 1024;

/// Why the store cannot do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be opened or read.
    #[error("{path}: {why}")]
    Open {
        /// The database file.
        path: String,
        /// The database's word.
        why: String,
    },
    /// The object exists although it must not.
    #[error("exists already")]
    Exists,
    /// The object does not exist.
    #[error("does not exist")]
    Missing,
    /// The object was changed by somebody else.
    #[error("was changed since it was read")]
    Changed,
    /// The object could not be read again.
    #[error(transparent)]
    TooDeep(#[from] TooDeep),
    /// The disk refused; nothing was changed.
    #[error("cannot write to the store: {0}")]
    Disk(String),
}

/// A handle to the store; clones share it. The file is closed when the last one is dropped.
#[derive(Debug, Clone)]
pub struct Store {
    memory: Arc<RwLock<Memory>>,
    jobs: mpsc::Sender<Job>,
    revisions: watch::Receiver<u64>,
}

impl Store {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// When the file cannot be opened (another process has it, wrong permissions) or does not hold a store.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let open = |why: String| StoreError::Open { path: path.display().to_string(), why };
        let (disk, memory) = disk::open(path).map_err(open)?;
        let (jobs, queue) = mpsc::channel(QUEUE);
        let (tell, revisions) = watch::channel(memory.revision());
        let memory = Arc::new(RwLock::new(memory));
        let shared = Arc::clone(&memory);
        std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || writer::run(&disk, &shared, queue, &tell))
            .map_err(|e| open(e.to_string()))?;
        Ok(Self { memory, jobs, revisions })
    }

    /// Reads one object.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<Object> {
        let found = self.read().get(key);
        found.map(|packed| packed.open())
    }

    /// Lists a collection, in one namespace or in all, in order of namespace and name.
    #[must_use]
    pub fn list(&self, collection: &Collection, namespace: Option<&str>) -> Listing {
        let memory = self.read();
        let (found, revision) = (memory.list(collection, namespace), memory.revision());
        drop(memory);
        Listing { objects: opened(&found), revision }
    }

    /// Lists several collections at one revision.
    #[must_use]
    pub fn list_all(&self, collections: &[Collection]) -> (Vec<Vec<Object>>, u64) {
        let memory = self.read();
        let found: Vec<_> = collections.iter().map(|c| memory.list(c, None)).collect();
        let revision = memory.revision();
        drop(memory);
        (found.iter().map(|list| opened(list)).collect(), revision)
    }

    /// Every object of every collection, with its key.
    #[must_use]
    pub fn everything(&self) -> Vec<(Key, Packed)> {
        self.read().everything()
    }

    /// The newest revision.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.read().revision()
    }

    /// What happened after `revision`, oldest first, and the revision that this brings the reader to.
    ///
    /// # Errors
    /// [`Compacted`] when the history does not reach back that far.
    pub fn since(&self, revision: u64) -> Result<(Vec<Event>, u64), Compacted> {
        self.read().since(revision)
    }

    /// Wakes on every new revision.
    #[must_use]
    pub fn revisions(&self) -> watch::Receiver<u64> {
        self.revisions.clone()
    }

    /// Writes one object; answers when it is on disk. The answer carries the new `metadata.resourceVersion`; of a removal it is
    /// the last state.
    ///
    /// # Errors
    /// When the expectation does not hold, or the disk refuses.
    pub async fn write(&self, write: Write) -> Result<Object, StoreError> {
        let (answer, answered) = oneshot::channel();
        let gone = || StoreError::Disk("the store is closed".to_owned());
        self.jobs.send(Job { write, answer }).await.map_err(|_closed| gone())?;
        answered.await.map_err(|_closed| gone())?
    }

    fn read(&self) -> RwLockReadGuard<'_, Memory> {
        self.memory.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Read without the lock, which writers wait for.
fn opened(packed: &[Packed]) -> Vec<Object> {
    packed.iter().map(Packed::open).collect()
}
