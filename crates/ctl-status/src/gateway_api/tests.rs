use serde_json::json;

use super::*;
use crate::conditions::Condition;

/// The objects of one YAML-like list, each as JSON with metadata.
fn object(kind: &str, name: &str, spec: Value) -> Value {
    let group = match kind {
        "Service" | "Secret" | "Namespace" => "v1",
        "XListenerSet" => "gateway.networking.x-k8s.io/v1alpha1",
        _ => "gateway.networking.k8s.io/v1",
    };
    let (name, namespace) = name.split_once('.').unwrap_or((name, "shop"));
    json!({ "apiVersion": group, "kind": kind, "spec": spec,
        "metadata": { "name": name, "namespace": namespace, "generation": 3 } })
}

fn class(name: &str, controller: &str) -> Value {
    object("GatewayClass", name, json!({ "controllerName": controller }))
}

fn gateway(name: &str, class: &str, listeners: Value) -> Value {
    object("Gateway", name, json!({ "gatewayClassName": class, "listeners": listeners }))
}

fn http(name: &str, port: u16) -> Value {
    json!({ "name": name, "port": port, "protocol": "HTTP" })
}

fn service(name: &str) -> Value {
    object("Service", name, json!({ "ports": [{ "port": 80 }] }))
}

fn route(name: &str, parent: Value, backend: Value) -> Value {
    let rules = json!([{ "backendRefs": [backend] }]);
    object("HTTPRoute", name, json!({ "parentRefs": [parent], "rules": rules }))
}

fn judged(objects: &[Value]) -> HashMap<String, Wanted> {
    let none = Refused::new();
    let found = gateway_api(&Judged::of(objects, &none), &none);
    found
        .into_iter()
        .map(|(name, wanted)| (format!("{} {}", name.kind, name.name), wanted))
        .collect()
}

fn said(conditions: &[Condition]) -> Vec<String> {
    conditions.iter().map(|c| format!("{} {} {}", c.kind, c.status, c.reason)).collect()
}

fn part<'a>(found: &'a HashMap<String, Wanted>, of: &str, at: usize) -> &'a crate::own::Part {
    &found[of].parts.as_ref().unwrap().parts[at]
}

#[test]
fn a_route_and_its_gateway_are_accepted_and_served() {
    let found = judged(&[
        class("istio", "istio.io/gateway-controller"),
        gateway("front", "istio", json!([http("web", 80)])),
        service("web"),
        route("web", json!({ "name": "front" }), json!({ "name": "web", "port": 80 })),
    ]);
    assert_eq!(said(&found["GatewayClass istio"].conditions), ["Accepted True Accepted"]);
    let gateway = ["Accepted True Accepted", "Programmed False AddressNotAssigned"];
    assert_eq!(said(&found["Gateway front"].conditions), gateway);
    let listener = part(&found, "Gateway front", 0);
    assert_eq!(listener.fields["attachedRoutes"], 1);
    assert_eq!(listener.fields["supportedKinds"][0]["kind"], "HTTPRoute");
    let conditions = [
        "Accepted True Accepted",
        "Conflicted False NoConflicts",
        "ResolvedRefs True ResolvedRefs",
        "Programmed True Programmed",
    ];
    assert_eq!(said(&listener.conditions), conditions);
    let parent = part(&found, "HTTPRoute web", 0);
    assert_eq!(parent.name["parentRef"]["name"], "front");
    let conditions =
        ["Accepted True Accepted", "ResolvedRefs True ResolvedRefs", "Programmed True Programmed"];
    assert_eq!(said(&parent.conditions), conditions);
}

#[test]
fn what_other_controllers_own_is_not_touched() {
    let web = json!({ "name": "web", "port": 80 });
    let found = judged(&[
        class("other", "example.com/controller"),
        class("istio", "example.com/controller"),
        gateway("front", "other", json!([http("web", 80)])),
        gateway("taken", "istio", json!([http("web", 80)])),
        gateway("unknown", "no-such-class", json!([http("web", 80)])),
        object("ListenerSet", "set", json!({ "parentRef": { "name": "front" }, "listeners": [] })),
        route("a", json!({ "name": "front" }), web.clone()),
        route("b", json!({ "name": "gone" }), web),
    ]);
    assert!(found.is_empty(), "{:?}", found.keys());
}

#[test]
fn names_of_istio_are_ours_while_no_class_says_otherwise() {
    let found = judged(&[gateway("front", "istio", json!([http("web", 80)]))]);
    assert!(found.contains_key("Gateway front"));
}

