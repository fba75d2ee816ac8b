//! From facts and acknowledgements to patches; pure.

use std::collections::HashMap;

use ctl_source::ObjectKey;
use serde_json::{Value, json};
use weft_admin_api::sync::{Progress, SyncReport};

use crate::conditions::{self, Condition};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The object, or a part of it, is not in force.
    Error,
    /// It is in force, but says something that will surprise.
    Warning,
}

/// What validation says of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad.
    pub severity: Severity,
    /// Field, reason, and what to do.
    pub message: String,
}

/// One object of the revision.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectFacts {
    /// Its name.
    pub key: ObjectKey,
    /// `metadata.generation`.
    pub generation: i64,
    /// `status` as it is now, `null` when absent.
    pub status: Value,
    /// Problems found in this generation.
    pub findings: Vec<Finding>,
}

/// What a published revision was made of.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observed {
    /// The answer of `PushServer::publish` for it.
    pub revision: u64,
    /// Every object whose status we write.
    pub objects: Vec<ObjectFacts>,
}

/// A status to write.
#[derive(Debug, Clone, PartialEq)]
pub struct Patch {
    /// Whose.
    pub key: ObjectKey,
    /// Merge patch of the status sub-resource: `{"status": {...}}`.
    pub patch: Value,
}

#[derive(Debug)]
struct Track {
    generation: i64,
    /// First revision that contains this generation.
    since: u64,
    /// `N of N`, once all have answered it.
    programmed: Option<String>,
    /// As we believe it to be.
    status: Value,
    /// As the last revision brought it; when that does not move, our own last write is the newer word.
    seen: Value,
    findings: Vec<Finding>,
}

/// Remembers, per object, since which revision its generation is in force.
#[derive(Debug, Default)]
pub struct Tracker {
    tracks: HashMap<ObjectKey, Track>,
}

impl Tracker {
    /// Takes a new revision.
    pub fn observe(&mut self, observed: &Observed) {
        let mut before = std::mem::take(&mut self.tracks);
        for facts in &observed.objects {
            let ObjectFacts { key, generation, status, findings } = facts.clone();
            let track = match before.remove(&key) {
                Some(old) if old.generation == generation => {
                    let known = if status == old.seen { old.status } else { status.clone() };
                    Track { status: known, seen: status, findings, ..old }
                }
                // After a restart an object that says so already stays programmed.
                _ => Track {
                    generation,
                    since: observed.revision,
                    programmed: conditions::programmed(&status, generation)
                        .then(|| message(&status)),
                    seen: status.clone(),
                    status,
                    findings,
                },
            };
            self.tracks.insert(key, track);
        }
    }

    /// What to write now. Tell [`Tracker::written`] what was written.
    pub fn patches(&mut self, report: &SyncReport, now: &str) -> Vec<Patch> {
        let mut patches = Vec::new();
        for (key, track) in &mut self.tracks {
            let progress = report.progress(track.since);
            let conditions = [track.accepted(), track.programmed(key, &progress)];
            let status = conditions::merge(&track.status, &conditions, track.generation, now);
            if !conditions::says(&track.status, &status) {
                patches.push(Patch { key: key.clone(), patch: json!({ "status": status }) });
            }
        }
        patches.sort_by(|a, b| a.key.cmp(&b.key));
        patches
    }

    /// A patch took effect; it is not made again.
    pub fn written(&mut self, patch: &Patch) {
        if let Some(track) = self.tracks.get_mut(&patch.key) {
            track.status = patch.patch["status"].clone();
        }
    }

    /// The object is gone.
    pub fn forget(&mut self, key: &ObjectKey) {
        self.tracks.remove(key);
    }
}

impl Track {
    fn accepted(&self) -> Condition {
        let (errors, warnings): (Vec<_>, Vec<_>) =
            self.findings.iter().partition(|f| f.severity == Severity::Error);
        let join = |findings: Vec<&Finding>| {
            findings.into_iter().map(|f| f.message.as_str()).collect::<Vec<_>>().join("; ")
        };
        let (status, reason, message) = match (errors.is_empty(), warnings.is_empty()) {
            (false, _) => ("False", "Invalid", join(errors)),
            (true, false) => ("True", "AcceptedWithWarnings", join(warnings)),
            (true, true) => ("True", "Accepted", "valid".to_owned()),
        };
        Condition { kind: "Accepted", status, reason, message, generation: self.generation }
    }

    fn programmed(&mut self, key: &ObjectKey, progress: &Progress) -> Condition {
        let (status, reason, message) = self.programmed_words(key, progress);
        Condition { kind: "Programmed", status, reason, message, generation: self.generation }
    }

    fn programmed_words(
        &mut self,
        key: &ObjectKey,
        progress: &Progress,
    ) -> (&'static str, &'static str, String) {
        if self.findings.iter().any(|finding| finding.severity == Severity::Error) {
            return ("False", "Invalid", "not in force as written; see Accepted".into());
        }
        let mine = progress
            .refused
            .iter()
            .find(|(_, refused)| refused.objects.iter().any(|path| names(path, key)));
        if let Some((proxy, refused)) = mine {
            self.programmed = None;
            let why = format!("{proxy} refused {}: {}", refused.resource, refused.why);
            return ("False", "Refused", why);
        }
        if let Some(message) = &self.programmed {
            return ("True", "Programmed", message.clone());
        }
        let Progress { proxies, acknowledged, refused: _ } = progress;
        let message = format!("acknowledged by {acknowledged} of {proxies} proxies");
        if acknowledged < proxies {
            return ("False", "Pending", message);
        }
        self.programmed = Some(message.clone());
        ("True", "Programmed", message)
    }
}

fn message(status: &Value) -> String {
    let conditions = status["conditions"].as_array();
    let ours = conditions.into_iter().flatten().find(|c| c["type"] == "Programmed");
    ours.and_then(|c| c["message"].as_str()).unwrap_or_default().to_owned()
}

/// True when `/apis/GROUP/VERSION/namespaces/NS/some-kind/NAME` is `key`.
fn names(path: &str, key: &ObjectKey) -> bool {
    let mut kind = String::new();
    for (position, letter) in key.resource.kind.char_indices() {
        if letter.is_ascii_uppercase() && position > 0 {
            kind.push('-');
        }
        kind.push(letter.to_ascii_lowercase());
    }
    let namespace = key.namespace.as_deref().unwrap_or_default();
    path.starts_with(&format!("/apis/{}/", key.resource.group))
        && path.ends_with(&format!("/namespaces/{namespace}/{kind}/{}", key.name))
}

#[cfg(test)]
mod tests;
