//! Workloads, found by their labels.

use crate::index::LabelIndex;
use crate::view::{Labels, Workload};

/// A list of workloads and its index.
#[derive(Debug)]
pub(crate) struct Workloads<'a> {
    list: Vec<Workload<'a>>,
    index: LabelIndex<'a>,
}

impl<'a> Workloads<'a> {
    pub(crate) fn new(workloads: impl Iterator<Item = Workload<'a>>) -> Self {
        let list: Vec<Workload<'a>> = workloads.collect();
        let index = LabelIndex::new(list.iter().map(|w| (w.object.namespace, w.labels)));
        Self { list, index }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Workload<'a>> {
        self.list.iter()
    }

    /// Those that a selector selects in a namespace; in all, when none is given.
    pub(crate) fn selected(
        &self,
        namespace: Option<&str>,
        selector: Labels<'_>,
    ) -> impl Iterator<Item = &Workload<'a>> {
        let (near, far) = match namespace {
            Some(namespace) => (Some(self.index.within(namespace, selector)), None),
            None => (None, Some(self.index.everywhere(selector))),
        };
        let positions = near.into_iter().flatten().chain(far.into_iter().flatten());
        positions.filter_map(|position| self.list.get(position))
    }
}
