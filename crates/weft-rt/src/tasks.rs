//! Named tasks with an owner that sees how each ends.
//!
//! In: futures. Out: what ended and why.
//! Holds: a panic in a task is logged with the task's name and reaches the owner; nothing is detached.
//! Never: restarts by itself; the owner knows whether a restart is right.

use std::any::Any;
use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use tokio::task::{Id, JoinError, JoinSet};

use crate::Clock;

/// How one task ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskEnd {
    /// The future returned.
    Finished,
    /// It was aborted by its owner.
    Cancelled,
    /// It panicked, with this message.
    Panicked(String),
}

/// An owner of tasks. Dropping it aborts them all.
#[derive(Debug, Default)]
pub struct Tasks {
    set: JoinSet<()>,
    names: HashMap<Id, &'static str>,
}

impl Tasks {
    /// No tasks yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a task on the current runtime.
    pub fn spawn<F>(&mut self, name: &'static str, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let id = self.set.spawn(future).id();
        self.names.insert(id, name);
    }

    /// Starts a task that stays on this thread (inside a `LocalSet`).
    pub fn spawn_local<F>(&mut self, name: &'static str, future: F)
    where
        F: Future<Output = ()> + 'static,
    {
        let id = self.set.spawn_local(future).id();
        self.names.insert(id, name);
    }

    /// Waits for the next end; `None` when no task is left. Cancel-safe.
    pub async fn next_end(&mut self) -> Option<(&'static str, TaskEnd)> {
        let (id, end) = match self.set.join_next_with_id().await? {
            Ok((id, ())) => (id, TaskEnd::Finished),
            Err(error) => (error.id(), end_of(error)),
        };
        let name = self.names.remove(&id).unwrap_or("task");
        if let TaskEnd::Panicked(message) = &end {
            tracing::error!(task = name, %message, "a task panicked");
        }
        Some((name, end))
    }

    /// Tasks that have not been reported as ended.
    #[must_use]
    pub fn len(&self) -> usize {
        self.set.len()
    }

    /// True when none is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.set.is_empty()
    }

    /// Waits up to `grace` for all to end by themselves, then aborts the rest and awaits their ends.
    pub async fn shutdown(mut self, clock: &Clock, grace: Duration) {
        let all = async { while self.next_end().await.is_some() {} };
        if clock.timeout(grace, all).await.is_err() {
            self.set.shutdown().await;
        }
    }
}

fn end_of(error: JoinError) -> TaskEnd {
    match error.try_into_panic() {
        Ok(payload) => TaskEnd::Panicked(message_of(payload.as_ref())),
        Err(_cancelled) => TaskEnd::Cancelled,
    }
}

fn message_of(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_reaches_the_owner_by_name() {
        let mut tasks = Tasks::new();
        tasks.spawn("good", async {});
        tasks.spawn("bad", async { panic!("broken") });
        let mut ends = Vec::new();
        while let Some(end) = tasks.next_end().await {
            ends.push(end);
        }
        ends.sort_by_key(|(name, _)| *name);
        assert_eq!(
            ends,
            [("bad", TaskEnd::Panicked("broken".into())), ("good", TaskEnd::Finished)]
        );
    }
}
