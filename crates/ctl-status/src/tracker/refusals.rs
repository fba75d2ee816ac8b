//! Whom the refusals of proxies are about.
//!
//! In: the ledger's report. Out: per object, who refused what and why.

use std::collections::{HashMap, HashSet};

use ctl_source::ObjectKey;
use weft_admin_api::sync::{RefusedResource, SyncReport};

use super::Track;

/// Which objects the refusals that stand are about, with who refused what and why. A resource may be made of many objects:
/// those that were in force before it was refused still are, because the last good version serves on; only when all were
/// is none of them beyond suspicion.
pub(super) fn refusals(
    tracks: &HashMap<ObjectKey, Track>,
    report: &SyncReport,
) -> HashMap<ObjectKey, String> {
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
