//! Where workloads are.
//!
//! In: nodes, pods, what is written of endpoints. Out: localities, and labels that tell them.
//! Holds: as in Istio a pod's own label goes before its node's, and what has no node has no place; the labels of a place are
//! the same for clients and endpoints, so that a preference for equal labels is one for near endpoints.

use std::collections::{BTreeMap, HashMap};

use weft_model::api::core::Pod;
use weft_model::{Object, Objects};

/// Label of a region.
pub const REGION: &str = "topology.kubernetes.io/region";
/// Label of a zone.
pub const ZONE: &str = "topology.kubernetes.io/zone";
/// Label of a part of a zone.
pub const SUB_ZONE: &str = "topology.istio.io/subzone";
/// Label of a network.
pub const NETWORK: &str = "topology.istio.io/network";
/// Label of a node.
pub const NODE: &str = "kubernetes.io/hostname";

const CLUSTER: &str = "topology.istio.io/cluster";
/// By which a pod says where it is; dots stand for slashes where there are none.
const OWN: [&str; 2] = ["topology.istio.io/locality", "istio-locality"];
/// What older clusters write.
const OLD_REGION: &str = "failure-domain.beta.kubernetes.io/region";
const OLD_ZONE: &str = "failure-domain.beta.kubernetes.io/zone";

/// A place; empty where nobody says.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Locality {
    /// Region.
    pub region: String,
    /// Zone.
    pub zone: String,
    /// Part of the zone.
    pub sub_zone: String,
}

impl Locality {
    /// Reads `region/zone/subzone`.
    #[must_use]
    pub fn of(written: &str) -> Self {
        let mut parts = written.splitn(3, '/').map(str::to_owned);
        let mut next = || parts.next().unwrap_or_default();
        Self { region: next(), zone: next(), sub_zone: next() }
    }

    fn of_label(written: &str) -> Self {
        if written.contains('/') { Self::of(written) } else { Self::of(&written.replace('.', "/")) }
    }

    fn of_node(labels: &BTreeMap<String, String>) -> Self {
        let first = |keys: &[&str]| {
            let found = keys.iter().find_map(|key| labels.get(*key));
            found.cloned().unwrap_or_default()
        };
        Self {
            region: first(&[REGION, OLD_REGION]),
            zone: first(&[ZONE, OLD_ZONE]),
            sub_zone: first(&[SUB_ZONE]),
        }
    }

    /// How far another place is: 0 the same, 1 in the zone, 2 in the region, 3 elsewhere.
    #[must_use]
    pub fn distance(&self, other: &Self) -> u32 {
        if self.region != other.region {
            3
        } else if self.zone != other.zone {
            2
        } else {
            u32::from(self.sub_zone != other.sub_zone)
        }
    }

    /// Whether it is within `region/zone/subzone`, where `*` and what is left out mean any.
    #[must_use]
    pub fn is_within(&self, written: &str) -> bool {
        let Self { region, zone, sub_zone } = Self::of(written);
        let any = |part: &str| part == "*" || part.is_empty();
        (region == "*" || region == self.region)
            && (any(&zone) || zone == self.zone)
            && (any(&sub_zone) || sub_zone == self.sub_zone)
    }
}

/// Where nodes are.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Localities(HashMap<String, Locality>);

impl Localities {
    pub(crate) fn of(nodes: &Objects<()>) -> Self {
        let place =
            |node: &Object<()>| (node.meta.name.clone(), Locality::of_node(&node.meta.labels));
        Self(nodes.iter().map(|node| place(node)).collect())
    }

    pub(crate) fn of_pod(&self, pod: &Object<Pod>) -> Locality {
        let own = OWN.iter().filter_map(|key| pod.meta.labels.get(*key));
        match own.into_iter().find(|written| !written.is_empty()) {
            Some(written) => Locality::of_label(written),
            None => self.0.get(&pod.spec.node).cloned().unwrap_or_default(),
        }
    }
}

/// Adds to labels what tells the place.
pub fn add_labels(labels: &mut BTreeMap<String, String>, place: &Locality, node: &str) {
    let Locality { region, zone, sub_zone } = place;
    let told = [(REGION, region.as_str()), (ZONE, zone), (SUB_ZONE, sub_zone), (NODE, node)];
    for (key, value) in told.into_iter().filter(|(_, value)| !value.is_empty()) {
        labels.insert(key.to_owned(), value.to_owned());
    }
    labels.insert(CLUSTER.to_owned(), "Kubernetes".to_owned());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_without_slashes_is_parted_by_dots() {
        let expected = Locality::of("a/b/c");
        assert_eq!(Locality::of_label("a.b.c"), expected);
        assert_eq!(Locality::of_label("a/b/c"), expected);
        assert_eq!(Locality::of_label("a.x/b").region, "a.x");
    }

    #[test]
    fn distances_and_ranges_of_places() {
        let here = Locality::of("a/b/c");
        let far = |other: &str| here.distance(&Locality::of(other));
        assert_eq!([far("a/b/c"), far("a/b/x"), far("a/x/c"), far("x/b/c")], [0, 1, 2, 3]);
        let within = |range: &str| here.is_within(range);
        assert!(within("*") && within("a") && within("a/*") && within("a/b/c") && within("a/*/c"));
        assert!(!within("") && !within("b") && !within("a/c") && !within("a/b/d"));
    }
}
