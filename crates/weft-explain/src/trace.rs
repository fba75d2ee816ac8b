//! How it came to an answer, step by step.
//! In: decisions as they are taken. Out: steps. Holds: a step that an object decided names it, with its file and line.

use serde::Serialize;
use weft_model::{ObjectRef, Place};

/// One decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What was decided: `resolve`, `listener`, `filter_chain`, `mtls`, `token`, `policy`, `virtual_host`, `route`, `action`, `cluster`,
    /// `endpoint`.
    pub step: &'static str,
    /// Pod whose proxy decided, as `name.namespace`; empty for the first proxy of the way.
    #[serde(serialize_with = "null_if_empty")]
    pub proxy: String,
    /// Object that decided, as `Kind namespace/name`; empty when no object of a user did.
    #[serde(serialize_with = "null_if_empty")]
    pub object: String,
    /// File that has the object.
    #[serde(serialize_with = "null_if_empty")]
    pub file: String,
    /// Line of the object in the file.
    pub line: Option<usize>,
    /// Why.
    pub why: String,
}

fn null_if_empty<S: serde::Serializer>(text: &str, to: S) -> Result<S::Ok, S::Error> {
    Some(text).filter(|text| !text.is_empty()).serialize(to)
}

impl Step {
    pub(crate) fn new(step: &'static str, why: impl Into<String>) -> Self {
        let (proxy, object, file) = <_>::default();
        Self { step, proxy, object, file, line: None, why: why.into() }
    }

    /// Says whose proxy takes it; nobody's name is that of the caller's.
    pub(crate) fn at(mut self, proxy: &str) -> Self {
        proxy.clone_into(&mut self.proxy);
        self
    }

    /// Names the object that decided.
    pub(crate) fn by(mut self, object: &ObjectRef, place: Option<&Place>) -> Self {
        self.object = object.to_string();
        if let Some(place) = place {
            self.file.clone_from(&place.file);
            self.line = Some(place.line);
        }
        self
    }
}
