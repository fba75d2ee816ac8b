//! From facts and acknowledgements to patches; pure.

use std::collections::{HashMap, HashSet};

use ctl_source::ObjectKey;
use serde_json::{Value, json};
use weft_admin_api::sync::{RefusedResource, SyncReport};

use crate::audience::{Answers, Audience, Expected};
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

/// What keeps an object, or a part of it, from taking effect although it is valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// In one word: `ShadowedBy` when something else wins, `NoEffectBecause` otherwise.
    pub reason: &'static str,
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
    /// Changes when the object says something else, also where its generation stays (annotations count too).
    pub content: u64,
    /// `status` as it is now, `null` when absent.
    pub status: Value,
    /// Problems found in this generation.
    pub findings: Vec<Finding>,
    /// Whose configuration it is part of.
    pub audience: Audience,
    /// Whether this version acts on the kind at all.
    pub acted_on: bool,
    /// What the analysis of the whole mesh found; `None` until it has looked.
    pub obstacles: Option<Vec<Obstacle>>,
}

/// What a published revision was made of.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observed {
    /// The answer of `PushServer::publish` for it.
    pub revision: u64,
    /// Every object whose status we write.
    pub objects: Vec<ObjectFacts>,
    /// Every proxy that serves traffic and so has to take what is published, connected or not.
    pub proxies: Vec<Expected>,
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
    content: u64,
    /// First revision that contains this content.
    since: u64,
    /// `N of N`, once all have answered it.
    programmed: Option<String>,
    /// As we believe it to be.
    status: Value,
    /// As the last revision brought it; when that does not move, our own last write is the newer word.
    seen: Value,
    findings: Vec<Finding>,
    audience: Audience,
    acted_on: bool,
    obstacles: Option<Vec<Obstacle>>,
}

