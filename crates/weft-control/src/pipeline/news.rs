//! What of a batch concerns those beside the proxies: the status writer, and the analysis of the whole mesh.
//!
//! In: a batch, and the objects before it. Out: who has to look.
//! Holds: in doubt, both.
//! Why: endpoints come and go many times a second in a large cluster, and neither would say anything new.

use ctl_source::{Batch, Change, Object};
use serde_json::Value;

use super::raw::{Raw, name};
use super::{facts, kinds};

/// Who has to look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct News {
    /// What objects are told, or which proxies must have taken what they say, may be other.
    pub(super) facts: bool,
    /// What the analysis reads may be other.
    pub(super) content: bool,
}

const ALL: News = News { facts: true, content: true };
const NONE: News = News { facts: false, content: false };

impl News {
    pub(super) fn of(raw: &Raw, batch: &Batch) -> Self {
        let Batch::Changes(resource, changes) = batch else { return ALL };
        match kinds::name(resource) {
            kind if (kind.0.as_str(), kind.1.as_str()) == ("", "Pod") => {
                let before = |pod: &Object| raw.get(&kind, &name(pod));
                changes.iter().fold(NONE, |news, change| {
                    news.and(match change {
                        Change::Applied(pod) => before(pod).map_or(ALL, |old| Self::pod(&old, pod)),
                        Change::Deleted(_) => ALL,
                    })
                })
            }
            (group, kind)
                if (group.as_str(), kind.as_str()) == ("discovery.k8s.io", "EndpointSlice") =>
            {
                NONE
            }
            _ => ALL,
        }
    }

    fn pod(old: &Value, new: &Value) -> Self {
        let proxy = |pod: &Value| facts::proxy(&name(pod), pod);
        let same = |field: &str| old["metadata"][field] == new["metadata"][field];
        let content = old["spec"] != new["spec"] || !same("labels") || !same("annotations");
        Self { facts: proxy(old) != proxy(new), content }
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self { facts: self.facts || other.facts, content: self.content || other.content }
    }
}

#[cfg(test)]
mod tests {
    use ctl_source::{ResourceType, kinds};
    use serde_json::json;
    use std::sync::Arc;

    use super::*;

    fn pod(annotation: &str, label: &str, ready: &str) -> Object {
        Arc::new(
            json!({ "metadata": { "name": "a", "namespace": "shop", "labels": { "app": label },
                "annotations": { annotation: "{}" } },
            "status": { "conditions": [{ "type": "Ready", "status": ready }] } }),
        )
    }

    fn resource(group: &str, kind: &str) -> ResourceType {
        kinds::find(group, kind).unwrap().resource()
    }

    fn news(old: &Object, new: &Object) -> (bool, bool) {
        let mut raw = Raw::default();
        raw.take(Batch::Snapshot(resource("", "Pod"), vec![Arc::clone(old)]));
        let change = Change::Applied(Arc::clone(new));
        let News { facts, content } =
            News::of(&raw, &Batch::Changes(resource("", "Pod"), vec![change]));
        (facts, content)
    }

    #[test]
    fn readiness_is_news_of_pods_with_a_proxy_alone() {
        let plain = |ready| pod("other", "a", ready);
        assert_eq!(news(&plain("True"), &plain("False")), (false, false));
        let meshed = |ready| pod("sidecar.istio.io/status", "a", ready);
        assert_eq!(news(&meshed("True"), &meshed("False")), (true, false));
        assert_eq!(news(&plain("True"), &pod("other", "b", "True")), (false, true));
    }

    #[test]
    fn slices_are_nobodys_news_and_other_kinds_everybodys() {
        let of = |group: &str, kind: &str| {
            let change = Change::Applied(pod("a", "a", "True"));
            News::of(&Raw::default(), &Batch::Changes(resource(group, kind), vec![change]))
        };
        assert_eq!(of("discovery.k8s.io", "EndpointSlice"), NONE);
        assert_eq!(of("", "Service"), ALL);
        assert_eq!(of("", "Pod"), ALL, "a new one");
    }
}
