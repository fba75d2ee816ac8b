//! VirtualServices with what they delegate put in its place.
//!
//! In: the objects as written, oldest first. Out: one object per VirtualService with hosts, without delegates.
//! Holds: the same routes as Istio's. A part of a delegate that asks for other requests than its root lets through is left
//! out; an object that delegates stands behind all that do not; a delegate that is missing or not exported has no routes.
//! Never: a delegate of a delegate, which validation refuses.

use std::collections::HashMap;
use std::sync::Arc;

use weft_model::api::reference::{Destination, StringMatch};
use weft_model::api::virtual_service::{HttpMatch, HttpRoute, VirtualService};
use weft_model::{Object, Objects, expand};

use crate::{MeshSettings, Visibility};

/// An object with those who see it.
pub(crate) type Visible = (Visibility, Arc<Object<VirtualService>>);

/// Delegates, by namespace and name.
type Delegates<'a> = HashMap<(&'a str, &'a str), &'a Object<VirtualService>>;

/// Whether these are the very same objects, seen by the same.
pub(crate) fn all_same(one: &[Visible], other: &[Visible]) -> bool {
    let mut pairs = one.iter().zip(other);
    one.len() == other.len() && pairs.all(|(a, b)| Arc::ptr_eq(&a.1, &b.1) && a.0 == b.0)
}

/// The objects that have hosts, in precedence. What is put together the same way as before stays the same allocation.
pub(crate) fn resolved(
    settings: &MeshSettings,
    all: &Objects<VirtualService>,
    before: &[Visible],
) -> Vec<Visible> {
    let (rooted, delegates): (Vec<_>, Vec<_>) =
        all.iter().partition(|object| !object.spec.hosts.is_empty());
    let by_name = delegates.into_iter().map(|object| {
        let meta = &object.meta;
        ((meta.namespace.as_str(), meta.name.as_str()), &**object)
    });
    let delegates: Delegates<'_> = by_name.collect();
    let delegating = |object: &Object<VirtualService>| {
        object.spec.http.iter().any(|route| route.delegate.is_some())
    };
    let (roots, plain): (Vec<_>, Vec<_>) =
        rooted.into_iter().partition(|object| delegating(object));
    let plain = plain.into_iter().cloned();
    let merged = roots.into_iter().map(|root| {
        let merged = merge(settings, &delegates, root);
        let known = before.iter().map(|(_, object)| object).find(|known| ***known == merged);
        known.cloned().unwrap_or_else(|| Arc::new(merged))
    });
    plain.chain(merged).map(|object| (visibility(settings, &object), object)).collect()
}

/// The full name of a Gateway that an object of a namespace names; `mesh` stays as it is.
#[must_use]
pub fn gateway_reference(written: &str, namespace: &str) -> String {
    if written == "mesh" {
        return written.to_owned();
    }
    match written.split_once('/') {
        Some((".", name)) => format!("{namespace}/{name}"),
        Some(_) => written.to_owned(),
        None => match written.split_once('.') {
            // The old form, NAME.NAMESPACE and a domain.
            Some((name, rest)) => {
                format!("{}/{name}", rest.split('.').next().unwrap_or_default())
            }
            None => format!("{namespace}/{written}"),
        },
    }
}

fn visibility(settings: &MeshSettings, object: &Object<VirtualService>) -> Visibility {
    let otherwise = &settings.exports.virtual_services;
    Visibility::of(&object.spec.export_to, otherwise, &object.meta.namespace)
}

fn merge(
    settings: &MeshSettings,
    delegates: &Delegates<'_>,
    root: &Object<VirtualService>,
) -> Object<VirtualService> {
    let own = root.meta.namespace.as_str();
    let mut merged = root.clone();
    merged.spec.http = root
        .spec
        .http
        .iter()
        .flat_map(|route| {
            let Some(to) = &route.delegate else { return vec![route.clone()] };
            let namespace = if to.namespace.is_empty() { own } else { to.namespace.as_str() };
            let found = delegates.get(&(namespace, to.name.as_str()));
            let found = found.filter(|object| visibility(settings, object).includes(own));
            let outer = full(route, own, &settings.domain);
            let parts = found.into_iter().flat_map(|object| &object.spec.http);
            parts
                .filter_map(|part| route_of(&outer, full(part, namespace, &settings.domain)))
                .collect()
        })
        .collect();
    merged
}

/// A route whose names mean the same in every namespace.
fn full(route: &HttpRoute, namespace: &str, domain: &str) -> HttpRoute {
    let mut found = route.clone();
    let complete = |to: &mut Destination| to.host = expand(&to.host, namespace, domain).to_string();
    found.route.iter_mut().filter_map(|entry| entry.destination.as_mut()).for_each(complete);
    found.mirrors.iter_mut().filter_map(|entry| entry.destination.as_mut()).for_each(complete);
    found.mirror.iter_mut().for_each(complete);
    for name in found.matches.iter_mut().flat_map(|found| &mut found.gateways) {
        *name = gateway_reference(name, namespace);
    }
    found
}

