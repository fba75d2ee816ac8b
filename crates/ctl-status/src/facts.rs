//! What is known of each object of a revision.
//!
//! In: nothing. Out: the words in which the control plane tells the status writer about objects.

use ctl_source::ObjectKey;
use serde_json::Value;

use crate::audience::{Audience, Expected};
use crate::own::Wanted;

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
    /// In one word: `ShadowedBy` when something else wins, `KeysMissing` and `KeysStale` of issuers of tokens,
    /// `NoEffectBecause` otherwise.
    pub reason: &'static str,
    /// Field, reason, and what to do.
    pub message: String,
    /// Nothing of the object acts because of it, alone or together with other obstacles of the same object.
    pub whole: bool,
}

/// What is worth an Event, and keeps nothing from acting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// What it is called, in one word.
    pub reason: &'static str,
    /// Field, reason, and what to do.
    pub message: String,
}

/// How an object is told of.
#[derive(Debug, Clone, PartialEq)]
pub enum Manner {
    /// Conditions `Accepted`, `Programmed` and `Effective`, and Events.
    Mesh,
    /// The status that its kind has in an API of others, and Events.
    Own(Wanted),
    /// Events alone: its kind has no place for conditions of ours.
    Events,
}

/// One object of the revision.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectFacts {
    /// Its name.
    pub key: ObjectKey,
    /// `metadata.uid`, by which its Events are found.
    pub uid: String,
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
    /// What keeps it from acting; `None` until the whole mesh was analyzed with this content in it.
    pub obstacles: Option<Vec<Obstacle>>,
    /// What else there is to say of it.
    pub remarks: Vec<Remark>,
    /// How it is told of.
    pub manner: Manner,
}

/// What a published revision was made of.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observed {
    /// The answer of `PushServer::publish` for it.
    pub revision: u64,
    /// Every object that we tell of.
    pub objects: Vec<ObjectFacts>,
    /// Every proxy that serves traffic and so has to take what is published, connected or not.
    pub proxies: Vec<Expected>,
}
