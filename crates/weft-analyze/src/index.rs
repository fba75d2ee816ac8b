//! Finds what a selector selects without looking at everything.
//!
//! In: labels of things, each in a namespace. Out: positions of those that a selector selects.
//! Why the rarest label first: labels such as `version: v1` are on nearly everything.

use std::collections::HashMap;

use crate::view::Labels;

/// Positions by label, in one namespace and in all.
#[derive(Debug, Default)]
pub(crate) struct LabelIndex<'a> {
    labels: Vec<Labels<'a>>,
    namespaces: HashMap<&'a str, Vec<usize>>,
    in_namespace: HashMap<(&'a str, &'a str, &'a str), Vec<usize>>,
    anywhere: HashMap<(&'a str, &'a str), Vec<usize>>,
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
        self.namespaces.entry(namespace).or_default().push(position);
        for (key, value) in labels.iter() {
            self.in_namespace.entry((namespace, key, value)).or_default().push(position);
            self.anywhere.entry((key, value)).or_default().push(position);
        }
    }

    /// What a selector selects in one namespace; an empty one selects all of it.
    pub(crate) fn within(&self, namespace: &str, selector: Labels<'_>) -> Vec<usize> {
        let lists = selector.iter().map(|(k, v)| self.in_namespace.get(&(namespace, k, v)));
        let whole = || self.namespaces.get(namespace).cloned().unwrap_or_default();
        self.intersect(lists, selector).unwrap_or_else(whole)
    }

    /// What a selector selects in all namespaces; an empty one selects everything.
    pub(crate) fn everywhere(&self, selector: Labels<'_>) -> Vec<usize> {
        let lists = selector.iter().map(|(k, v)| self.anywhere.get(&(k, v)));
        self.intersect(lists, selector).unwrap_or_else(|| (0..self.labels.len()).collect())
    }

    /// None when the selector is empty.
    fn intersect<'i>(
        &self,
        lists: impl Iterator<Item = Option<&'i Vec<usize>>>,
        selector: Labels<'_>,
    ) -> Option<Vec<usize>> {
        let rarest = lists.min_by_key(|list| list.map_or(0, Vec::len))?;
        let candidates = rarest.map_or(&[][..], Vec::as_slice).iter().copied();
        let fits =
            |at: &usize| self.labels.get(*at).is_some_and(|labels| selector.selects(*labels));
        Some(candidates.filter(fits).collect())
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
        assert_eq!(index.within("a", at("wanted")), [1]);
        assert_eq!(index.everywhere(at("wanted")), [1, 2]);
        assert_eq!(index.everywhere(at("other")), [0usize; 0]);
        assert_eq!(index.within("a", Labels::default()), [0, 1]);
    }
}
