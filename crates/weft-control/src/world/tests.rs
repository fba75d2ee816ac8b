use std::collections::HashSet;

use serde_json::{Value, json};
use weft_model::Inventory;
use weft_proto::envoy::config::core::v3::Node;

use super::*;

const NAMESPACES: usize = 4;
const SERVICES: usize = 1000;
const SIDECARS: usize = 200;

fn service(i: usize) -> Value {
    json!({ "kind": "Service", "apiVersion": "v1",
        "metadata": { "name": format!("s{i}"), "namespace": format!("n{}", i % NAMESPACES) },
        "spec": { "clusterIP": format!("10.96.{}.{}", i / 250, i % 250 + 1),
            "selector": { "app": format!("s{i}") },
            "ports": [{ "name": "http", "port": 80, "targetPort": 8080 }] } })
}

fn slice(i: usize, addresses: usize) -> Value {
    let address =
        |n: usize| json!({ "addresses": [format!("10.{n}.{}.{}", i / 250, i % 250 + 1)] });
    json!({ "kind": "EndpointSlice", "apiVersion": "discovery.k8s.io/v1",
        "metadata": { "name": format!("s{i}"), "namespace": format!("n{}", i % NAMESPACES),
            "labels": { "kubernetes.io/service-name": format!("s{i}") } },
        "ports": [{ "name": "http", "port": 8080 }],
        "endpoints": (1..=addresses).map(address).collect::<Vec<_>>() })
}

fn pod(i: usize) -> Value {
    json!({ "kind": "Pod", "apiVersion": "v1",
        "metadata": { "name": format!("s{i}-0"), "namespace": format!("n{}", i % NAMESPACES),
            "labels": { "app": format!("s{i}"), "security.istio.io/tlsMode": "istio" } },
        "spec": {}, "status": { "podIP": format!("10.1.{}.{}", i / 250, i % 250 + 1) } })
}

fn views(world: &MeshWorld) -> Vec<ProxyView> {
    let node = |i: usize| {
        let (ip, ns) = (format!("10.1.{}.{}", i / 250, i % 250 + 1), i % NAMESPACES);
        let id = format!("sidecar~{ip}~s{i}-0.n{ns}~n{ns}.svc.cluster.local");
        ProxyNode::parse(Node { id, ..Node::default() }).unwrap()
    };
    (0..SIDECARS).map(|i| world.view(&node(i))).collect()
}

/// Every encoded resource of all views, by where its bytes are: each counts once, however many proxies get it.
fn bytes(world: &MeshWorld, views: &[ProxyView]) -> HashSet<*const u8> {
    let all = views.iter().flat_map(|view| world.resources(view).into_values());
    all.flat_map(|set| set.iter().map(|(_, resource)| resource.body.as_ptr()).collect::<Vec<_>>())
        .collect()
}

/// Counts work, not time: what a change of one endpoint, of one pod's proxy, of one rule makes anew.
#[test]
fn a_change_of_one_endpoint_makes_one_resource_anew_among_a_thousand_services() {
    let mut inventory = Inventory::default();
    for i in 0..SERVICES {
        inventory.apply(&service(i));
        inventory.apply(&slice(i, 1));
    }
    for i in 0..SIDECARS {
        inventory.apply(&pod(i));
    }
    let snapshot = MeshSnapshot::build(1, Arc::default(), &inventory.model().0);
    let first = MeshWorld::new(snapshot, None);
    let seen = views(&first);
    let made = bytes(&first, &seen);
    // Endpoints once; clusters, listeners and routes once per namespace; an inbound listener and two clusters per pod.
    let outbound = NAMESPACES * (SERVICES + 5);
    assert!(made.len() <= SERVICES + outbound + 3 * SIDECARS, "{} resources", made.len());

    inventory.apply(&slice(7, 2));
    let snapshot = first.snapshot().with_endpoints(2, &inventory.model().0);
    let second = MeshWorld::new(snapshot, Some(&first));
    assert_eq!(views(&second), seen);
    let anew = bytes(&second, &seen).difference(&made).count();
    assert_eq!(anew, 1, "one assignment");

    // A world that nobody asked hands on what the one before it had made.
    inventory.apply(&slice(8, 2));
    let skipped =
        MeshWorld::new(second.snapshot().with_endpoints(3, &inventory.model().0), Some(&second));
    inventory.apply(&slice(9, 2));
    let third =
        MeshWorld::new(skipped.snapshot().with_endpoints(4, &inventory.model().0), Some(&skipped));
    let before = bytes(&second, &seen);
    assert_eq!(bytes(&third, &seen).difference(&before).count(), 2, "two assignments");
}
