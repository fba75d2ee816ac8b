//! Endpoints as one client sees them: nearer ones first, or shares by place.
//!
//! In: a policy, a service, where the client is. Out: groups of endpoints with priorities and weights.
//! Holds: as in Istio a rule's setting goes before the service's preference, and that before the mesh's; failover acts only
//! where something tells that endpoints fail; priorities begin at 0 and leave none out.
//! Why apart from the endpoints that all clients share: most services have no such setting, and then no place matters.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use ctl_snapshot::localities::NODE;
use ctl_snapshot::{Endpoint, Locality, MeshSettings, Policy, Service};
use weft_model::api::traffic_policy::{Distribute, Failover, LocalityLb};

use crate::policy;

/// Where a client is, as far as it makes a difference.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Standpoint {
    /// Its locality.
    pub locality: Locality,
    /// Labels of it, those of its place among them.
    pub labels: BTreeMap<String, String>,
}

/// What makes endpoints of a cluster look different from different places.
#[derive(Debug, Clone, Default)]
pub(crate) struct Nearness<'a> {
    /// Only endpoints of the client's node.
    node_local: bool,
    by_place: Option<ByPlace<'a>>,
}

#[derive(Debug, Clone)]
enum ByPlace<'a> {
    Distribute(&'a [Distribute]),
    Failover { labels: Vec<Cow<'a, str>>, regions: &'a [Failover] },
}

/// Endpoints of one place and priority.
#[derive(Debug, Clone)]
pub(crate) struct Group<'a> {
    pub(crate) locality: &'a Locality,
    pub(crate) priority: u32,
    pub(crate) endpoints: Vec<&'a Endpoint>,
    pub(crate) weight: u32,
}

impl<'a> Nearness<'a> {
    pub(crate) fn of(service: &Service, policy: &Policy<'a>, mesh: &'a MeshSettings) -> Self {
        let ejects = policy::ejects(policy, mesh);
        let own = policy.load_balancer.and_then(|balancer| balancer.locality_lb_setting.as_ref());
        let by_place = match (own, service.preference) {
            (Some(own), _) => by_setting(own, ejects),
            (None, Some(preference)) => {
                let labels =
                    preference.labels().iter().map(|label| Cow::Borrowed(*label)).collect();
                Some(ByPlace::Failover { labels, regions: &[] })
            }
            (None, None) => mesh.locality.as_ref().and_then(|own| by_setting(own, ejects)),
        };
        Self { node_local: service.node_local, by_place }
    }

    /// Whether all clients see the same.
    pub(crate) fn is_nothing(&self) -> bool {
        !self.node_local && self.by_place.is_none()
    }

    /// Whether weights of places count. Without need they would only disturb the balancer.
    pub(crate) fn weighs_places(&self) -> bool {
        match &self.by_place {
            None => false,
            Some(ByPlace::Distribute(_)) => true,
            Some(ByPlace::Failover { labels, regions }) => {
                !labels.is_empty() || !regions.is_empty()
            }
        }
    }

    /// The groups that a client sees.
    pub(crate) fn groups(
        &self,
        endpoints: impl Iterator<Item = &'a Endpoint>,
        from: &Standpoint,
    ) -> Vec<Group<'a>> {
        let node = from.labels.get(NODE);
        let seen = |endpoint: &&Endpoint| !self.node_local || endpoint.labels.get(NODE) == node;
        let mut groups = by_locality(endpoints.filter(seen));
        match &self.by_place {
            None => {}
            Some(ByPlace::Distribute(shares)) => distribute(&mut groups, shares, &from.locality),
            Some(ByPlace::Failover { labels, regions }) => {
                if !labels.is_empty() {
                    groups = by_labels(groups, labels, &from.labels);
                }
                if labels.is_empty() || !regions.is_empty() {
                    by_distance(&mut groups, regions, &from.locality);
                }
                close_gaps(&mut groups);
            }
        }
        groups
    }
}

fn by_setting(setting: &LocalityLb, ejects: bool) -> Option<ByPlace<'_>> {
    let LocalityLb { distribute, failover, failover_priority, enabled } = setting;
    if *enabled == Some(false) {
        return None;
    }
    if !distribute.is_empty() {
        return Some(ByPlace::Distribute(distribute));
    }
    let labels = failover_priority.iter().map(|label| Cow::Borrowed(label.as_str())).collect();
    ejects.then_some(ByPlace::Failover { labels, regions: failover })
}

