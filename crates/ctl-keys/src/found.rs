//! What is known of each place.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use crate::Place;

/// A set of keys that can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyText {
    /// As the issuer serves it.
    pub text: Arc<str>,
    /// When the issuer said so last.
    pub confirmed: SystemTime,
}

/// Why the keys of a place could not be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// At the last try.
    pub why: String,
    /// The first try that failed, of those since a good one.
    pub since: SystemTime,
}

/// What is known of one place; nothing of both while the first fetch runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// The last good keys.
    pub keys: Option<KeyText>,
    /// What is wrong now.
    pub failure: Option<Failure>,
}

/// What is known of all places.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// By place.
    pub places: Arc<BTreeMap<Place, Held>>,
    /// Fetches that brought keys.
    pub fetched: u64,
    /// Fetches that did not.
    pub failed: u64,
}

impl Found {
    /// The keys of a place.
    #[must_use]
    pub fn keys(&self, place: &Place) -> Option<&Arc<str>> {
        self.places.get(place)?.keys.as_ref().map(|keys| &keys.text)
    }
}

impl Held {
    /// Takes the outcome of a fetch; whether somebody should know, because the keys or what is wrong are other.
    pub(crate) fn take(&mut self, outcome: Result<Arc<str>, String>, now: SystemTime) -> bool {
        let before = self.clone();
        match outcome {
            Ok(text) => {
                self.keys = Some(KeyText { text, confirmed: now });
                self.failure = None;
            }
            Err(why) => {
                let since = self.failure.as_ref().map_or(now, |failure| failure.since);
                self.failure = Some(Failure { why, since });
            }
        }
        let text = |held: &Self| held.keys.as_ref().map(|keys| Arc::clone(&keys.text));
        text(self) != text(&before) || self.failure != before.failure
    }
}
