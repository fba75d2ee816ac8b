//! Finds what a selector selects without looking at everything.
//!
//! In: labels of things, each in a namespace. Out: positions of those that a selector selects.
//! Why the rarest label first: labels such as `version: v1` are on nearly everything.

use std::collections::HashMap;

use crate::view::Labels;

/// Positions by key and value.
type ByLabel<'a> = HashMap<&'a str, HashMap<&'a str, Vec<usize>>>;

/// Positions by label, in one namespace and in all.
#[derive(Debug, Default)]
pub(crate) struct LabelIndex<'a> {
    labels: Vec<Labels<'a>>,
    all: Vec<usize>,
    namespaces: HashMap<&'a str, Vec<usize>>,
    in_namespace: HashMap<&'a str, ByLabel<'a>>,
    anywhere: ByLabel<'a>,
}

impl<'a> LabelIndex<'a> {
    /// Indexes things by their order.
    pub(crate) fn new(things: impl IntoIterator<Item = (&'a str, Labels<'a>)>) -> Self {
        let mut index = Self::default();
        for (namespace, labels) in things {
            index.add(namespace, labels);
        }
        index
    }

    fn add(&mut self, namespace: &'a str, labels: Labels<'a>) {
        let position = self.labels.len();
        self.labels.push(labels);
        self.all.push(position);
        self.namespaces.entry(namespace).or_default().push(position);
        for (key, value) in labels.iter() {
            for by_label in [self.in_namespace.entry(namespace).or_default(), &mut self.anywhere] {
                by_label.entry(key).or_default().entry(value).or_default().push(position);
            }
        }
    }

    /// What a selector selects in one namespace; an empty one selects all of it.
    pub(crate) fn within(
        &self,
        namespace: &str,
        selector: Labels<'_>,
    ) -> impl Iterator<Item = usize> {
        let own = self.in_namespace.get(namespace);
        let lists = selector.iter().map(|(key, value)| own?.get(key)?.get(value));
        let rarest = lists.min_by_key(|list| list.map_or(0, Vec::len));
        self.fitting(rarest.unwrap_or_else(|| self.namespaces.get(namespace)), selector)
    }

    /// What a selector selects in all namespaces; an empty one selects everything.
    pub(crate) fn everywhere(&self, selector: Labels<'_>) -> impl Iterator<Item = usize> {
        let lists = selector.iter().map(|(key, value)| self.anywhere.get(key)?.get(value));
        let rarest = lists.min_by_key(|list| list.map_or(0, Vec::len));
        self.fitting(rarest.unwrap_or(Some(&self.all)), selector)
    }

    fn fitting(
        &self,
        candidates: Option<&Vec<usize>>,
        selector: Labels<'_>,
    ) -> impl Iterator<Item = usize> {
        let candidates = candidates.map_or(&[][..], Vec::as_slice).iter().copied();
        candidates.filter(move |at| self.labels.get(*at).is_some_and(|own| selector.selects(*own)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_selector_finds_what_has_all_its_labels() {
        let value = json!({
            "one": {"app": "pay", "version": "v1"},
            "two": {"app": "pay", "version": "v2"},
            "wanted": {"version": "v2", "app": "pay"},
            "other": {"app": "none"}
        });
        let at = |path| Labels::at(&value, path);
        let index = LabelIndex::new([("a", at("one")), ("a", at("two")), ("b", at("two"))]);
        assert!(index.within("a", at("wanted")).eq([1]));
        assert!(index.everywhere(at("wanted")).eq([1, 2]));
        assert!(index.everywhere(at("other")).next().is_none());
        assert!(index.within("a", Labels::default()).eq([0, 1]));
        assert!(index.everywhere(Labels::default()).eq([0, 1, 2]));
    }
}