fn by_locality<'a>(endpoints: impl Iterator<Item = &'a Endpoint>) -> Vec<Group<'a>> {
    let mut by_place: BTreeMap<&Locality, BTreeSet<&Endpoint>> = BTreeMap::new();
    for endpoint in endpoints {
        by_place.entry(&endpoint.locality).or_default().insert(endpoint);
    }
    let groups = by_place.into_iter().map(|(locality, endpoints)| {
        let endpoints: Vec<&Endpoint> = endpoints.into_iter().collect();
        Group { locality, priority: 0, weight: weight(&endpoints), endpoints }
    });
    groups.collect()
}

fn weight(endpoints: &[&Endpoint]) -> u32 {
    endpoints.iter().fold(0, |sum: u32, one| sum.saturating_add(one.weight))
}

/// Places that get nothing are left out.
fn distribute(groups: &mut Vec<Group<'_>>, shares: &[Distribute], from: &Locality) {
    let Some(own) = shares.iter().find(|share| from.is_within(&share.from)) else { return };
    let mut given: Vec<Option<u32>> = vec![None; groups.len()];
    for (to, percent) in &own.to {
        let free = |(at, group): &(usize, &Group<'_>)| {
            given[*at].is_none() && group.locality.is_within(to)
        };
        let meant: Vec<usize> = groups.iter().enumerate().filter(free).map(|(at, _)| at).collect();
        let total: u64 = meant.iter().map(|at| u64::from(groups[*at].weight)).sum();
        for at in meant {
            let share = u64::from(groups[at].weight) * u64::from(*percent);
            given[at] = u32::try_from(share.div_ceil(total.max(1))).ok();
        }
    }
    let mut given = given.into_iter();
    groups.retain_mut(|group| match given.next().flatten() {
        None => false,
        Some(weight) => {
            group.weight = weight;
            true
        }
    });
}

/// Parts groups by how many of the labels, from the first on, an endpoint shares with the client.
fn by_labels<'a>(
    groups: Vec<Group<'a>>,
    labels: &[Cow<'_, str>],
    own: &BTreeMap<String, String>,
) -> Vec<Group<'a>> {
    let wanted: Vec<(&str, &str)> = labels.iter().map(|label| wanted(label, own)).collect();
    let priority = |endpoint: &Endpoint| {
        let differs = |(key, value): &(&str, &str)| {
            endpoint.labels.get(*key).map_or("", String::as_str) != *value
        };
        let first = wanted.iter().position(differs).unwrap_or(wanted.len());
        u32::try_from(wanted.len() - first).unwrap_or(u32::MAX)
    };
    let mut found = Vec::new();
    for group in groups {
        let mut parts: BTreeMap<u32, Vec<&'a Endpoint>> = BTreeMap::new();
        for endpoint in group.endpoints {
            parts.entry(priority(endpoint)).or_default().push(endpoint);
        }
        found.extend(parts.into_iter().map(|(priority, endpoints)| Group {
            locality: group.locality,
            priority,
            weight: weight(&endpoints),
            endpoints,
        }));
    }
    close_gaps(&mut found);
    found
}

/// `label=value` stands for the value whatever the client's is.
fn wanted<'a>(label: &'a str, own: &'a BTreeMap<String, String>) -> (&'a str, &'a str) {
    match label.split_once('=') {
        Some(given) => given,
        None => (label, own.get(label).map_or("", String::as_str)),
    }
}

/// Distances are told apart within each priority that is there already.
fn by_distance(groups: &mut [Group<'_>], regions: &[Failover], from: &Locality) {
    const DISTANCES: u32 = 5;
    let to = regions.iter().find(|region| region.from == from.region).map(|region| &region.to);
    for group in groups {
        let distance = match from.distance(group.locality) {
            3 if to.is_some_and(|to| *to != group.locality.region) => 4,
            distance => distance,
        };
        group.priority = group.priority * DISTANCES + distance;
    }
}

fn close_gaps(groups: &mut [Group<'_>]) {
    let known: BTreeSet<u32> = groups.iter().map(|group| group.priority).collect();
    for group in groups {
        let before = known.range(..group.priority).count();
        group.priority = u32::try_from(before).unwrap_or(u32::MAX);
    }
}
