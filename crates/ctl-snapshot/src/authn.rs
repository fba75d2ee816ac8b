//! What a workload's ports accept: PeerAuthentication, resolved.
//!
//! Holds: a workload's own policy comes before its namespace's, and that before the mesh's; the oldest of equals wins.

use std::collections::BTreeMap;
use std::sync::Arc;

use weft_model::api::peer_authentication::{Mode, MutualTls, PeerAuthentication};
use weft_model::api::reference::WorkloadSelector;
use weft_model::{Object, Objects};

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

/// The policies that a workload may be under.
pub(crate) fn in_scope<'a>(
    policies: &'a Objects<PeerAuthentication>,
    root: &'a str,
    namespace: &'a str,
    labels: &'a BTreeMap<String, String>,
) -> impl Iterator<Item = &'a Arc<Object<PeerAuthentication>>> + 'a {
    policies.iter().filter(move |object| {
        let (place, selector) = (object.meta.namespace.as_str(), object.spec.selector.as_ref());
        // As in Istio, a selector counts only outside of the root namespace.
        let mesh = place == root && is_whole(selector);
        mesh || place == namespace && place != root && selects(selector, labels)
    })
}

/// The mode of a port of a workload.
pub(crate) fn mode(
    policies: &Objects<PeerAuthentication>,
    root: &str,
    namespace: &str,
    labels: &BTreeMap<String, String>,
    port: u16,
) -> Mtls {
    let in_scope = || in_scope(policies, root, namespace, labels);
    let whole = |object: &&Arc<Object<PeerAuthentication>>| is_whole(object.spec.selector.as_ref());
    let of = |place: &str| in_scope().filter(whole).find(|object| object.meta.namespace == place);
    let own = in_scope().find(|object| !whole(object));
    let by_port = own.and_then(|own| own.spec.port_level_mtls.as_ref()?.get(&port.to_string()));
    let candidates = [
        by_port,
        own.and_then(|own| own.spec.mtls.as_ref()),
        of(namespace).and_then(|found| found.spec.mtls.as_ref()),
        of(root).and_then(|found| found.spec.mtls.as_ref()),
    ];
    candidates.into_iter().flatten().find_map(set).unwrap_or(Mtls::Permissive)
}

fn set(mtls: &MutualTls) -> Option<Mtls> {
    match mtls.mode {
        Mode::Unset => None,
        Mode::Disable => Some(Mtls::Disable),
        Mode::Permissive => Some(Mtls::Permissive),
        Mode::Strict => Some(Mtls::Strict),
    }
}
