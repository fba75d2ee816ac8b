//! Where an object is kept.
//!
//! In: group, plural, namespace, name. Out: an ordered key, and its text on disk.
//! Holds: the order is collection, namespace, name, so that a list is one range.
//! Why no version: all served versions of a kind are one object.

use ctl_source::ResourceType;

/// A collection of objects, without its version.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Collection {
    /// API group, `""` for core.
    pub group: String,
    /// URL name.
    pub plural: String,
}

impl From<&ResourceType> for Collection {
    fn from(resource: &ResourceType) -> Self {
        Self { group: resource.group.clone(), plural: resource.plural.clone() }
    }
}

/// Names one object. `namespace` is empty for cluster-scoped kinds.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The collection.
    pub collection: Collection,
    /// `metadata.namespace`, or empty.
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
}

impl Key {
    /// The key on disk; none of the parts can hold a slash.
    pub(crate) fn text(&self) -> String {
        let Collection { group, plural } = &self.collection;
        format!("{group}/{plural}/{}/{}", self.namespace, self.name)
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/').map(str::to_owned);
        let collection = Collection { group: parts.next()?, plural: parts.next()? };
        let key = Self { collection, namespace: parts.next()?, name: parts.next()? };
        parts.next().is_none().then_some(key)
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}/{}", self.collection.plural, self.namespace, self.name)
    }
}
