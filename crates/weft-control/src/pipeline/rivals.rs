//! VirtualServices that lose a host in the mesh to an older one.
//!
//! In: all VirtualServices. Out: per loser, each host that it loses, to whom, and whether everywhere.
//! Holds: of several for one host that a namespace sees, the oldest counts there; one that is seen elsewhere too loses a part.
//! Why not from the analysis: its code names all rivals alike, and only a loser may be told that it loses.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;
use weft_model::api::meta::Metadata;
use weft_model::{ObjectRef, expand};

/// A host that is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Loss {
    /// The host's field, when nobody at all sees this object's routes for it.
    pub(super) everywhere: Option<String>,
    pub(super) message: String,
}

/// One claim of a host.
struct Claim {
    owner: ObjectRef,
    /// Namespaces that see it; `None` for all.
    seen: Option<BTreeSet<String>>,
}

/// Claims of one host that are compared; with more, the oldest decide.
const MOST: usize = 32;

/// Every loser.
pub(super) fn losses<'a>(
    services: impl Iterator<Item = &'a Value>,
    domain: &str,
) -> HashMap<ObjectRef, Vec<Loss>> {
    let mut claims: HashMap<String, Vec<Claim>> = HashMap::new();
    let mut found: HashMap<ObjectRef, Vec<Loss>> = HashMap::new();
    for (meta, object) in oldest_first(services.filter(|object| is_of_mesh(object))) {
        let owner = ObjectRef::of(object);
        let only_mesh = texts(&object["spec"]["gateways"]).all(|name| name == "mesh");
        for (index, host) in texts(&object["spec"]["hosts"]).enumerate() {
            let host = expand(host, &meta.namespace, domain).to_string();
            let seen = seen(object, &meta.namespace);
            let older = claims.entry(host.clone()).or_default();
            if let Some((first, whole)) = loses(older, seen.as_ref()) {
                let field = format!("/spec/hosts/{index}");
                let message = format!(
                    "spec.hosts[{index}]: {host} has a VirtualService in the mesh already, {first}, which is older and wins; \
                     put the routes of both into one object [IST0109]"
                );
                let everywhere = Some(field).filter(|_| whole && only_mesh);
                found.entry(owner.clone()).or_default().push(Loss { everywhere, message });
            }
            if older.len() < MOST {
                older.push(Claim { owner: owner.clone(), seen });
            }
        }
    }
    found
}

/// The oldest rival that somebody sees who sees this one too, and whether all of them do.
fn loses<'c>(older: &'c [Claim], seen: Option<&BTreeSet<String>>) -> Option<(&'c ObjectRef, bool)> {
    let meets = |claim: &&Claim| match (&claim.seen, seen) {
        (None, _) | (_, None) => true,
        (Some(one), Some(other)) => !one.is_disjoint(other),
    };
    let covers = |claim: &Claim| match (&claim.seen, seen) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(one), Some(other)) => one.is_superset(other),
    };
    let first = older.iter().find(meets)?;
    Some((&first.owner, older.iter().any(covers)))
}

fn oldest_first<'a>(services: impl Iterator<Item = &'a Value>) -> Vec<(Metadata, &'a Value)> {
    let mut all: Vec<_> = services.map(|object| (Metadata::of(object), object)).collect();
    all.sort_by_cached_key(|(meta, _)| {
        (meta.created.clone(), meta.name.clone(), meta.namespace.clone())
    });
    all
}

fn is_of_mesh(object: &Value) -> bool {
    let mut gateways = texts(&object["spec"]["gateways"]).peekable();
    gateways.peek().is_none() || gateways.any(|name| name == "mesh")
}

fn seen(object: &Value, own: &str) -> Option<BTreeSet<String>> {
    let named: Vec<&str> = texts(&object["spec"]["exportTo"]).collect();
    if named.is_empty() || named.contains(&"*") {
        return None;
    }
    let space = |name: &str| if name == "." { own.to_owned() } else { name.to_owned() };
    Some(named.into_iter().filter(|name| *name != "~").map(space).collect())
}

fn texts(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn service(name: &str, created: u32, spec: Value) -> Value {
        let (name, namespace) = name.split_once('.').unwrap_or((name, "shop"));
        json!({ "apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "spec": spec,
            "metadata": { "name": name, "namespace": namespace,
                "creationTimestamp": format!("2026-01-0{created}T00:00:00Z") } })
    }

    /// Who loses, and whether everywhere.
    fn lost(all: &[Value]) -> Vec<(String, bool)> {
        let found = losses(all.iter(), "cluster.local");
        let each = found.into_iter().flat_map(|(owner, lost)| {
            lost.into_iter().map(move |loss| (owner.name.clone(), loss.everywhere.is_some()))
        });
        let mut each: Vec<_> = each.collect();
        each.sort();
        each
    }

    fn told(name: &str, everywhere: bool) -> (String, bool) {
        (name.to_owned(), everywhere)
    }

    #[test]
    fn the_oldest_keeps_the_host() {
        let long = json!({ "hosts": ["web.shop.svc.cluster.local", "other"] });
        let all = [service("a", 2, json!({ "hosts": ["web"] })), service("b", 1, long)];
        assert_eq!(lost(&all), [told("a", true)]);
    }

    #[test]
    fn what_nobody_sees_together_is_no_rival() {
        let own = json!({ "hosts": ["x.com"], "exportTo": ["."] });
        let mut all = vec![service("a.one", 1, own.clone()), service("b.two", 2, own)];
        assert_eq!(lost(&all), []);
        all.push(service("c", 3, json!({ "hosts": ["x.com"] })));
        assert_eq!(lost(&all), [told("c", false)], "others still see it");
        let gateway = json!({ "hosts": ["x.com"], "gateways": ["front"] });
        assert_eq!(
            lost(&[service("a", 1, json!({ "hosts": ["x.com"] })), service("b", 2, gateway)]),
            []
        );
    }

    #[test]
    fn one_that_serves_a_gateway_too_loses_a_part() {
        let both = json!({ "hosts": ["x.com"], "gateways": ["front", "mesh"] });
        let all = [service("a", 1, json!({ "hosts": ["x.com"] })), service("b", 2, both)];
        assert_eq!(lost(&all), [told("b", false)]);
    }
}
