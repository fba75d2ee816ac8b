//! Whether two versions of the mesh give the same resources, so that nobody makes them twice.
//!
//! In: two versions, of which the newer one shares what did not change. Out: `true` only when the resources are the same; in doubt
//! it is `false`.
//! Holds: each function looks at all that the translation of the same name reads. A property in weft-control holds what is
//! taken over to a translation from nothing.
//! Why by identity: it costs a look at a few pointers, however much configuration there is.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use ctl_snapshot::{Aspect, Client, MeshSnapshot, Rule, Service};
use weft_model::Host;

use crate::cluster;
use crate::view::{InboundPort, InboundView, RouterView};

/// What outbound resources depend on, beside what is behind services.
const CALLED: [Aspect; 6] = [
    Aspect::Services,
    Aspect::Routes,
    Aspect::Rules,
    Aspect::Sidecars,
    Aspect::Held,
    Aspect::Patches,
];

fn same_aspects(one: &MeshSnapshot, other: &MeshSnapshot, aspects: &[Aspect]) -> bool {
    let same = |aspect: &Aspect| one.config().same(other.config(), *aspect);
    one.same_settings(other) && aspects.iter().all(same)
}

/// Whether two versions have the same configuration.
#[must_use]
pub fn same_config(one: &MeshSnapshot, other: &MeshSnapshot) -> bool {
    Arc::ptr_eq(one.config(), other.config()) && one.same_settings(other)
}

/// Whether they give the same outbound resources for every view: nothing that clients read is other, or only endpoints that
/// such resources do not hold.
#[must_use]
pub fn same_outbound(one: &MeshSnapshot, other: &MeshSnapshot) -> bool {
    let (old, new) = (one.workloads(), other.workloads());
    let same = |service: &Service| {
        same_behind(one, other, service)
            || old.identities(service).eq(new.identities(service))
                && !cluster::may_be_direct(one, service)
    };
    same_aspects(one, other, &CALLED) && one.config().services().all(|service| same(service))
}

/// Whether the same services are seen otherwise from different places, so that who sees none so sees none now.
#[must_use]
pub fn same_near_services(one: &MeshSnapshot, other: &MeshSnapshot) -> bool {
    same_aspects(one, other, &CALLED)
}

/// Whether they give the same endpoints for every view.
#[must_use]
pub fn same_endpoints(one: &MeshSnapshot, other: &MeshSnapshot) -> bool {
    let same = |service: &Arc<Service>| same_behind(one, other, service);
    same_aspects(one, other, &CALLED) && one.config().services().all(same)
}

/// Whether they give the same endpoints of one service, as clients share them.
#[must_use]
pub fn same_endpoints_of(one: &MeshSnapshot, other: &MeshSnapshot, service: &Arc<Service>) -> bool {
    let (old, new) = (one.config(), other.config());
    let known = old.service_in(&service.host, &service.namespace);
    let rules = || {
        let nobody = BTreeMap::new();
        let owner = Client { namespace: &service.namespace, labels: &nobody };
        all_same(old.rules(service), new.rules(service))
            && same_rule(old.rule(owner, service), new.rule(owner, service))
    };
    one.same_settings(other)
        && known.is_some_and(|known| Arc::ptr_eq(known, service))
        && same_behind(one, other, service)
        && (old.same(new, Aspect::Rules) || rules())
}

/// Whether the proxy at an address has the same view.
#[must_use]
pub fn same_view(one: &MeshSnapshot, other: &MeshSnapshot, address: IpAddr) -> bool {
    let read = [Aspect::Services, Aspect::Sidecars, Aspect::Labels];
    same_pod(one, other, address) && same_aspects(one, other, &read) && same_listed(one, other)
}

/// Whether what is known of the pod at an address is the same.
#[must_use]
pub fn same_pod(one: &MeshSnapshot, other: &MeshSnapshot, address: IpAddr) -> bool {
    let (old, new) = (one.workloads(), other.workloads());
    match (old.pod(address), new.pod(address)) {
        (Some(before), Some(now)) => {
            Arc::ptr_eq(before, now)
                && (old.same_places(new) || old.locality(before) == new.locality(now))
        }
        (None, None) => old.same_on_nodes(new),
        _ => false,
    }
}

