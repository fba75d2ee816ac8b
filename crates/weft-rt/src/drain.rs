//! Ending well: one side says "finish what you have", the other side says "I am done".
//!
//! In: one call of [`Drain::start`]. Out: the moment when every [`DrainWatch`] is dropped.
//! Holds: a watch taken after the start sees the start at once.
//! Never: a deadline of its own; the owner races `done` against its clock and then drops the tasks.

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// The owner's end.
#[derive(Debug, Clone, Default)]
pub struct Drain {
    signal: CancellationToken,
    tracker: TaskTracker,
}

/// Held by whoever has work to finish. Dropping it says "done".
#[derive(Debug, Clone)]
pub struct DrainWatch {
    signal: CancellationToken,
    _held: TaskTrackerToken,
}

impl Drain {
    /// A drain that has not started.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A handle for one connection, listener or task.
    #[must_use]
    pub fn watch(&self) -> DrainWatch {
        DrainWatch { signal: self.signal.clone(), _held: self.tracker.token() }
    }

    /// A drain that starts when this one starts, and may start alone before; its watches count here too
    /// only through watches of this one.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { signal: self.signal.child_token(), tracker: TaskTracker::new() }
    }

    /// Tells every watch to finish. Calling it again changes nothing.
    pub fn start(&self) {
        self.tracker.close();
        self.signal.cancel();
    }

    /// True once started.
    #[must_use]
    pub fn started(&self) -> bool {
        self.signal.is_cancelled()
    }

    /// Resolves once [`Drain::start`] was called.
    pub async fn begun(&self) {
        self.signal.cancelled().await;
    }

    /// Watches that are still held.
    #[must_use]
    pub fn held(&self) -> usize {
        self.tracker.len()
    }

    /// Resolves when the drain has started and no watch is held any more.
    pub async fn done(&self) {
        self.signal.cancelled().await;
        self.tracker.close();
        self.tracker.wait().await;
    }
}

impl DrainWatch {
    /// Resolves when the owner asks to finish.
    pub async fn begun(&self) {
        self.signal.cancelled().await;
    }

    /// True once the owner has asked to finish.
    #[must_use]
    pub fn started(&self) -> bool {
        self.signal.is_cancelled()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn done_waits_for_every_watch() {
        let drain = Drain::new();
        let watch = drain.watch();
        assert!(!watch.started());
        drain.start();
        watch.begun().await;
        assert_eq!(drain.held(), 1);
        drop(watch);
        drain.done().await;
    }

    #[tokio::test]
    async fn a_child_ends_with_its_parent_but_not_the_other_way() {
        let parent = Drain::new();
        let (one, two) = (parent.child(), parent.child());
        one.start();
        assert!(!parent.started() && !two.started());
        parent.start();
        two.begun().await;
    }
}
