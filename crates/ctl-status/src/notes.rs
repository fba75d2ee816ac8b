//! What is worth an Event, told once for as long as it holds.
//!
//! In: all that can be said of an object now. Out: what of it is new.
//! Holds: what the object's conditions said before a restart is not news after it.

use std::collections::BTreeSet;

use ctl_source::ObjectKey;
use serde_json::Value;

use crate::conditions;

/// One sentence about an object, in the words of an Event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    /// `Warning`, or else `Normal`.
    pub warning: bool,
    /// What happened, in one word.
    pub reason: &'static str,
    /// Which field, why, and what to do.
    pub message: String,
}

impl Line {
    pub(crate) const fn warning(reason: &'static str, message: String) -> Self {
        Self { warning: true, reason, message }
    }

    pub(crate) const fn normal(reason: &'static str, message: String) -> Self {
        Self { warning: false, reason, message }
    }
}

/// The object that a note is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Its name.
    pub key: ObjectKey,
    /// Its `metadata.uid`.
    pub uid: String,
}

/// A sentence and whom it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Whom.
    pub about: Subject,
    /// What.
    pub line: Line,
    /// Whether it counts when it was told already; it does not for what an earlier life of the control plane may have told.
    pub again: bool,
}

/// What was said of one content of an object.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// Messages of its conditions from before this process began; nothing for a content that came later.
    before: Option<Vec<String>>,
    /// What holds, and what held.
    lines: BTreeSet<Line>,
    ever: BTreeSet<Line>,
}

/// Lines of one content that are remembered as told; beyond, all count again.
const MOST: usize = 1024;

impl Said {
    /// Of an object whose conditions were written by an earlier life of the control plane.
    pub(crate) fn before(status: &Value, generation: i64) -> Self {
        let before = conditions::messages(status, generation).map(str::to_owned).collect();
        Self { before: Some(before), ..Self::default() }
    }

    /// Remembers what holds now, and answers what did not hold before, and whether it counts again. What ends and comes
    /// again is news again.
    pub(crate) fn news(&mut self, now: Vec<Line>) -> Vec<(Line, bool)> {
        let now: BTreeSet<Line> = now.into_iter().collect();
        let first = |line: &Line| self.before.is_some() && !self.ever.contains(line);
        let said = |line: &Line| {
            self.before.iter().flatten().any(|said| said.contains(&line.message)) && first(line)
        };
        let news = now.difference(&self.lines).filter(|line| !said(line));
        let news = news.map(|line| (line.clone(), !first(line))).collect();
        if self.ever.len() < MOST {
            self.ever.extend(now.iter().cloned());
        }
        self.lines = now;
        news
    }
}
