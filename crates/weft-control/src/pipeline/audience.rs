//! Whose configuration an object is part of.
//!
//! In: an object of the mesh. Out: which proxies have to take it. Holds: in doubt, more of them.

use std::collections::BTreeSet;

use ctl_status::Audience;
use serde_json::Value;

/// Whose configuration an object is part of.
pub(super) fn audience(kind: &str, namespace: &str, object: &Value, root: &str) -> Audience {
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
}
