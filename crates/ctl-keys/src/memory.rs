//! The last good keys in a file, so that a control plane that comes back while an issuer is away refuses no token for that.
//!
//! Holds: a file is whole or not there; one that cannot be read counts as none. Public keys only, nothing secret.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use weft_token::KeySet;

use crate::{Held, KeyText, Place};

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    place: Place,
    keys: String,
    /// Seconds since 1970.
    confirmed: u64,
}

/// The file.
#[derive(Debug)]
pub(crate) struct Memory {
    file: PathBuf,
}

impl Memory {
    pub(crate) const fn new(file: PathBuf) -> Self {
        Self { file }
    }

    /// What was known at the last end.
    pub(crate) async fn read(&self) -> BTreeMap<Place, KeyText> {
        let text = match tokio::fs::read(&self.file).await {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return BTreeMap::new(),
            Err(error) => return self.lost(&error),
        };
        match serde_json::from_slice::<Vec<Entry>>(&text) {
            Ok(entries) => entries.into_iter().filter_map(Entry::opened).collect(),
            Err(error) => self.lost(&error),
        }
    }

    fn lost(&self, error: &dyn std::fmt::Display) -> BTreeMap<Place, KeyText> {
        let file = self.file.display();
        tracing::warn!(%file, %error, "keys of issuers that were known before are fetched anew");
        BTreeMap::new()
    }

    pub(crate) async fn write(&self, known: impl Iterator<Item = (&Place, &Held)>) {
        let entries: Vec<Entry> =
            known.filter_map(|(place, held)| Entry::of(place, held)).collect();
        if let Err(error) = replace(&self.file, &entries).await {
            let file = self.file.display();
            tracing::warn!(%file, %error, "a restart will not know the keys of issuers");
        }
    }
}

async fn replace(file: &Path, entries: &[Entry]) -> std::io::Result<()> {
    let fresh = file.with_extension("new");
    tokio::fs::write(&fresh, serde_json::to_vec(entries)?).await?;
    tokio::fs::rename(&fresh, file).await
}

impl Entry {
    fn of(place: &Place, held: &Held) -> Option<Self> {
        let KeyText { text, confirmed } = held.keys.as_ref()?;
        let confirmed = confirmed.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
        Some(Self { place: place.clone(), keys: text.to_string(), confirmed })
    }

    fn opened(self) -> Option<(Place, KeyText)> {
        KeySet::read(&self.keys).ok()?;
        let confirmed = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(self.confirmed))?;
        Some((self.place, KeyText { text: self.keys.into(), confirmed }))
    }
}