/// Whether the same stands behind the services that list it: of other services it does not matter to a view what does.
#[must_use]
pub fn same_listed(one: &MeshSnapshot, other: &MeshSnapshot) -> bool {
    one.config().listing().all(|service| same_behind(one, other, service))
}

/// Whether they give the same inbound resources for a view.
#[must_use]
pub fn same_inbound(one: &MeshSnapshot, other: &MeshSnapshot, view: &InboundView) -> bool {
    let (old, new) = (one.config(), other.config());
    let (namespace, labels) = (view.namespace.as_str(), &view.labels);
    let limits = [Aspect::Services, Aspect::Rules];
    same_aspects(one, other, &[Aspect::Sidecars, Aspect::Held, Aspect::Patches])
        && same_policies(one, other, namespace, labels)
        && (one.settings().authorizers.is_empty() || old.same(new, Aspect::Services))
        && all_same(
            old.peer_authentications(namespace, labels),
            new.peer_authentications(namespace, labels),
        )
        && (limits.iter().all(|aspect| old.same(new, *aspect))
            || view.ports.iter().all(|port| same_limits(one, other, namespace, port)))
}

/// Whether a gateway's own resources are the same for a view.
#[must_use]
pub fn same_router(one: &MeshSnapshot, other: &MeshSnapshot, view: &RouterView) -> bool {
    same_aspects(one, other, &CALLED)
        && same_aspects(one, other, &[Aspect::Gateways, Aspect::Peers])
        && same_policies(one, other, &view.namespace, &view.labels)
}

/// Whether they give the same secrets to whoever asks for the same ones.
#[must_use]
pub fn same_secrets(one: &MeshSnapshot, other: &MeshSnapshot) -> bool {
    // A Gateway of the Gateway API may be granted those of another namespace.
    same_aspects(one, other, &[Aspect::Credentials, Aspect::Gateways])
}

/// Whether the rule for a port's service is the same, whose limits count for the server too.
fn same_limits(
    one: &MeshSnapshot,
    other: &MeshSnapshot,
    namespace: &str,
    port: &InboundPort,
) -> bool {
    let (nobody, host) = (BTreeMap::new(), Host::new(&port.service.0));
    let client = Client { namespace, labels: &nobody };
    let (old, new) = (one.config(), other.config());
    match (old.service_for(namespace, &host), new.service_for(namespace, &host)) {
        (Some(before), Some(now)) => {
            Arc::ptr_eq(before, now) && same_rule(old.rule(client, before), new.rule(client, now))
        }
        (None, None) => true,
        _ => false,
    }
}

fn same_policies(
    one: &MeshSnapshot,
    other: &MeshSnapshot,
    namespace: &str,
    labels: &BTreeMap<String, String>,
) -> bool {
    let (old, new) = (one.config(), other.config());
    Arc::ptr_eq(old, new)
        || all_same(
            old.policies(namespace, labels).into_iter(),
            new.policies(namespace, labels).into_iter(),
        ) && all_same(
            old.request_authentications(namespace, labels).into_iter(),
            new.request_authentications(namespace, labels).into_iter(),
        )
}

fn same_rule(one: Option<&Arc<Rule>>, other: Option<&Arc<Rule>>) -> bool {
    all_same(one.into_iter(), other.into_iter())
}

fn all_same<'a, T: 'a>(
    one: impl Iterator<Item = &'a Arc<T>>,
    other: impl Iterator<Item = &'a Arc<T>>,
) -> bool {
    one.map(Arc::as_ptr).eq(other.map(Arc::as_ptr))
}

fn same_behind(one: &MeshSnapshot, other: &MeshSnapshot, service: &Service) -> bool {
    all_same(
        one.workloads().behind(service).into_iter(),
        other.workloads().behind(service).into_iter(),
    )
}
