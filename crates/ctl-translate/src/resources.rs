//! Encoded resources.
//!
//! Holds: a version follows from the bytes alone, so that equal resources have equal versions in every process.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::Hasher as _;
use std::sync::Arc;

use bytes::Bytes;
use prost::Message;

/// One encoded resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Its name.
    pub name: Arc<str>,
    /// Changes when the bytes change.
    pub version: Arc<str>,
    /// The encoded message.
    pub body: Bytes,
}

impl Resource {
    pub(crate) fn new(name: String, message: &impl Message) -> Self {
        let body = Bytes::from(message.encode_to_vec());
        // Fixed keys: the same bytes have the same version in every process.
        let mut hasher = std::hash::DefaultHasher::new();
        hasher.write(&body);
        let version = format!("{:016x}", hasher.finish()).into();
        Self { name: name.into(), version, body }
    }
}

/// Resources by type URL, in the order in which they were made; names are unique per type.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resources {
    by_type: BTreeMap<&'static str, Vec<Resource>>,
    asked: BTreeSet<String>,
}

impl Resources {
    pub(crate) fn add(&mut self, type_url: &'static str, name: String, message: &impl Message) {
        self.share(type_url, [Resource::new(name, message)]);
    }

    /// Notes names of secrets that some of them ask for.
    pub(crate) fn ask(&mut self, names: BTreeSet<String>) {
        self.asked.extend(names);
    }

    /// Names of the secrets that they ask for, whether there are such or not.
    #[must_use]
    pub fn asked(&self) -> &BTreeSet<String> {
        &self.asked
    }

    /// Takes resources that others have too.
    pub(crate) fn share(
        &mut self,
        type_url: &'static str,
        resources: impl IntoIterator<Item = Resource>,
    ) {
        self.by_type.entry(type_url).or_default().extend(resources);
    }

    /// Takes the resources of another part; they share their bytes.
    pub fn merge(&mut self, other: Self) {
        self.asked.extend(other.asked);
        for (type_url, resources) in other.by_type {
            self.by_type.entry(type_url).or_default().extend(resources);
        }
    }

    /// Takes the resources of another part in place of those of the same name.
    pub fn replace(&mut self, other: Self) {
        for (type_url, resources) in other.by_type {
            let known = self.by_type.entry(type_url).or_default();
            let names: HashSet<&str> = resources.iter().map(|new| &*new.name).collect();
            known.retain(|old| !names.contains(&*old.name));
            known.extend(resources);
        }
    }

    /// Resources of one type.
    #[must_use]
    pub fn of(&self, type_url: &str) -> &[Resource] {
        self.by_type.get(type_url).map_or(&[], Vec::as_slice)
    }

    /// All types with their resources.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &[Resource])> {
        self.by_type.iter().map(|(type_url, resources)| (*type_url, resources.as_slice()))
    }
}