#[test]
fn listeners_that_cannot_be_told_apart_exclude_the_later_one() {
    let tls = |name: &str, host: &str| {
        json!({ "name": name, "port": 443, "protocol": "TLS", "hostname": host,
            "tls": { "mode": "Passthrough" } })
    };
    let listeners = json!([http("a", 80), http("b", 80), { "name": "c", "port": 80, "protocol": "TCP" },
        tls("d", "d.com"), tls("e", "e.com"), { "name": "f", "port": 53, "protocol": "UDP" }]);
    let found = judged(&[gateway("front", "istio", listeners)]);
    let reason = |at: usize| {
        let conditions = &part(&found, "Gateway front", at).conditions;
        (conditions[0].reason, conditions[1].status)
    };
    assert_eq!(reason(0), ("Accepted", "False"));
    assert_eq!(reason(1), ("HostnameConflict", "True"));
    assert_eq!(reason(2), ("ProtocolConflict", "True"));
    assert_eq!([reason(3), reason(4)], [("Accepted", "False"); 2]);
    assert_eq!(reason(5), ("UnsupportedProtocol", "False"));
    let whole = &found["Gateway front"].conditions[0];
    assert_eq!((whole.status, whole.reason), ("True", "ListenersNotValid"));
}

#[track_caller]
fn attached(parent: Value, spec: Value, reason: &str) {
    let listeners = json!([
        { "name": "same", "port": 80, "protocol": "HTTP", "hostname": "*.example.com" },
        { "name": "tcp", "port": 9000, "protocol": "TCP", "allowedRoutes": { "namespaces": { "from": "All" } } },
        { "name": "some", "port": 81, "protocol": "HTTP", "allowedRoutes": { "namespaces":
            { "from": "Selector", "selector": { "matchLabels": { "team": "a" } } } } }]);
    let mut away = object("Namespace", "away", json!({}));
    away["metadata"]["labels"] = json!({ "team": "a" });
    let mut guest = object("HTTPRoute", "web", spec);
    guest["spec"]["parentRefs"] = json!([parent]);
    if guest["spec"]["away"] == true {
        guest["metadata"]["namespace"] = json!("away");
    }
    let found = judged(&[gateway("front", "istio", listeners), away, guest]);
    assert_eq!(part(&found, "HTTPRoute web", 0).conditions[0].reason, reason);
}

#[test]
fn a_route_attaches_where_name_kind_namespace_and_host_fit() {
    attached(json!({ "name": "front" }), json!({}), "Accepted");
    attached(json!({ "name": "front", "sectionName": "none" }), json!({}), "NoMatchingParent");
    attached(json!({ "name": "front", "port": 99 }), json!({}), "NoMatchingParent");
    attached(json!({ "name": "front", "sectionName": "tcp" }), json!({}), "NotAllowedByListeners");
    let host = |host: &str| json!({ "hostnames": [host] });
    attached(json!({ "name": "front", "port": 80 }), host("a.example.com"), "Accepted");
    let other = json!({ "name": "front", "sectionName": "same" });
    attached(other, host("a.example.org"), "NoMatchingListenerHostname");
    let away =
        |section: &str| json!({ "name": "front", "namespace": "shop", "sectionName": section });
    attached(away("same"), json!({ "away": true }), "NotAllowedByListeners");
    attached(away("some"), json!({ "away": true }), "Accepted");
}

#[track_caller]
fn resolved(backend: Value, more: &[Value], reason: &str) {
    let mut objects = vec![
        gateway("front", "istio", json!([http("web", 80)])),
        service("web"),
        service("far.away"),
        route("web", json!({ "name": "front" }), backend),
    ];
    objects.extend_from_slice(more);
    assert_eq!(part(&judged(&objects), "HTTPRoute web", 0).conditions[1].reason, reason);
}

#[test]
fn references_are_there_and_allowed_or_named() {
    resolved(json!({ "name": "web", "port": 80 }), &[], "ResolvedRefs");
    resolved(json!({ "name": "web", "port": 81 }), &[], "BackendNotFound");
    resolved(json!({ "name": "none", "port": 80 }), &[], "BackendNotFound");
    resolved(json!({ "name": "web", "kind": "Bucket", "group": "a.b" }), &[], "InvalidKind");
    let far = json!({ "name": "far", "namespace": "away", "port": 80 });
    resolved(far.clone(), &[], "RefNotPermitted");
    let from = json!([{ "group": GROUP, "kind": "HTTPRoute", "namespace": "shop" }]);
    let to = json!([{ "group": "", "kind": "Service" }]);
    let grant = object("ReferenceGrant", "g.away", json!({ "from": from, "to": to }));
    resolved(far, &[grant], "ResolvedRefs");
}

