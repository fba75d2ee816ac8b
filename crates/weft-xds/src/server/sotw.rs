//! The state-of-the-world form.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use weft_proto::ads::{Any, DiscoveryRequest, DiscoveryResponse};

use super::subscription::{InFlight, Subscription};
use super::{Received, ResourceSet, Types};

pub(super) fn receive(types: &mut Types, request: DiscoveryRequest) -> Received {
    let DiscoveryRequest {
        version_info: _,
        node: _,
        resource_names,
        type_url,
        response_nonce,
        error_detail,
    } = request;
    let first = || Subscription::first(&type_url, resource_names.is_empty());
    let subscription = types.entry(type_url.clone()).or_insert_with(first);
    let latest = response_nonce.is_empty() || subscription.is_latest(&response_nonce);
    let answer = subscription.answered(&response_nonce, error_detail.as_ref(), false);
    if latest {
        let mut names: BTreeSet<Arc<str>> = resource_names.into_iter().map(Arc::from).collect();
        subscription.wildcard |= names.remove("*");
        if names.difference(&subscription.names).next().is_some() {
            subscription.due = true;
        }
        subscription.names = names;
    }
    let wants = subscription.due;
    Received { type_url, answer, wants }
}

pub(super) fn answer(
    subscription: &mut Subscription,
    type_url: &str,
    set: &ResourceSet,
    nonce: String,
    tag: u64,
) -> Option<DiscoveryResponse> {
    let mut wanted: Vec<_> = set.iter().filter(|(name, _)| subscription.wants(name)).collect();
    wanted.sort_by_key(|(name, _)| *name);
    let mut hasher = DefaultHasher::new();
    for (name, resource) in &wanted {
        (name, &resource.version).hash(&mut hasher);
    }
    let version = format!("{:016x}", hasher.finish());
    if version == subscription.version && !subscription.due {
        return None;
    }
    subscription.due = false;
    subscription.version.clone_from(&version);
    let before = std::mem::take(&mut subscription.last);
    subscription.last = wanted.iter().map(|(name, _)| Arc::clone(name)).collect();
    let removed = before.difference(&subscription.last).map(ToString::to_string).collect();
    let sent = wanted.iter().map(|(name, _)| name.to_string()).collect();
    subscription.sent(InFlight { nonce: nonce.clone(), tag, sent, removed });
    let body = |resource: &super::Resource| Any {
        type_url: type_url.to_owned(),
        value: resource.body.clone(),
    };
    let resources = wanted.into_iter().map(|(_, resource)| body(resource)).collect();
    Some(DiscoveryResponse {
        version_info: version,
        resources,
        type_url: type_url.to_owned(),
        nonce,
    })
}
