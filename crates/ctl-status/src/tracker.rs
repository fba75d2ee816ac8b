//! From facts and acknowledgements to patches and notes; pure.

use std::collections::HashMap;

use ctl_source::ObjectKey;
use serde_json::{Value, json};
use weft_admin_api::sync::SyncReport;

use crate::audience::{Answers, Expected};
use crate::conditions::{self, Condition, Style};
use crate::facts::{Manner, ObjectFacts, Observed, Severity};
use crate::notes::{Note, Said, Subject};
use crate::own::{self, Wanted};
use refusals::refusals;

mod refusals;
mod words;

/// A status to write.
#[derive(Debug, Clone, PartialEq)]
pub struct Patch {
    /// Whose.
    pub key: ObjectKey,
    /// Of which content, as `metadata.generation` counts.
    pub generation: i64,
    /// Merge patch of the status sub-resource: `{"status": {...}}`.
    pub patch: Value,
}

/// What is to be told now.
#[derive(Debug, Default)]
pub struct Due {
    /// Statuses to write.
    pub patches: Vec<Patch>,
    /// What is new about objects.
    pub notes: Vec<Note>,
}

#[derive(Debug)]
struct Track {
    facts: ObjectFacts,
    /// First revision that contains this content.
    since: u64,
    /// `N of N`, once all have answered it.
    programmed: Option<String>,
    /// As we believe it to be; that of the facts is as the last revision brought it, and when that does not move, our own
    /// last write is the newer word.
    status: Value,
    said: Said,
}

/// Remembers, per object, since which revision what it says is in force, and what was told of it.
#[derive(Debug, Default)]
pub struct Tracker {
    tracks: HashMap<ObjectKey, Track>,
    proxies: Vec<Expected>,
}

impl Tracker {
    /// Takes a new revision.
    pub fn observe(&mut self, observed: &Observed) {
        self.proxies.clone_from(&observed.proxies);
        let mut before = std::mem::take(&mut self.tracks);
        for facts in &observed.objects {
            let track = Track::of(facts.clone(), observed.revision, before.remove(&facts.key));
            self.tracks.insert(facts.key.clone(), track);
        }
    }

    /// What to tell now. Tell [`Tracker::written`] what was written; notes are made once.
    pub fn due(&mut self, report: &SyncReport, now: &str) -> Due {
        let answers = Answers::of(report, &self.proxies);
        let refused = refusals(&self.tracks, report);
        let mut due = Due::default();
        for (key, track) in &mut self.tracks {
            let programmed = track.programmed(&answers, refused.get(key));
            let notes = track.said.news(track.notes(&programmed));
            let about = || Subject { key: key.clone(), uid: track.facts.uid.clone() };
            let note = |(line, again)| Note { about: about(), line, again };
            due.notes.extend(notes.into_iter().map(note));
            if let Some(status) = track.status_to_write(programmed, now) {
                let (key, generation) = (key.clone(), track.facts.generation);
                due.patches.push(Patch { key, generation, patch: json!({ "status": status }) });
            }
        }
        due.patches.sort_by(|a, b| a.key.cmp(&b.key));
        due.notes.sort_by(|a, b| a.about.key.cmp(&b.about.key));
        due
    }

    /// A patch took effect; it is not made again.
    pub fn written(&mut self, patch: &Patch) {
        if let Some(track) = self.tracks.get_mut(&patch.key) {
            if !track.status.is_object() {
                track.status = json!({});
            }
            let fields = patch.patch["status"].as_object().into_iter().flatten();
            fields.for_each(|(field, value)| track.status[field] = value.clone());
        }
    }

    /// The object is gone.
    pub fn forget(&mut self, key: &ObjectKey) {
        self.tracks.remove(key);
    }
}

impl Track {
    fn of(facts: ObjectFacts, revision: u64, before: Option<Self>) -> Self {
        let (generation, content) = (facts.generation, facts.content);
        let same = |old: &Self| {
            (old.facts.generation, old.facts.content, &old.facts.uid)
                == (generation, content, &facts.uid)
        };
        match before {
            Some(old) if same(&old) => {
                let unmoved = facts.status == old.facts.status;
                let status = if unmoved { old.status } else { facts.status.clone() };
                Self { facts, status, ..old }
            }
            old => {
                // After a restart an object that says so already stays programmed; it did not change unseen, because its
                // generation would have.
                let status = facts.status.clone();
                let fresh = old.is_none();
                let stays = fresh && conditions::programmed(&status, generation);
                let programmed = stays.then(|| words::programmed(&status));
                let said = if fresh { Said::before(&status, generation) } else { Said::default() };
                Self { facts, since: revision, programmed, status, said }
            }
        }
    }

    /// The fields of the status that are not as they should be, with all others that are ours.
    fn status_to_write(&self, programmed: Condition, now: &str) -> Option<Value> {
        let generation = self.facts.generation;
        let mut status = match &self.facts.manner {
            Manner::Mesh => self.of_mesh(programmed).merge(&self.status, now),
            Manner::Own(wanted) => wanted.merge(&self.status, now),
            Manner::Events => return None,
        };
        if self.facts.manner == Manner::Mesh {
            status["observedGeneration"] = json!(generation);
        }
        (!own::says(&self.status, &status)).then_some(status)
    }

    fn of_mesh(&self, programmed: Condition) -> Wanted {
        let mut conditions = vec![self.accepted(), programmed];
        // What was said of an older content stays until the mesh was analyzed again; its generation tells.
        conditions.extend(self.effective());
        Wanted { style: Style::Standard, conditions, ..Wanted::default() }
    }

    fn is_invalid(&self) -> bool {
        self.facts.findings.iter().any(|finding| finding.severity == Severity::Error)
    }
}

#[cfg(test)]
mod tests;
