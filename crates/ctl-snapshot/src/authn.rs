//! What a workload's ports accept: PeerAuthentication, resolved.
//!
//! Holds: a workload's own policy comes before its namespace's, and that before the mesh's; the oldest of equals wins.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use weft_model::api::peer_authentication::{Mode, MutualTls, PeerAuthentication};
use weft_model::api::reference::WorkloadSelector;
use weft_model::{Object, Objects};

use crate::all_in;

/// What a port accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mtls {
    /// Plaintext only.
    Disable,
    /// Both.
    Permissive,
    /// Mutual TLS only.
    Strict,
}

/// Whether a selector means a workload; no selector means every one.
pub(crate) fn selects(
    selector: Option<&WorkloadSelector>,
    labels: &BTreeMap<String, String>,
) -> bool {
    selector.is_none_or(|selector| {
        selector.match_labels.iter().all(|(key, value)| labels.get(key) == Some(value))
    })
}

fn is_whole(selector: Option<&WorkloadSelector>) -> bool {
    selector.is_none_or(|selector| selector.match_labels.is_empty())
}

/// All policies, by namespace, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    root: String,
    by_namespace: HashMap<String, Objects<PeerAuthentication>>,
}

impl Peers {
    pub(crate) fn build(policies: &Objects<PeerAuthentication>, root: &str) -> Self {
        let mut found = Self { root: root.to_owned(), ..Self::default() };
        for object in policies {
            let place = object.meta.namespace.clone();
            found.by_namespace.entry(place).or_default().push(Arc::clone(object));
        }
        found
    }

    /// Whether these are the very same objects.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.root == other.root && all_in(&self.by_namespace, &other.by_namespace)
    }

    fn at<'a>(
        &'a self,
        place: &str,
    ) -> impl Iterator<Item = &'a Arc<Object<PeerAuthentication>>> + use<'a> {
        self.by_namespace.get(place).into_iter().flatten()
    }

    /// The policy of a whole namespace, or of the mesh.
    fn whole(&self, place: &str) -> Option<&Arc<Object<PeerAuthentication>>> {
        self.at(place).find(|object| is_whole(object.spec.selector.as_ref()))
    }

    /// The policy of a workload. As in Istio, a selector counts only outside of the root namespace.
    fn own(
        &self,
        namespace: &str,
        labels: &BTreeMap<String, String>,
    ) -> Option<&Arc<Object<PeerAuthentication>>> {
        let mut found = self.at(namespace).filter(|_| namespace != self.root).filter(|object| {
            let selector = object.spec.selector.as_ref();
            !is_whole(selector) && selects(selector, labels)
        });
        found.next()
    }

    /// The policies that decide for a workload, the nearest first.
    pub(crate) fn in_scope<'a>(
        &'a self,
        namespace: &str,
        labels: &BTreeMap<String, String>,
    ) -> impl Iterator<Item = &'a Arc<Object<PeerAuthentication>>> + use<'a> {
        let of_namespace = self.whole(namespace).filter(|_| namespace != self.root);
        let all = [self.own(namespace, labels), of_namespace, self.whole(&self.root)];
        all.into_iter().flatten()
    }

    /// The mode of a port of a workload.
    pub(crate) fn mode(
        &self,
        namespace: &str,
        labels: &BTreeMap<String, String>,
        port: u16,
    ) -> Mtls {
        let own = self.own(namespace, labels);
        let by_port = own.and_then(|own| own.spec.port_level_mtls.as_ref()?.get(&port.to_string()));
        let scopes = self.in_scope(namespace, labels);
        let wider = scopes.filter_map(|object| object.spec.mtls.as_ref());
        by_port.into_iter().chain(wider).find_map(set).unwrap_or(Mtls::Permissive)
    }

    /// Ports for which a workload's own policy says something.
    pub(crate) fn ports(&self, namespace: &str, labels: &BTreeMap<String, String>) -> Vec<u16> {
        let own = self.own(namespace, labels);
        let ports = own.and_then(|own| own.spec.port_level_mtls.as_ref());
        let mut found: Vec<u16> = ports
            .into_iter()
            .flat_map(|ports| ports.keys())
            .filter_map(|p| p.parse().ok())
            .collect();
        found.sort_unstable();
        found
    }
}

fn set(mtls: &MutualTls) -> Option<Mtls> {
    match mtls.mode {
        Mode::Unset => None,
        Mode::Disable => Some(Mtls::Disable),
        Mode::Permissive => Some(Mtls::Permissive),
        Mode::Strict => Some(Mtls::Strict),
    }
}
