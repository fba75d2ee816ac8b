//! `BackendTLSPolicy`: for each gateway of ours that calls its target, whether the policy can be honoured.
//!
//! Holds: of several policies for one target the oldest counts.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value, json};
use weft_model::ObjectRef;
use weft_model::api::gateway_api::{BackendObject, BackendTlsPolicy, LocalRef, PolicyTarget};

use weft_gateway_api::{CONTROLLER, Mesh, Refused, Route, To, Words, spec};

use super::{condition, generation};
use crate::own::{Part, Parts, Wanted};

/// Ancestors that a status may have.
const MOST: usize = 16;

/// Every policy that concerns us, or did.
pub(super) fn judge(
    mesh: &Mesh<'_>,
    routes: &[Route],
    refused: &Refused,
) -> HashMap<ObjectRef, Wanted> {
    let callers = callers(routes);
    let mut taken = Taken::new();
    let mut found = HashMap::new();
    for (name, object) in mesh.all(&["BackendTLSPolicy"]) {
        let policy: BackendTlsPolicy = spec(object);
        let faults = authorities(&policy, name, mesh);
        let accepted = match (refused.get(name), rival(name, &policy, &mut taken)) {
            (Some(why), _) => Words::no("Invalid", why),
            (None, Some(older)) => {
                Words::no("Conflicted", format!("{older} is older and has the same target"))
            }
            _ if !faults.is_empty() && faults.len() == authority_count(&policy) => {
                Words::no("NoValidCACertificate", "no certificate authority can be read")
            }
            _ => Words::yes("Accepted", "valid"),
        };
        let of_target = |target| callers.get(&called(&name.namespace, target));
        let ancestors: BTreeSet<&ObjectRef> =
            policy.target_refs.iter().filter_map(of_target).flatten().copied().collect();
        if !ancestors.is_empty() || had(object) {
            found.insert(name.clone(), wanted(&accepted, &faults, &ancestors, generation(object)));
        }
    }
    found
}

fn wanted(
    accepted: &Words,
    faults: &[Words],
    ancestors: &BTreeSet<&ObjectRef>,
    generation: i64,
) -> Wanted {
    let all = [
        ("Accepted", accepted.clone()),
        ("ResolvedRefs", Words::resolved(faults)),
        ("Programmed", unserved(accepted)),
    ];
    let conditions: Vec<_> =
        all.iter().map(|(kind, words)| condition(words, kind, generation)).collect();
    let part = |ancestor: &&ObjectRef| Part {
        name: identity(ancestor),
        fields: Map::new(),
        conditions: conditions.clone(),
    };
    let parts = ancestors.iter().take(MOST).map(part).collect();
    let parts = Parts { list: "ancestors", controller: Some(CONTROLLER), parts };
    Wanted { parts: Some(parts), ..Wanted::default() }
}

/// Whether proxies act on it.
fn unserved(accepted: &Words) -> Words {
    if accepted.yes {
        Words::no("NotSupported", "this version of Weft reads the kind and does not act on it")
    } else {
        Words::programmed(accepted)
    }
}

/// The oldest policy of each target.
type Taken = HashMap<(String, PolicyKey), ObjectRef>;

/// An older policy for a target, when there is one for each.
fn rival(name: &ObjectRef, policy: &BackendTlsPolicy, taken: &mut Taken) -> Option<ObjectRef> {
    let mut older = None;
    let mut alone = policy.target_refs.is_empty();
    for target in &policy.target_refs {
        let key = (name.namespace.clone(), key(target));
        match taken.get(&key) {
            Some(first) => older = Some(first.clone()),
            None => {
                alone = true;
                taken.insert(key, name.clone());
            }
        }
    }
    older.filter(|_| !alone)
}

type PolicyKey = (String, String, String, Option<String>);

fn key(target: &PolicyTarget) -> PolicyKey {
    let PolicyTarget { group, kind, name, section_name } = target.clone();
    (group, kind, name, section_name)
}

fn had(object: &Value) -> bool {
    let mut all = object["status"]["ancestors"].as_array().into_iter().flatten();
    all.any(|ancestor| ancestor["controllerName"] == CONTROLLER)
}

/// Namespace, group, kind and name of what is called.
type Called = (String, String, String, String);

fn called(namespace: &str, target: &PolicyTarget) -> Called {
    let PolicyTarget { group, kind, name, section_name: _ } = target.clone();
    (namespace.to_owned(), group, kind, name)
}

/// By target: the gateways, and the services of the mesh, through whose routes it is called.
fn callers(routes: &[Route]) -> HashMap<Called, BTreeSet<&ObjectRef>> {
    let mut found: HashMap<Called, BTreeSet<&ObjectRef>> = HashMap::new();
    for route in routes {
        for to in route.backends.iter().map(BackendObject::target) {
            let namespace = to.namespace.unwrap_or(&route.name.namespace).to_owned();
            let key = (namespace, to.group.to_owned(), to.kind.to_owned(), to.name.to_owned());
            found.entry(key).or_default().extend(&route.gateways);
        }
    }
    found
}

fn authority_count(policy: &BackendTlsPolicy) -> usize {
    policy.validation.as_ref().map_or(0, |validation| validation.ca_certificate_refs.len())
}

/// What is wrong with the authorities that the policy names.
fn authorities(policy: &BackendTlsPolicy, own: &ObjectRef, mesh: &Mesh<'_>) -> Vec<Words> {
    let all = policy.validation.iter().flat_map(|validation| &validation.ca_certificate_refs);
    let fault = |LocalRef { group, kind, name }: &LocalRef| {
        if !(group.is_empty() && matches!(kind.as_str(), "ConfigMap" | "Secret")) {
            let what = format!("{kind} {name} holds no authorities; use a ConfigMap");
            return Some(Words::no("InvalidKind", what));
        }
        let object = mesh.get(To { group, kind, namespace: &own.namespace, name });
        let invalid = |what: String| Some(Words::no("InvalidCACertificateRef", what));
        match object {
            None => invalid(format!("there is no {kind} {}/{name}", own.namespace)),
            Some(object) if object["data"]["ca.crt"].as_str().is_none_or(str::is_empty) => {
                invalid(format!("{kind} {}/{name} lacks ca.crt", own.namespace))
            }
            Some(_) => None,
        }
    };
    all.filter_map(fault).collect()
}

fn identity(ancestor: &ObjectRef) -> Map<String, Value> {
    let ObjectRef { group, kind, namespace, name } = ancestor;
    let reference = json!({ "group": group, "kind": kind, "namespace": namespace, "name": name });
    Map::from_iter([("ancestorRef".to_owned(), reference)])
}
