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

/// The mode of a port of a workload.
pub(crate) fn mode(
    policies: &Objects<PeerAuthentication>,
    root: &str,
    namespace: &str,
    labels: &BTreeMap<String, String>,
    port: u16,
) -> Mtls {
    let in_scope = |object: &&Arc<Object<PeerAuthentication>>| {
        let place = object.meta.namespace.as_str();
        (place == root || place == namespace) && selects(object.spec.selector.as_ref(), labels)
    };
    let whole = |object: &&Arc<Object<PeerAuthentication>>| is_whole(object.spec.selector.as_ref());
    let of = |place: &str| {
        let mut found = policies.iter().filter(in_scope).filter(whole);
        found.find(|object| object.meta.namespace == place)
    };
    // As in Istio, a selector counts only outside of the root namespace.
    let mut selected = policies.iter().filter(in_scope).filter(|object| !whole(object));
    let own = selected.find(|object| object.meta.namespace != root);
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
