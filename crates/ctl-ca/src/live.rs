//! The certificates that live: who holds which, under which root, and which roots its holder trusts.
//!
//! In: what was issued, and what proxies say that they have. Out: whether a phase may end.
//! Holds: of a pod the newest counts, since a proxy shows no other; who has no pod keeps each until it expires.
//! Bound: one entry per pod and per certificate without a pod; ended ones are forgotten.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// One certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Serial number, in lower-case hex.
    pub(crate) serial: String,
    /// Fingerprint of its root.
    pub(crate) root: String,
    /// Version of the bundle that its holder has.
    pub(crate) version: u64,
    /// End of its life, in seconds of Unix time.
    pub(crate) not_after: u64,
    /// Whether a pod holds it.
    pub(crate) of_pod: bool,
    /// Its holder tells what it has put into force.
    #[serde(default)]
    pub(crate) speaks: bool,
    /// The holder has said that it shows this one, or is one of those who never say so.
    #[serde(default)]
    pub(crate) confirmed: bool,
    /// Serial number of what the pod had before: the answer with this one may have been lost.
    #[serde(default)]
    pub(crate) before: Option<String>,
    /// Uid of the pod that proved itself by a token.
    #[serde(default)]
    pub(crate) uid: Option<String>,
}

/// All of them, by `POD.NAMESPACE` or serial number.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Live(BTreeMap<String, Entry>);

impl Live {
    /// Takes note of a certificate; one of the same pod is not shown any more.
    pub(crate) fn issued(&mut self, holder: Option<&str>, entry: Entry) {
        let key = holder.map_or_else(|| entry.serial.clone(), str::to_owned);
        // The answer may be lost: whoever is used to speak is believed to show it when it says so.
        let former = self.0.get(&key);
        let speaks = former.is_some_and(|former| former.speaks);
        // Of another pod that had the same name nothing is left.
        let before = former.filter(|former| former.uid == entry.uid && entry.uid.is_some());
        let before = before.map(|former| former.serial.clone());
        let of_pod = holder.is_some();
        self.0.insert(key, Entry { of_pod, speaks, confirmed: !speaks, before, ..entry });
    }

    /// Who holds the certificate with this number: the newest of its holder, or the one before.
    pub(crate) fn holder_of(&self, serial: &str) -> Option<(&str, &Entry)> {
        let own = |entry: &Entry| entry.serial == serial || entry.before.as_deref() == Some(serial);
        let found = self.0.iter().find(|(_, entry)| own(entry));
        found.map(|(holder, entry)| (holder.as_str(), entry))
    }

    /// A holder has put a version of the bundle into force; false when its certificate is not known.
    pub(crate) fn trusts(&mut self, holder: Option<&str>, serial: &str, version: u64) -> bool {
        let entry = self.0.get_mut(holder.unwrap_or(serial)).filter(|e| e.serial == serial);
        let Some(entry) = entry else { return false };
        entry.version = entry.version.max(version);
        (entry.speaks, entry.confirmed) = (true, true);
        true
    }

    /// The root under which this certificate was issued, if it was.
    pub(crate) fn root_of(&self, holder: Option<&str>, serial: &str) -> Option<&str> {
        let entry = self.0.get(holder.unwrap_or(serial)).filter(|e| e.serial == serial);
        entry.map(|entry| entry.root.as_str())
    }

    /// Forgets what has expired, and pods that are not among `pods` when those are told; true when something was forgotten.
    pub(crate) fn forget(&mut self, now: u64, pods: Option<&BTreeSet<String>>) -> bool {
        let before = self.0.len();
        self.0.retain(|holder, entry| {
            let gone = entry.of_pod && pods.is_some_and(|pods| !pods.contains(holder));
            entry.not_after > now && !gone
        });
        self.0.len() != before
    }

    /// Holders that do not have this version of the bundle.
    pub(crate) fn behind(&self, version: u64) -> impl Iterator<Item = &str> {
        let behind = self.0.iter().filter(move |(_, e)| e.version < version || !e.confirmed);
        behind.map(|(holder, _)| holder.as_str())
    }

