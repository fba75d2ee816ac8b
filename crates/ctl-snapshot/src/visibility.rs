//! Who may see an object.

use std::collections::BTreeSet;

/// Namespaces that an object is exported to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Visibility {
    /// Everybody.
    All,
    /// These only; none at all for `~`.
    Namespaces(BTreeSet<String>),
}

impl Visibility {
    /// Reads the `exportTo` of an object, or what stands in for an empty one.
    #[must_use]
    pub(crate) fn of(written: &[String], otherwise: &[String], own: &str) -> Self {
        let entries = if written.is_empty() { otherwise } else { written };
        Self::new(entries.iter().map(String::as_str), own)
    }

    /// Reads `exportTo`; an empty one means everybody.
    #[must_use]
    pub fn new<'a>(entries: impl IntoIterator<Item = &'a str>, own: &str) -> Self {
        let mut any = false;
        let mut namespaces = BTreeSet::new();
        for entry in entries {
            any = true;
            match entry {
                "*" => return Self::All,
                "." => drop(namespaces.insert(own.to_owned())),
                "~" => {}
                namespace => drop(namespaces.insert(namespace.to_owned())),
            }
        }
        if any { Self::Namespaces(namespaces) } else { Self::All }
    }

    /// How near it is to a namespace that sees it: its own alone, named, or everybody's. Nearer ones come first.
    pub(crate) fn distance(&self, own: &str, namespace: &str) -> usize {
        match self {
            Self::All => 2,
            Self::Namespaces(_) => usize::from(own != namespace),
        }
    }

    /// Whether proxies of a namespace see it.
    #[must_use]
    pub fn includes(&self, namespace: &str) -> bool {
        match self {
            Self::All => true,
            Self::Namespaces(namespaces) => namespaces.contains(namespace),
        }
    }
}
