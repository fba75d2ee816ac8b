//! The delta form.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use weft_proto::ads::{self, Any, DeltaDiscoveryRequest, DeltaDiscoveryResponse};

use super::held::Held;
use super::subscription::{InFlight, Subscription};
use super::{Received, Resource, ResourceSet, Types};

pub(super) fn receive(types: &mut Types, request: DeltaDiscoveryRequest) -> Received {
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
        first.held = Held::told(initial_resource_versions.into_iter());
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
            let Subscription { names, wildcard, held, .. } = subscription;
            if !*wildcard {
                held.write_down(|name| names.contains(name));
            }
            *wildcard = true;
            continue;
        }
        if !resume {
            subscription.held.forget([name.as_str()]);
        }
        subscription.absent.remove(name.as_str());
        subscription.names.insert(name.into());
    }
}

fn unsubscribe(subscription: &mut Subscription, names: Vec<String>) {
    for name in names {
        if name == "*" {
            subscription.wildcard = false;
            let Subscription { names, held, .. } = subscription;
            held.retain(|name| names.contains(name));
            continue;
        }
        subscription.names.remove(name.as_str());
        subscription.absent.remove(name.as_str());
        if !subscription.wildcard {
            subscription.held.drop(&name);
        }
    }
}

/// What an answer says.
#[derive(Default)]
struct News {
    resources: Vec<(Arc<str>, Resource)>,
    /// Of these, those that the client held in another version.
    updated: Vec<String>,
    removed: Vec<Arc<str>>,
    /// What the client still has and is not told of yet, or waits for.
    kept: HashMap<Arc<str>, Option<Arc<str>>>,
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
    let group = next_suspects(subscription, set);
    let news = news(subscription, set, group.as_deref(), keep_removed || group.is_some());
    let News { resources, updated, removed, kept } = news;
    note(subscription, &resources, &removed);
    match group {
        None => subscription.held.bring_up_to(set, kept),
        Some(_) => {
            for (name, resource) in &resources {
                subscription.held.take(Arc::clone(name), Arc::clone(&resource.version));
            }
        }
    }
    if resources.is_empty() && removed.is_empty() && !subscription.due {
        return None;
    }
    subscription.due = false;
    let removed: Vec<String> = removed.iter().map(ToString::to_string).collect();
    subscription.sent(InFlight {
        nonce: nonce.clone(),
        tag,
        sent: resources.iter().map(|(name, _)| name.to_string()).collect(),
        removed: removed.clone(),
    });
    let written = resources.into_iter().map(|(name, resource)| ads::Resource {
        version: resource.version.to_string(),
        resource: Some(Any { type_url: type_url.to_owned(), value: resource.body }),
        name: name.to_string(),
    });
    let response = DeltaDiscoveryResponse {
        system_version_info: tag.to_string(),
        resources: written.collect(),
        type_url: type_url.to_owned(),
        nonce,
        removed_resources: removed,
    };
    Some((response, updated))
}

/// Compares what the client has with what there is, where they may differ.
fn news(
    subscription: &Subscription,
    set: &ResourceSet,
    group: Option<&[String]>,
    keep_removed: bool,
) -> News {
    let mut news = News::default();
    let suspected = |name: &str| group.is_none_or(|group| group.iter().any(|one| one == name));
    for name in to_look_at(subscription, set) {
        let wanted = subscription.wants(&name);
        let held = subscription.held.version(&name, wanted);
        match set.find(&name) {
            Some((shared, resource)) if wanted && suspected(&name) => {
                if held == Some(&resource.version) {
                    continue;
                }
                news.updated.extend(held.map(|_| name.to_string()));
                news.resources.push((Arc::clone(shared), resource.clone()));
            }
            Some(_) => {}
            // The client has it, or asked for it by name and was not told yet that it does not exist.
            None if held.is_some() || subscription.is_open(&name) => match keep_removed {
                true => drop(news.kept.insert(name, held.cloned())),
                false => news.removed.push(name),
            },
            None => {}
        }
    }
    news
}

/// Names that may be other than the client has them.
fn to_look_at(subscription: &Subscription, set: &ResourceSet) -> BTreeSet<Arc<str>> {
    let Subscription { held, names, wildcard, .. } = subscription;
    held.news(set, (!wildcard).then_some(names)).unwrap_or_else(|| {
        let all = set.iter().map(|(name, _)| name).filter(|_| *wildcard);
        all.chain(held.names()).chain(names).cloned().collect()
    })
}

/// Keeps the names that clients share, and those of which the client now knows that they do not exist.
fn note(subscription: &mut Subscription, resources: &[(Arc<str>, Resource)], removed: &[Arc<str>]) {
    for (name, _) in resources {
        subscription.absent.remove(name);
        if subscription.names.contains(name) {
            subscription.names.replace(Arc::clone(name));
        }
    }
    let named = removed.iter().filter(|name| subscription.names.contains(*name));
    let named: Vec<Arc<str>> = named.cloned().collect();
    subscription.absent.extend(named);
}

/// The next group of suspects that still has somebody to send; `None` when nobody is suspected.
fn next_suspects(subscription: &mut Subscription, set: &ResourceSet) -> Option<Vec<String>> {
    while let Some(group) = subscription.suspects.pop_front() {
        if group.iter().any(|name| subscription.wants(name) && set.get(name).is_some()) {
            subscription.suspecting = true;
            return Some(group);
        }
    }
    None
}