/// The route of a delegate, with what its root says where it is silent.
fn route_of(root: &HttpRoute, part: HttpRoute) -> Option<HttpRoute> {
    let matches = conditions(&root.matches, &part.matches)?;
    Some(HttpRoute {
        name: joined(&root.name, &part.name),
        matches,
        rewrite: part.rewrite.or_else(|| root.rewrite.clone()),
        timeout: part.timeout.or(root.timeout),
        retries: part.retries.or_else(|| root.retries.clone()),
        fault: part.fault.or_else(|| root.fault.clone()),
        mirror: part.mirror.or_else(|| root.mirror.clone()),
        mirror_percent: part.mirror_percent.or(root.mirror_percent),
        mirror_percent_old: part.mirror_percent_old.or(root.mirror_percent_old),
        mirror_percentage: part.mirror_percentage.or_else(|| root.mirror_percentage.clone()),
        cors_policy: part.cors_policy.or_else(|| root.cors_policy.clone()),
        headers: part.headers.or_else(|| root.headers.clone()),
        route: part.route,
        redirect: part.redirect,
        direct_response: part.direct_response,
        delegate: None,
        mirrors: part.mirrors,
    })
}

fn joined(root: &str, part: &str) -> String {
    match (root, part) {
        (name, "") | ("", name) => name.to_owned(),
        (root, part) => format!("{root}-{part}"),
    }
}

/// Every pair that goes together. `None`: some condition of the delegate goes with none of its root.
fn conditions(root: &[HttpMatch], part: &[HttpMatch]) -> Option<Vec<HttpMatch>> {
    if root.is_empty() {
        return Some(part.to_vec());
    }
    if part.is_empty() {
        return Some(root.to_vec());
    }
    let mut found = Vec::new();
    for inner in part {
        let before = found.len();
        found.extend(root.iter().filter(|outer| within(outer, inner)).map(|o| both(o, inner)));
        if found.len() == before {
            return None;
        }
    }
    Some(found)
}

/// Both conditions at once; where both speak of the same, the inner one is the narrower.
fn both(outer: &HttpMatch, inner: &HttpMatch) -> HttpMatch {
    let text =
        |outer: &Option<StringMatch>, inner: &Option<StringMatch>| inner.clone().or(outer.clone());
    let first = |outer: &String, inner: &String| {
        if inner.is_empty() { outer.clone() } else { inner.clone() }
    };
    let mut found = HttpMatch {
        name: joined(&outer.name, &inner.name),
        uri: text(&outer.uri, &inner.uri),
        scheme: text(&outer.scheme, &inner.scheme),
        method: text(&outer.method, &inner.method),
        authority: text(&outer.authority, &inner.authority),
        headers: outer.headers.clone(),
        without_headers: outer.without_headers.clone(),
        query_params: outer.query_params.clone(),
        ignore_uri_case: inner.ignore_uri_case,
        port: if inner.port == 0 { outer.port } else { inner.port },
        source_labels: outer.source_labels.clone(),
        source_namespace: first(&outer.source_namespace, &inner.source_namespace),
        gateways: if inner.gateways.is_empty() { &outer.gateways } else { &inner.gateways }.clone(),
        stat_prefix: inner.stat_prefix.clone(),
    };
    found.headers.extend(inner.headers.clone());
    found.without_headers.extend(inner.without_headers.clone());
    found.query_params.extend(inner.query_params.clone());
    found.source_labels.extend(inner.source_labels.clone());
    found
}

/// Whether `outer` lets through all that `inner` asks for, as far as Istio can tell.
fn within(outer: &HttpMatch, inner: &HttpMatch) -> bool {
    let texts = [
        (&outer.uri, &inner.uri),
        (&outer.scheme, &inner.scheme),
        (&outer.method, &inner.method),
        (&outer.authority, &inner.authority),
    ];
    let maps = [
        (&outer.headers, &inner.headers),
        (&outer.without_headers, &inner.without_headers),
        (&outer.query_params, &inner.query_params),
    ];
    let narrower = |outer: Option<&StringMatch>, inner: Option<&StringMatch>| match (outer, inner) {
        (Some(outer), Some(inner)) => narrows(outer, inner),
        _ => true,
    };
    let labels = inner
        .source_labels
        .iter()
        .all(|(key, value)| outer.source_labels.get(key).is_none_or(|required| required == value));
    let gateways = outer.gateways.is_empty()
        || inner.gateways.len() <= outer.gateways.len()
            && inner.gateways.iter().all(|name| outer.gateways.contains(name));
    texts.into_iter().all(|(outer, inner)| narrower(outer.as_ref(), inner.as_ref()))
        && maps.into_iter().all(|(outer, inner)| {
            inner.iter().all(|(name, inner)| narrower(outer.get(name), Some(inner)))
        })
        && outer.ignore_uri_case == inner.ignore_uri_case
        && (outer.port == 0 || inner.port == 0 || outer.port == inner.port)
        && (outer.source_namespace.is_empty() || outer.source_namespace == inner.source_namespace)
        && labels
        && gateways
}

/// Patterns are not compared: two texts of which one is a pattern, or only asks for presence, never go together.
fn narrows(outer: &StringMatch, inner: &StringMatch) -> bool {
    let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    match (text(&outer.exact), text(&outer.prefix)) {
        (Some(exact), _) => inner.exact.as_ref() == Some(&exact),
        (None, Some(prefix)) => {
            let inner = text(&inner.prefix).or(text(&inner.exact));
            inner.is_some_and(|inner| inner.starts_with(&prefix))
        }
        (None, None) => false,
    }
}
