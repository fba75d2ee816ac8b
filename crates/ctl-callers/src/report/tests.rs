use serde_json::{Value, json};
use weft_model::Inventory;
use weft_proto::callers::{Caller as Seen, ReportCallersRequest};

use super::*;
use crate::keeper::Callers;

fn pod(namespace: &str, name: &str, ip: &str, labels: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {}, "status": {"podIP": ip}})
}

fn peers(namespace: &str, name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "security.istio.io/v1", "kind": "PeerAuthentication",
        "metadata": {"name": name, "namespace": namespace}, "spec": spec})
}

/// The namespace `shop` with the workload `web` behind a service, and a pod without a sidecar elsewhere.
fn mesh(more: &[Value]) -> MeshSnapshot {
    let labels =
        json!({"app": "web", "pod-template-hash": "5b8j", "security.istio.io/tlsMode": "istio"});
    let mut inventory = Inventory::default();
    let service = json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"clusterIP": "10.96.0.1", "selector": {"app": "web"},
            "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}});
    inventory.apply(&service);
    inventory.apply(&pod("shop", "web-5b8j-abcde", "10.0.0.1", &labels));
    inventory.apply(&pod("old", "batch-77-x", "10.0.0.9", &json!({"pod-template-hash": "77"})));
    for object in more {
        inventory.apply(object);
    }
    MeshSnapshot::build(1, Arc::default(), &inventory.model().0)
}

fn reported(mesh: &MeshSnapshot, address: &str) -> Workload {
    let folder = tempfile::tempdir().unwrap();
    let callers = Callers::open(folder.path().join("callers.json"), weft_rt::Clock::fake().0);
    let one = Seen { address: address.to_owned(), port: 8080, connections: 3, ..Seen::default() };
    let report = ReportCallersRequest {
        pod: "web-5b8j-abcde".to_owned(),
        namespace: "shop".to_owned(),
        callers: vec![one],
        ..ReportCallersRequest::default()
    };
    assert!(callers.take(mesh, Some("10.0.0.1".parse().unwrap()), &report));
    let unknown = ReportCallersRequest { pod: "web-2".to_owned(), ..report };
    assert!(!callers.take(mesh, None, &unknown), "a pod that is not in the mesh reports later");
    let report = callers.report(mesh, &BTreeSet::new());
    assert_eq!(report.workloads.len(), 1, "what has no sidecar is no workload of the mesh");
    report.workloads.into_iter().next().unwrap()
}

#[test]
fn a_caller_is_named_by_the_pod_that_has_its_address() {
    let mesh = mesh(&[]);
    let found = reported(&mesh, "10.0.0.9");
    assert_eq!((found.namespace.as_str(), found.name.as_str()), ("shop", "web"));
    assert_eq!((found.unheard.len(), found.without_proxy.len()), (0, 0));
    let port = &found.ports[0];
    assert_eq!((port.port, port.mode, port.from.as_str()), (8080, Mode::Permissive, ""));
    let caller = &port.callers[0];
    assert_eq!((caller.workload.as_str(), caller.pod.as_str()), ("old/batch", "batch-77-x"));
    assert!(!caller.meshed && caller.connections == 3);
    let stranger = reported(&mesh, "192.0.2.1").ports.remove(0).callers.remove(0);
    assert!(!stranger.is_known() && stranger.address == "192.0.2.1");
}

#[test]
fn every_port_has_the_policy_that_decides_for_it() {
    let strict = json!({"mode": "STRICT"});
    let own = json!({"selector": {"matchLabels": {"app": "web"}},
        "portLevelMtls": {"9090": {"mode": "DISABLE"}}});
    let rule = json!({"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
        "metadata": {"name": "plain", "namespace": "shop"},
        "spec": {"host": "web", "trafficPolicy": {"tls": {"mode": "DISABLE"}}}});
    let policies =
        [peers("shop", "all", &json!({"mtls": strict})), peers("shop", "own", &own), rule];
    let found = reported(&mesh(&policies), "10.0.0.9");
    let ports: Vec<_> = found.ports.iter().map(|p| (p.port, p.mode, p.from.as_str())).collect();
    assert_eq!(ports, [(8080, Mode::Strict, "shop/all"), (9090, Mode::Disable, "shop/own")]);
    assert_eq!(found.own_policy.as_deref(), Some("shop/own"));
    let breaking = &found.breaking[0];
    assert_eq!((breaking.rule.as_str(), breaking.mode.as_str()), ("shop/plain", "DISABLE"));
}

#[test]
fn a_pod_without_a_proxy_and_one_that_is_silent_are_named() {
    let meshed =
        json!({"app": "web", "pod-template-hash": "5b8j", "security.istio.io/tlsMode": "istio"});
    let bare = json!({"app": "web", "pod-template-hash": "5b8j"});
    let more = [
        pod("shop", "web-5b8j-bare", "10.0.0.2", &bare),
        pod("shop", "web-5b8j-mute", "10.0.0.3", &meshed),
    ];
    let found = reported(&mesh(&more), "10.0.0.9");
    assert_eq!(found.without_proxy, ["web-5b8j-bare"]);
    assert_eq!((found.unheard, found.heard), (vec!["web-5b8j-mute".to_owned()], None));
}