#[test]
fn a_listener_tells_what_is_wrong_with_its_certificate() {
    let listener = |name: &str, secret: Value| {
        json!({ "name": name, "port": 443, "protocol": "HTTPS", "hostname": format!("{name}.com"),
            "tls": { "certificateRefs": [secret] } })
    };
    let mut secret = object("Secret", "good", Value::Null);
    secret["data"] = json!({ "tls.crt": "eA==", "tls.key": "eA==" });
    let listeners = json!([
        listener("a", json!({ "name": "good" })),
        listener("b", json!({ "name": "none" })),
        listener("c", json!({ "name": "far", "namespace": "away" })),
    ]);
    let found = judged(&[gateway("front", "istio", listeners), secret]);
    let reason = |at: usize| part(&found, "Gateway front", at).conditions[2].reason;
    assert_eq!(
        [reason(0), reason(1), reason(2)],
        ["ResolvedRefs", "InvalidCertificateRef", "RefNotPermitted"]
    );
}

#[test]
fn a_set_of_listeners_needs_the_consent_of_its_gateway() {
    let set = |name: &str| {
        let spec = json!({ "parentRef": { "name": "front" }, "listeners": [http("more", 81)] });
        object("ListenerSet", name, spec)
    };
    let mut front = gateway("front", "istio", json!([http("web", 80)]));
    let found = judged(&[front.clone(), set("set")]);
    let refused = ["Accepted False NotAllowed", "Programmed False NotAllowed"];
    assert_eq!(said(&found["ListenerSet set"].conditions), refused);
    front["spec"]["allowedListeners"] = json!({ "namespaces": { "from": "Same" } });
    let parent = json!({ "name": "set", "kind": "ListenerSet" });
    let guest = route("web", parent, json!({ "name": "web", "port": 80 }));
    let found = judged(&[front, set("set"), guest]);
    assert_eq!(found["ListenerSet set"].conditions[0].reason, "Accepted");
    assert_eq!(part(&found, "ListenerSet set", 0).fields["attachedRoutes"], 1);
    assert_eq!(found["Gateway front"].fields["attachedListenerSets"], 1);
}

#[test]
fn a_policy_is_told_under_each_gateway_that_calls_its_target() {
    let policy = |name: &str, created: &str| {
        let validation = json!({ "hostname": "web", "caCertificateRefs":
            [{ "group": "", "kind": "ConfigMap", "name": "ca" }] });
        let target = json!([{ "group": "", "kind": "Service", "name": "web" }]);
        let mut policy = object(
            "BackendTLSPolicy",
            name,
            json!({ "targetRefs": target, "validation": validation }),
        );
        policy["metadata"]["creationTimestamp"] = json!(created);
        policy
    };
    let found = judged(&[
        gateway("front", "istio", json!([http("web", 80)])),
        service("web"),
        route("web", json!({ "name": "front" }), json!({ "name": "web", "port": 80 })),
        policy("first", "2026-01-01T00:00:00Z"),
        policy("second", "2026-01-02T00:00:00Z"),
    ]);
    let first = part(&found, "BackendTLSPolicy first", 0);
    assert_eq!(first.name["ancestorRef"]["name"], "front");
    assert_eq!(first.conditions[0].reason, "NoValidCACertificate");
    assert_eq!(first.conditions[1].reason, "InvalidCACertificateRef");
    assert_eq!(part(&found, "BackendTLSPolicy second", 0).conditions[0].reason, "Conflicted");
}

#[test]
fn a_refused_object_says_so_and_takes_no_routes() {
    let objects = [
        gateway("front", "istio", json!([http("web", 80)])),
        route("web", json!({ "name": "front" }), json!({ "name": "web", "port": 80 })),
    ];
    let name = |at: usize| (ObjectRef::of(&objects[at]), "wrong".to_owned());
    let refused = Refused::from([name(0)]);
    let found = gateway_api(&Judged::of(&objects, &refused), &refused);
    let gateway = &found[&name(0).0];
    assert_eq!(said(&gateway.conditions), ["Accepted False Invalid", "Programmed False Invalid"]);
    let refused = Refused::from([name(1)]);
    let found = gateway_api(&Judged::of(&objects, &refused), &refused);
    let parents = &found[&name(1).0].parts.as_ref().unwrap().parts;
    assert_eq!(parents[0].conditions[0].reason, "UnsupportedValue");
}

#[test]
fn an_entry_of_ours_goes_when_the_parent_is_not_ours_any_more() {
    let mut gone = route("web", json!({ "name": "front" }), json!({ "name": "web", "port": 80 }));
    gone["status"] = json!({ "parents": [{ "controllerName": CONTROLLER }] });
    let found = judged(&[gone]);
    assert!(found["HTTPRoute web"].parts.as_ref().unwrap().parts.is_empty());
}
