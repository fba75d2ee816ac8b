//! Where a gateway is called, and why it is not yet.
//!
//! In: a Gateway, and what stands in the cluster for it. Out: addresses for its status, and what keeps it from serving.
//! Holds: an address is told as soon as there is a Service, and that it serves only once a pod is ready.

use serde_json::{Value, json};
use weft_gateway_api::{Mesh, To, Words, spec};
use weft_model::ObjectRef;
use weft_model::api::gateway_api::Gateway;
use weft_model::api::gateway_api::deployed;

/// Where a gateway is called.
#[derive(Debug, Default)]
pub(super) struct Reached {
    pub(super) addresses: Vec<Value>,
    /// What keeps it from serving; nothing when it serves.
    pub(super) obstacle: Option<Words>,
}

/// Looks for the Service of a gateway: the one that was made for it, or the one that it names.
pub(super) fn reached(name: &ObjectRef, object: &Value, mesh: &Mesh<'_>) -> Reached {
    let spec: Gateway = spec(object);
    if deployed::is_deployed(&spec) {
        return made(
            &name.namespace,
            &deployed::deployed_name(object, &spec.gateway_class_name),
            mesh,
        );
    }
    if spec.infrastructure.is_some_and(|own| own.parameters_ref.is_some()) {
        let what = "settings by parametersRef are not read; use labels and annotations";
        return unreached("Invalid", what.to_owned());
    }
    let mut found = Reached::default();
    for address in &spec.addresses {
        let host = &address.value;
        let (service, namespace) = host.split_once('.').unwrap_or((host, &name.namespace));
        let namespace = namespace.split('.').next().unwrap_or_default();
        let to = To { group: "", kind: "Service", namespace, name: service };
        if address.kind.as_deref() == Some("Hostname") && mesh.get(to).is_some() {
            found.addresses.push(json!({"type": "Hostname", "value": host}));
        } else {
            let what = format!("{host} is no Service of the cluster; use the host name of one");
            found.obstacle.get_or_insert(Words::no("AddressNotUsable", what));
        }
    }
    found
}

fn made(namespace: &str, name: &str, mesh: &Mesh<'_>) -> Reached {
    let Some(service) = mesh.get(To { group: "", kind: "Service", namespace, name }) else {
        let what = format!("there is no Service {namespace}/{name} yet");
        return unreached("AddressNotAssigned", what);
    };
    let pods = mesh.get(To { group: "apps", kind: "Deployment", namespace, name });
    let what = || format!("no pod of Deployment {namespace}/{name} is ready");
    let obstacle = (!pods.is_some_and(deployed::is_up)).then(|| Words::no("Pending", what()));
    Reached { addresses: deployed::addresses(service), obstacle }
}

fn unreached(reason: &'static str, what: String) -> Reached {
    Reached { addresses: Vec::new(), obstacle: Some(Words::no(reason, what)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(kind: &str, name: &str) -> Value {
        let api = if kind == "Deployment" { "apps/v1" } else { "v1" };
        json!({ "apiVersion": api, "kind": kind, "metadata": { "name": name, "namespace": "shop" } })
    }

    #[track_caller]
    fn check(spec: &Value, beside: &[Value], addresses: &Value, reason: Option<&str>) {
        let mut gateway = json!({ "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
            "metadata": { "name": "front", "namespace": "shop" }, "spec": spec });
        gateway["spec"]["gatewayClassName"] = json!("weft");
        let found = reached(&ObjectRef::of(&gateway), &gateway, &Mesh::new(beside));
        assert_eq!(Value::from(found.addresses), *addresses);
        assert_eq!(found.obstacle.map(|words| words.reason), reason);
    }

    #[test]
    fn a_made_gateway_is_called_at_its_service_and_serves_once_a_pod_is_ready() {
        let (mut service, mut pods) =
            (object("Service", "front-weft"), object("Deployment", "front-weft"));
        let host = json!([{ "type": "Hostname", "value": "front-weft.shop.svc.cluster.local" }]);
        check(&json!({}), &[], &json!([]), Some("AddressNotAssigned"));
        check(&json!({}), &[service.clone(), pods.clone()], &host, Some("Pending"));
        pods["status"] = json!({ "availableReplicas": 1 });
        check(&json!({}), &[service.clone(), pods.clone()], &host, None);
        service["status"] = json!({ "loadBalancer": { "ingress": [{ "ip": "192.0.2.1" }] } });
        let outside = json!([{ "type": "IPAddress", "value": "192.0.2.1" }]);
        check(&json!({}), &[service, pods], &outside, None);
    }

    #[test]
    fn a_manual_gateway_is_called_where_it_says() {
        let at =
            |kind: &str, value: &str| json!({ "addresses": [{ "type": kind, "value": value }] });
        let service = [object("Service", "edge")];
        let told = |host: &str| json!([{ "type": "Hostname", "value": host }]);
        check(&at("Hostname", "edge"), &service, &told("edge"), None);
        let full = "edge.shop.svc.cluster.local";
        check(&at("Hostname", full), &service, &told(full), None);
        check(&at("Hostname", "edge.away"), &service, &json!([]), Some("AddressNotUsable"));
        check(&at("IPAddress", "192.0.2.1"), &service, &json!([]), Some("AddressNotUsable"));
        let parameters = json!({ "group": "", "kind": "ConfigMap", "name": "more" });
        let more = json!({ "infrastructure": { "parametersRef": parameters } });
        check(&more, &service, &json!([]), Some("Invalid"));
    }
}
