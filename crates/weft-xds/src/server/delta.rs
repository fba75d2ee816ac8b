//! The delta form.

use std::collections::HashMap;

use weft_proto::ads::{self, Any, DeltaDiscoveryRequest, DeltaDiscoveryResponse};

use super::subscription::{InFlight, Subscription};
use super::{Received, ResourceSet};

pub(super) fn receive(
    types: &mut HashMap<String, Subscription>,
    request: DeltaDiscoveryRequest,
) -> Received {
    let DeltaDiscoveryRequest {
        node: _,
        type_url,
        resource_names_subscribe,
        resource_names_unsubscribe,
        initial_resource_versions,
        response_nonce,
        error_detail,
    } = request;
    let subscription = types.entry(type_url.clone()).or_insert_with(|| {
        let mut first = Subscription::first(&type_url, resource_names_subscribe.is_empty());
        let held = initial_resource_versions.into_iter();
        first.held = held.map(|(name, version)| (name, version.into())).collect();
        first
    });
    let was_suspected = std::mem::take(&mut subscription.suspecting);
    let answer = subscription.answered(&response_nonce, error_detail.as_ref(), true);
    unsubscribe(subscription, resource_names_unsubscribe);
    let asked = !resource_names_subscribe.is_empty();
    subscribe(subscription, resource_names_subscribe);
    let wants = asked || subscription.due || !subscription.suspects.is_empty();
    Received { type_url, answer, wants: wants || was_suspected }
}

fn subscribe(subscription: &mut Subscription, names: Vec<String>) {
    // The first request brings the versions that the client kept; asking anew for a name means it lost it.
    let resume = subscription.due;
    for name in names {
        if name == "*" {
            subscription.wildcard = true;
            continue;
        }
        if !resume {
            subscription.held.remove(&name);
        }
        subscription.absent.remove(&name);
        subscription.names.insert(name);
    }
}

fn unsubscribe(subscription: &mut Subscription, names: Vec<String>) {
    for name in names {
        if name == "*" {
            subscription.wildcard = false;
            let Subscription { names, held, .. } = subscription;
            held.retain(|name, _| names.contains(name));
            continue;
        }
        subscription.names.remove(&name);
        subscription.absent.remove(&name);
        if !subscription.wildcard {
            subscription.held.remove(&name);
        }
    }
}

/// The answer, and which of its names the client held in another version.
pub(super) fn answer(
    subscription: &mut Subscription,
    type_url: &str,
    set: &ResourceSet,
    nonce: String,
    tag: u64,
    keep_removed: bool,
) -> Option<(DeltaDiscoveryResponse, Vec<String>)> {
    let mut updated = Vec::new();
    let mut resources = Vec::new();
    let group = next_suspects(subscription, set);
    let suspected = |name: &String| group.as_ref().is_none_or(|group| group.contains(name));
    let wanted = |name: &String| subscription.wants(name) && suspected(name);
    for (name, resource) in set.iter().filter(|(name, _)| wanted(name)) {
        match subscription.held.get(name) {
            Some(version) if *version == resource.version => continue,
            Some(_) => updated.push(name.clone()),
            None => {}
        }
        let body = Any { type_url: type_url.to_owned(), value: resource.body.clone() };
        resources.push(ads::Resource {
            version: resource.version.to_string(),
            resource: Some(body),
            name: name.clone(),
        });
    }
    let keep_removed = keep_removed || group.is_some();
    let removed_resources = if keep_removed { Vec::new() } else { removed(subscription, set) };
    if resources.is_empty() && removed_resources.is_empty() && !subscription.due {
        return None;
    }
    subscription.due = false;
    for resource in &resources {
        subscription.absent.remove(&resource.name);
        subscription.held.insert(resource.name.clone(), resource.version.as_str().into());
    }
    subscription.sent(InFlight {
        nonce: nonce.clone(),
        tag,
        sent: resources.iter().map(|resource| resource.name.clone()).collect(),
        removed: removed_resources.clone(),
    });
    let system_version_info = tag.to_string();
    let type_url = type_url.to_owned();
    let response = DeltaDiscoveryResponse {
        system_version_info,
        resources,
        type_url,
        nonce,
        removed_resources,
    };
    Some((response, updated))
}

/// The next group of suspects that still has somebody to send; `None` when nobody is suspected.
fn next_suspects(subscription: &mut Subscription, set: &ResourceSet) -> Option<Vec<String>> {
    while let Some(group) = subscription.suspects.pop_front() {
        if group.iter().any(|name| subscription.wants(name) && set.contains_key(name)) {
            subscription.suspecting = true;
            return Some(group);
        }
    }
    None
}

/// What the client holds or asked for by name, and does not exist.
fn removed(subscription: &mut Subscription, set: &ResourceSet) -> Vec<String> {
    let mut removed: Vec<String> =
        subscription.held.keys().filter(|name| !set.contains_key(*name)).cloned().collect();
    for name in &removed {
        subscription.held.remove(name);
    }
    let unknown = |name: &&String| !set.contains_key(*name) && !subscription.absent.contains(*name);
    let mut absent: Vec<String> = subscription.names.iter().filter(unknown).cloned().collect();
    absent.retain(|name| !removed.contains(name));
    removed.append(&mut absent);
    let named = removed.iter().filter(|name| subscription.names.contains(*name));
    subscription.absent.extend(named.cloned().collect::<Vec<_>>());
    removed.sort_unstable();
    removed
}
