//! What the status writer needs to know of each object and each proxy.
//!
//! In: raw objects and their problems. Out: facts. Holds: an object's content is all of it that users write.

use std::collections::{BTreeSet, HashMap};
use std::hash::{Hash as _, Hasher as _};

use ctl_source::{ObjectKey, ResourceType};
use ctl_status::{Audience, Expected, Finding, ObjectFacts, Obstacle, Severity};
use serde_json::Value;
use weft_model::Problem;

/// Problems by kind, namespace and name of their object.
pub(super) type Problems<'a> = HashMap<(&'a str, &'a str, &'a str), Vec<&'a Problem>>;

pub(super) fn by_object(problems: &[Problem]) -> Problems<'_> {
    let mut found = Problems::new();
    for problem in problems {
        let object = &problem.object;
        let key = (object.kind.as_str(), object.namespace.as_str(), object.name.as_str());
        found.entry(key).or_default().push(problem);
    }
    found
}

/// Everything about one object.
pub(super) fn of(
    resource: &ResourceType,
    (namespace, name): &(String, String),
    object: &Value,
    problems: &Problems<'_>,
    advice: Option<&Problems<'_>>,
    root: &str,
) -> ObjectFacts {
    let kind = resource.kind.as_str();
    let own = problems.get(&(kind, namespace.as_str(), name.as_str()));
    let idle = |problem: &&Problem| problem.code == NOT_HONOURED && problem.field.0.is_empty();
    let advised = |advice: &Problems<'_>| {
        let found = advice.get(&(kind, namespace.as_str(), name.as_str()));
        found.into_iter().flatten().filter_map(|problem| obstacle(problem)).collect()
    };
    ObjectFacts {
        acted_on: !own.into_iter().flatten().copied().any(|problem| idle(&problem)),
        obstacles: advice.map(advised),
        key: ObjectKey {
            resource: resource.clone(),
            namespace: Some(namespace.clone()),
            name: name.clone(),
        },
        generation: object["metadata"]["generation"].as_i64().unwrap_or(0),
        content: content(object),
        status: object["status"].clone(),
        findings: own.into_iter().flatten().map(|problem| finding(problem)).collect(),
        audience: audience(kind, namespace, object, root),
    }
}

/// Valid, and without effect in this version.
const NOT_HONOURED: &str = "WEFT0002";
/// Something else wins.
const SHADOWED: &[&str] = &[
    "IST0109", "IST0110", "IST0111", "IST0130", "IST0131", "IST0145", "IST0159", "IST0160",
    "WEFT0101", "WEFT0102", "WEFT0106",
];
/// What it needs, selects or is bound to is not there.
const WITHOUT_EFFECT: &[&str] = &[
    "IST0101", "IST0127", "IST0132", "IST0149", "IST0161", "IST0162", "IST0166", "IST0167",
    "IST0173", "IST0174", "WEFT0100", "WEFT0103", "WEFT0104", "WEFT0105", "WEFT0107", "WEFT0108",
    "WEFT0112", "WEFT0113", "WEFT0116", "WEFT0118", "WEFT0119",
];

/// What of the analysis says that an object does not do what it says.
fn obstacle(problem: &Problem) -> Option<Obstacle> {
    let reason = match problem.code {
        code if SHADOWED.contains(&code) => "ShadowedBy",
        code if WITHOUT_EFFECT.contains(&code) => "NoEffectBecause",
        _ => return None,
    };
    Some(Obstacle { reason, message: problem.to_string() })
}

fn finding(problem: &Problem) -> Finding {
    let severity = if problem.is_error() { Severity::Error } else { Severity::Warning };
    Finding { severity, message: problem.to_string() }
}

/// A number that follows from what the mesh reads of an object.
fn content(object: &Value) -> u64 {
    let metadata = &object["metadata"];
    let parts = [&object["spec"], &metadata["labels"], &metadata["annotations"]];
    let mut hasher = std::hash::DefaultHasher::new();
    parts.into_iter().for_each(|part| part.to_string().hash(&mut hasher));
    hasher.finish()
}