/// Remembers, per object, since which revision what it says is in force.
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
            let track = Track::of(facts, observed.revision, before.remove(&facts.key));
            self.tracks.insert(facts.key.clone(), track);
        }
    }

    /// What to write now. Tell [`Tracker::written`] what was written.
    pub fn patches(&mut self, report: &SyncReport, now: &str) -> Vec<Patch> {
        let answers = Answers::of(report, &self.proxies);
        let refused = refusals(&self.tracks, report);
        let mut patches = Vec::new();
        for (key, track) in &mut self.tracks {
            let programmed = track.programmed(&answers, refused.get(key));
            let mut conditions = vec![track.accepted(), programmed];
            conditions.extend(track.effective());
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

const NOT_ACTED_ON: &str = "this version of Weft does not act on this kind yet";

impl Track {
    fn of(facts: &ObjectFacts, revision: u64, before: Option<Self>) -> Self {
        let ObjectFacts {
            key: _,
            generation,
            content,
            status,
            findings,
            audience,
            acted_on,
            obstacles,
        } = facts.clone();
        match before {
            Some(old) if old.generation == generation && old.content == content => {
                let known = if status == old.seen { old.status } else { status.clone() };
                let seen = status;
                Self { status: known, seen, findings, audience, acted_on, obstacles, ..old }
            }
            old => {
                // After a restart an object that says so already stays programmed; it did not change unseen, because its
                // generation would have.
                let said = old.is_none() && conditions::programmed(&status, generation);
                Self {
                    generation,
                    content,
                    since: revision,
                    programmed: said.then(|| message(&status)),
                    seen: status.clone(),
                    status,
                    findings,
                    audience,
                    acted_on,
                    obstacles,
                }
            }
        }
    }

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

    /// Nothing until the mesh was analyzed with this object in it.
    fn effective(&self) -> Option<Condition> {
        let obstacles = self.obstacles.as_ref()?;
        let invalid = self.findings.iter().any(|finding| finding.severity == Severity::Error);
        let (status, reason, message) = match obstacles.first() {
            _ if invalid => ("False", "Invalid", "see Accepted".to_owned()),
            _ if !self.acted_on => ("False", "NotSupported", NOT_ACTED_ON.to_owned()),
            None => ("True", "Effective", "nothing is known that keeps it from acting".to_owned()),
            Some(first) => {
                let all: Vec<&str> = obstacles.iter().map(|o| o.message.as_str()).collect();
                ("False", first.reason, all.join("; "))
            }
        };
        Some(Condition { kind: "Effective", status, reason, message, generation: self.generation })
    }

    fn programmed(&mut self, answers: &Answers<'_>, refused: Option<&String>) -> Condition {
        let (status, reason, message) = self.programmed_words(answers, refused);
        Condition { kind: "Programmed", status, reason, message, generation: self.generation }
    }

    fn programmed_words(
        &mut self,
        answers: &Answers<'_>,
        refused: Option<&String>,
    ) -> (&'static str, &'static str, String) {
        if self.findings.iter().any(|finding| finding.severity == Severity::Error) {
            self.programmed = None;
            return ("False", "Invalid", "not in force as written; see Accepted".into());
        }
        if !self.acted_on {
            return ("False", "NotSupported", NOT_ACTED_ON.into());
        }
        if let Some(why) = refused {
            self.programmed = None;
            return ("False", "Refused", why.clone());
        }
        if let Some(message) = &self.programmed {
            return ("True", "Programmed", message.clone());
        }
        let progress = answers.progress(&self.audience, self.since);
        if progress.acknowledged < progress.proxies {
            return ("False", "Pending", progress.to_string());
        }
        self.programmed = Some(progress.to_string());
        ("True", "Programmed", progress.to_string())
    }
}

/// Which objects the refusals that stand are about, with who refused what and why. A resource may be made of many objects:
/// those that were in force before it was refused still are, because the last good version serves on; only when all were
/// is none of them beyond suspicion.
fn refusals(tracks: &HashMap<ObjectKey, Track>, report: &SyncReport) -> HashMap<ObjectKey, String> {
    let standing = report.proxies.iter().flat_map(|proxy| {
        let all = proxy.types.iter().flat_map(|sync| &sync.refused);
        all.map(move |refused| (&proxy.name, refused))
    });
    let mut found: HashMap<ObjectKey, String> = HashMap::new();
    let mut paths: Option<HashMap<String, &ObjectKey>> = None;
    for (proxy, refused) in standing {
        let paths =
            paths.get_or_insert_with(|| tracks.keys().map(|key| (path(key), key)).collect());
        let RefusedResource { resource, why, objects } = refused;
        let named: HashSet<&ObjectKey> =
            objects.iter().filter_map(|path| paths.get(&versionless(path)).copied()).collect();
        let pending = |key: &&&ObjectKey| tracks.get(**key).is_some_and(|t| t.programmed.is_none());
        let suspects: Vec<&ObjectKey> = named.iter().filter(pending).copied().collect();
        let blamed = if suspects.is_empty() { named.into_iter().collect() } else { suspects };
        for key in blamed {
            found
                .entry(key.clone())
                .or_insert_with(|| format!("{proxy} refused {resource}: {why}"));
        }
    }
    found
}

fn message(status: &Value) -> String {
    let conditions = status["conditions"].as_array();
    let ours = conditions.into_iter().flatten().find(|c| c["type"] == "Programmed");
    ours.and_then(|c| c["message"].as_str()).unwrap_or_default().to_owned()
}

/// `/apis/GROUP/namespaces/NS/some-kind/NAME`, as resources name their objects, without the version.
fn path(key: &ObjectKey) -> String {
    let mut kind = String::new();
    for (position, letter) in key.resource.kind.char_indices() {
        if letter.is_ascii_uppercase() && position > 0 {
            kind.push('-');
        }
        kind.push(letter.to_ascii_lowercase());
    }
    let namespace = key.namespace.as_deref().unwrap_or_default();
    format!("/apis/{}/namespaces/{namespace}/{kind}/{}", key.resource.group, key.name)
}

/// The path without its version, which the object may be stored under another of.
fn versionless(path: &str) -> String {
    let mut parts: Vec<&str> = path.split('/').collect();
    if parts.len() > 3 {
        parts.remove(3);
    }
    parts.join("/")
}

#[cfg(test)]
mod tests;
