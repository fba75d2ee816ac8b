//! A network namespace held by a descriptor.
//!
//! In: closures. Out: their results, run by a thread of its own inside the namespace.
//! Holds: no thread of the caller ever changes its namespace; the helper thread ends with the call.
//! Why threads: a namespace belongs to a thread, and a pooled thread would carry it to the next task.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::sched::{CloneFlags, setns, unshare};

use crate::{Error, Result};

/// A network namespace; it lives as long as this value, a process or a socket is in it.
#[derive(Debug)]
pub struct NetNs(OwnedFd);

impl NetNs {
    /// Makes a new namespace and runs `wire` inside it; `before` runs first, in the caller's namespace.
    ///
    /// # Errors
    /// When the namespace cannot be made, or what the closures answer.
    pub fn create<B: Send>(
        before: impl FnOnce() -> Result<B> + Send,
        wire: impl FnOnce(BorrowedFd<'_>, B) -> Result<()> + Send,
    ) -> Result<Self> {
        in_own_thread(|| {
            let carried = before()?;
            unshare(CloneFlags::CLONE_NEWNET)
                .map_err(|e| Error::system("make a network namespace", e))?;
            let fd = current()?;
            wire(fd.as_fd(), carried)?;
            Ok(Self(fd))
        })
    }

    /// The calling thread's namespace.
    ///
    /// # Errors
    /// When `/proc` is not readable.
    pub fn current() -> Result<Self> {
        current().map(Self)
    }

    /// Runs `work` inside the namespace.
    ///
    /// # Errors
    /// When the namespace cannot be entered, or what `work` answers.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        in_own_thread(|| {
            setns(&self.0, CloneFlags::CLONE_NEWNET)
                .map_err(|e| Error::system("enter a network namespace", e))?;
            work()
        })
    }

    /// Takes the descriptor.
    #[must_use]
    pub fn into_fd(self) -> OwnedFd {
        self.0
    }
}

impl AsFd for NetNs {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn current() -> Result<OwnedFd> {
    File::open("/proc/thread-self/ns/net")
        .map(OwnedFd::from)
        .map_err(|e| Error::system("open /proc/thread-self/ns/net", e))
}

fn in_own_thread<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    std::thread::scope(|scope| {
        scope.spawn(work).join().unwrap_or_else(|_| {
            Err(Error::system("network thread", std::io::Error::other("it panicked")))
        })
    })
}