    /// Holders of certificates under another root.
    pub(crate) fn outside(&self, root: &str) -> impl Iterator<Item = &str> {
        let outside = self.0.iter().filter(move |(_, e)| e.root != root || !e.confirmed);
        outside.map(|(holder, _)| holder.as_str())
    }

    /// Certificates under a root.
    pub(crate) fn under(&self, root: &str) -> usize {
        self.0.values().filter(|entry| entry.root == root).count()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Who has the oldest bundle, and which.
    pub(crate) fn oldest(&self) -> Option<(&str, u64)> {
        let oldest = self.0.iter().min_by_key(|(_, entry)| entry.version);
        oldest.map(|(holder, entry)| (holder.as_str(), entry.version))
    }

    /// The first moment at which one of them ends.
    pub(crate) fn first_end(&self) -> Option<u64> {
        self.0.values().map(|entry| entry.not_after).min()
    }

    /// The last moment at which one of them ends.
    pub(crate) fn last_end(&self) -> Option<u64> {
        self.0.values().map(|entry| entry.not_after).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(serial: &str, root: &str, version: u64) -> Entry {
        let (serial, root) = (serial.to_owned(), root.to_owned());
        let (of_pod, speaks, confirmed) = (false, false, false);
        let (before, uid) = (None, Some("u".to_owned()));
        Entry { serial, root, version, not_after: 100, of_pod, speaks, confirmed, before, uid }
    }

    #[test]
    fn of_a_pod_only_the_newest_certificate_counts() {
        let mut live = Live::default();
        live.issued(Some("web.shop"), entry("1", "old", 1));
        live.issued(Some("web.shop"), entry("2", "new", 2));
        assert_eq!((live.under("old"), live.under("new")), (0, 1));
        assert!(!live.trusts(Some("web.shop"), "1", 9), "an earlier certificate says nothing");
        assert_eq!(live.behind(3).collect::<Vec<_>>(), ["web.shop"]);
        assert!(live.trusts(Some("web.shop"), "2", 3));
        assert_eq!(live.behind(3).count(), 0);
    }

    #[test]
    fn who_speaks_is_waited_for_until_it_shows_what_it_was_sent() {
        let mut live = Live::default();
        live.issued(Some("web.shop"), entry("1", "old", 1));
        assert!(live.trusts(Some("web.shop"), "1", 2));
        live.issued(Some("web.shop"), entry("2", "new", 2));
        assert_eq!((live.outside("new").count(), live.behind(2).count()), (1, 1));
        assert!(live.trusts(Some("web.shop"), "2", 2));
        assert_eq!((live.outside("new").count(), live.behind(2).count()), (0, 0));
    }

    #[test]
    fn a_number_leads_to_its_holder_while_it_is_one_of_the_last_two_of_that_pod() {
        let mut live = Live::default();
        for serial in ["1", "2", "3"] {
            live.issued(Some("web.shop"), entry(serial, "old", 1));
        }
        let holder = |live: &Live, serial| live.holder_of(serial).map(|(name, _)| name.to_owned());
        assert_eq!(holder(&live, "1"), None);
        assert_eq!(holder(&live, "2").as_deref(), Some("web.shop"));
        assert_eq!(holder(&live, "3").as_deref(), Some("web.shop"));
        live.issued(Some("web.shop"), Entry { uid: Some("other".into()), ..entry("4", "old", 1) });
        assert_eq!(holder(&live, "3"), None, "another pod has the name now");
        assert_eq!(holder(&live, "4").as_deref(), Some("web.shop"));
    }

    #[test]
    fn who_has_no_pod_counts_until_it_expires_and_a_pod_until_it_is_gone() {
        let mut live = Live::default();
        live.issued(None, entry("1", "old", 1));
        live.issued(Some("web.shop"), entry("2", "old", 1));
        assert!(live.forget(99, Some(&BTreeSet::new())));
        assert_eq!(live.outside("new").collect::<Vec<_>>(), ["1"]);
        assert!(live.forget(100, None));
        assert_eq!((live.len(), live.oldest()), (0, None));
    }
}
