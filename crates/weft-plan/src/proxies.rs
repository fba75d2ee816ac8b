//! What a proxy gets that it does not have.
//!
//! In: both meshes, a proxy. Out: resources that are added, changed or removed, and sockets that are closed.
//! Holds: resources are compared byte by byte. weft-proxy ends connections only where a listener with a socket of its own
//! goes or moves; they are told to close first.

use std::collections::BTreeMap;

use serde::Serialize;
use weft_explain::{Mesh, Origin, Proxy, Resource};

use crate::pods::Group;

/// What becomes of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// It is new.
    Added,
    /// It is another.
    Changed,
    /// It is gone.
    Removed,
}

/// A resource that is not the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResourceChange {
    /// `listener`, `route`, `cluster`, `endpoints`, or the name of another type.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// What becomes of it.
    pub what: What,
}

/// A proxy that gets other resources.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProxyChange {
    /// The proxy, as `NAME.NAMESPACE` or `gateway/NAME.NAMESPACE`.
    pub proxy: String,
    /// How many proxies are like it, itself among them.
    pub alike: usize,
    /// What it gets.
    pub resources: Vec<ResourceChange>,
    /// Listeners whose connections are told to close, and closed after a while.
    pub closed: Vec<String>,
}

/// What changes for a proxy; `None` when nothing does.
pub(crate) fn compare(before: &Mesh, after: &Mesh, group: &Group) -> Option<ProxyChange> {
    let (old, new) =
        (Proxy::find(before, &group.origin).ok(), Proxy::find(after, &group.origin).ok());
    let (had, gets) = (resources(old.as_ref()), resources(new.as_ref()));
    let mut found = Vec::new();
    let mut note = |key: &(&str, &str), what| {
        found.push(ResourceChange { kind: kind(key.0), name: key.1.to_owned(), what });
    };
    for (key, resource) in &gets {
        match had.get(key) {
            None => note(key, What::Added),
            Some(known) if known.body != resource.body => note(key, What::Changed),
            Some(_) => {}
        }
    }
    had.keys().filter(|key| !gets.contains_key(*key)).for_each(|key| note(key, What::Removed));
    let name = match &group.origin {
        Origin::Gateway(name, namespace) => format!("gateway/{name}.{namespace}"),
        Origin::From(name, namespace) | Origin::Inbound(name, namespace) => {
            format!("{name}.{namespace}")
        }
    };
    let sockets = |proxy: Option<&Proxy>| proxy.map(Proxy::sockets).unwrap_or_default();
    let stays = sockets(new.as_ref());
    let gone = sockets(old.as_ref()).into_iter().filter(|socket| !stays.contains(socket));
    let closed = gone.map(|(name, address)| format!("{name} ({address})")).collect();
    (!found.is_empty()).then_some(ProxyChange {
        proxy: name,
        alike: group.count,
        resources: found,
        closed,
    })
}

/// Resources by type and name.
fn resources(proxy: Option<&Proxy>) -> BTreeMap<(&str, &str), &Resource> {
    let all = proxy.into_iter().flat_map(|proxy| proxy.resources().iter());
    all.flat_map(|(kind, list)| list.iter().map(move |one| ((kind, &*one.name), one))).collect()
}

/// The short name of a type.
fn kind(type_url: &str) -> String {
    let last = type_url.rsplit('.').next().unwrap_or(type_url);
    match last {
        "Listener" => "listener",
        "RouteConfiguration" => "route",
        "Cluster" => "cluster",
        "ClusterLoadAssignment" => "endpoints",
        other => other,
    }
    .to_owned()
}