/// Whose configuration an object is part of.
fn audience(kind: &str, namespace: &str, object: &Value, root: &str) -> Audience {
    let spec = &object["spec"];
    let everyone = Audience::everyone();
    match kind {
        "VirtualService" => {
            let gateways = texts(&spec["gateways"]);
            Audience {
                sidecars: gateways.is_empty() || gateways.contains(&"mesh"),
                gateways: gateways.iter().any(|name| *name != "mesh"),
                namespaces: exported(&spec["exportTo"], namespace),
            }
        }
        "DestinationRule" => {
            Audience { namespaces: exported(&spec["exportTo"], namespace), ..everyone }
        }
        "Gateway" => Audience { sidecars: false, ..everyone },
        "AuthorizationPolicy" if namespace != root => {
            Audience { namespaces: Some([namespace.to_owned()].into()), ..everyone }
        }
        // Clients learn of PeerAuthentication too: it says how endpoints are called.
        _ => everyone,
    }
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// `None` for everybody. The object's own namespace always counts: that is where a rule is looked for first.
fn exported(list: &Value, namespace: &str) -> Option<BTreeSet<String>> {
    let entries = texts(list);
    if entries.is_empty() || entries.contains(&"*") {
        return None;
    }
    let named = entries.into_iter().filter(|entry| !matches!(*entry, "." | "~"));
    Some(named.map(str::to_owned).chain([namespace.to_owned()]).collect())
}

/// The proxy of a pod that serves traffic now; one that is still starting takes the newest configuration anyway.
pub(super) fn proxy((namespace, name): &(String, String), pod: &Value) -> Option<Expected> {
    let annotations = &pod["metadata"]["annotations"];
    let gateway = annotations["gateway.istio.io/status"].is_string();
    let meshed = gateway || annotations["sidecar.istio.io/status"].is_string();
    let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    let mut ready = conditions.filter(|c| c["type"] == "Ready" && c["status"] == "True");
    let serves = meshed && ready.next().is_some() && pod["metadata"]["deletionTimestamp"].is_null();
    serves.then(|| Expected { name: format!("{name}.{namespace}"), gateway })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn concerns(kind: &str, spec: &Value) -> Audience {
        audience(kind, "shop", &json!({ "spec": spec }), "istio-system")
    }

    #[test]
    fn an_object_concerns_the_proxies_that_see_it() {
        let only = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
        let mesh = concerns("VirtualService", &json!({}));
        assert_eq!((mesh.sidecars, mesh.gateways, mesh.namespaces), (true, false, None));
        let bound = concerns("VirtualService", &json!({ "gateways": ["a/b"], "exportTo": ["*"] }));
        assert_eq!((bound.sidecars, bound.gateways, bound.namespaces), (false, true, None));
        let rule = concerns("DestinationRule", &json!({ "exportTo": [".", "other"] }));
        assert_eq!(rule.namespaces, only(&["other", "shop"]));
        let policy = concerns("AuthorizationPolicy", &json!({}));
        assert_eq!(policy.namespaces, only(&["shop"]));
        let root = audience("AuthorizationPolicy", "root", &json!({}), "root");
        assert_eq!(root, Audience::everyone());
        assert!(!concerns("Gateway", &json!({})).sidecars);
    }

    #[test]
    fn annotations_are_content_and_status_is_not() {
        let one = json!({ "metadata": { "annotations": { "istio.io/dry-run": "true" } } });
        let other = json!({ "metadata": { "annotations": {} } });
        assert_ne!(content(&one), content(&other));
        assert_eq!(content(&one), content(&json!({ "metadata": one["metadata"], "status": 1 })));
    }

    #[test]
    fn ready_pods_with_a_proxy_are_waited_for() {
        let pod = |annotation: &str, ready: &str| {
            json!({ "metadata": { "annotations": { annotation: "{}" } },
                "status": { "conditions": [{ "type": "Ready", "status": ready }] } })
        };
        let of = |pod: &Value| proxy(&("shop".into(), "web-1".into()), pod);
        let found = of(&pod("sidecar.istio.io/status", "True")).unwrap();
        assert_eq!((found.name.as_str(), found.gateway), ("web-1.shop", false));
        assert!(of(&pod("gateway.istio.io/status", "True")).unwrap().gateway);
        assert_eq!(of(&pod("sidecar.istio.io/status", "False")), None);
        assert_eq!(of(&pod("other", "True")), None);
    }
}
