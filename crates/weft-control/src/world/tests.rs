use std::collections::HashSet;

use serde_json::{Value, json};
use weft_model::Inventory;
use weft_proto::envoy::config::core::v3::Node;

use super::*;

mod taken_over;

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

fn large() -> Inventory {
    let mut inventory = Inventory::default();
    for i in 0..SERVICES {
        inventory.apply(&service(i));
        inventory.apply(&slice(i, 1));
    }
    for i in 0..SIDECARS {
        inventory.apply(&pod(i));
    }
    inventory
}

/// Counts work, not time: what a change of one endpoint, of one pod's proxy, of one rule makes anew.
#[test]
fn a_change_of_one_endpoint_makes_one_resource_anew_among_a_thousand_services() {
    let mut inventory = large();
    let snapshot = MeshSnapshot::build(1, Arc::default(), &inventory.model().0);
    let first = MeshWorld::new(snapshot, None);
    let seen = views(&first);
    let made = bytes(&first, &seen);
    // Endpoints and clusters once; listeners and routes once per namespace; an inbound listener and two clusters per pod.
    let expected = 2 * SERVICES + NAMESPACES * 5 + 3 * SIDECARS;
    assert!(made.len() <= expected, "{} resources", made.len());

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

/// Resources that are other allocations after an object is there: those that were translated and encoded anew.
#[track_caller]
fn anew(object: &Value, expected: usize) {
    let mut inventory = large();
    let snapshot = MeshSnapshot::build(1, Arc::default(), &inventory.model().0);
    let first = MeshWorld::new(snapshot, None);
    let seen = views(&first);
    let made = bytes(&first, &seen);
    // As proxies hold what they were sent, so that no address is given twice.
    let held: Vec<Resources> = seen.iter().map(|view| first.resources(view)).collect();
    inventory.apply(object);
    let snapshot = first.snapshot().next(2, Arc::default(), &inventory.model().0);
    let second = MeshWorld::new(snapshot, Some(&first));
    assert_eq!(bytes(&second, &views(&second)).difference(&made).count(), expected);
    drop(held);
}

#[test]
fn a_policy_makes_only_the_pods_that_it_selects_anew() {
    anew(
        &json!({ "kind": "PeerAuthentication", "apiVersion": "security.istio.io/v1",
            "metadata": { "name": "one", "namespace": "n3" },
            "spec": { "mtls": { "mode": "STRICT" } } }),
        SIDECARS / NAMESPACES,
    );
}

#[test]
fn a_route_makes_no_cluster_and_nothing_of_servers_anew() {
    let host = "s7.n3.svc.cluster.local";
    // All sees it: the routes of the port, for each namespace.
    anew(
        &json!({ "kind": "VirtualService", "apiVersion": "networking.istio.io/v1",
            "metadata": { "name": "one", "namespace": "n3" },
            "spec": { "hosts": [host], "http": [{ "timeout": "5s",
                "route": [{ "destination": { "host": host } }] }] } }),
        NAMESPACES,
    );
}

#[test]
fn a_service_makes_its_own_cluster_anew_once_for_all_namespaces() {
    // Endpoints, the cluster; for each namespace routes, and the clusters to nowhere and to everywhere beside it.
    anew(&service(SERVICES), 2 + NAMESPACES * 3);
}

const SERVERS: usize = 20;

fn certificate(i: usize, content: &str) -> Value {
    json!({ "kind": "Secret", "apiVersion": "v1", "metadata": { "name": format!("c{i}"), "namespace": "n1" },
        "stringData": { "tls.crt": format!("-----BEGIN CERTIFICATE-----{content}"), "tls.key": "-----BEGIN PRIVATE KEY-----" } })
}

#[test]
fn a_replaced_certificate_makes_secrets_anew_and_a_lost_one_its_listener_too() {
    let mut inventory = large();
    let mut gateway = pod(1);
    gateway["metadata"]["annotations"] = json!({ "gateway.istio.io/status": "{}" });
    inventory.apply(&gateway);
    let server = |i: usize| {
        json!({ "port": { "number": 443, "name": format!("https-{i}"), "protocol": "HTTPS" },
            "hosts": [format!("h{i}.example")], "tls": { "mode": "SIMPLE", "credentialName": format!("c{i}") } })
    };
    inventory.apply(&json!({ "kind": "Gateway", "apiVersion": "networking.istio.io/v1",
        "metadata": { "name": "front", "namespace": "n1" },
        "spec": { "selector": { "app": "s1" }, "servers": (0..SERVERS).map(server).collect::<Vec<_>>() } }));
    for i in 0..SERVERS {
        inventory.apply(&certificate(i, "old"));
    }
    let first = MeshWorld::new(MeshSnapshot::build(1, Arc::default(), &inventory.model().0), None);
    let id = "router~10.1.0.2~s1-0.n1~n1.svc.cluster.local".to_owned();
    let node = ProxyNode::parse(Node { id, ..Node::default() }).unwrap();
    let mut seen = views(&first);
    seen.push(first.view(&node));
    let held: Vec<Resources> = seen.iter().map(|view| first.resources(view)).collect();
    let secrets = |world: &MeshWorld| -> HashSet<String> {
        let all = world.resources(&seen[SIDECARS]).remove(type_url::SECRET).unwrap();
        all.iter().map(|(name, one)| format!("{name} {}", one.version)).collect()
    };
    let shown = secrets(&first);
    assert_eq!(shown.len(), SERVERS);
    let made = bytes(&first, &seen);

    inventory.apply(&certificate(3, "new"));
    let next = |world: &MeshWorld, inventory: &Inventory| {
        let snapshot = world.snapshot().next(2, Arc::default(), &inventory.model().0);
        MeshWorld::new(snapshot, Some(world))
    };
    let second = next(&first, &inventory);
    let remade = bytes(&second, &seen);
    assert_eq!(remade.difference(&made).count(), SERVERS, "secrets, and nothing else");
    assert_eq!(secrets(&second).difference(&shown).count(), 1, "one of them is another");
    let again: Vec<Resources> = seen.iter().map(|view| second.resources(view)).collect();

    inventory.remove(&certificate(3, "new"));
    let third = next(&second, &inventory);
    assert_eq!(bytes(&third, &seen).difference(&remade).count(), SERVERS, "the listener too");
    assert_eq!(secrets(&third).len(), SERVERS - 1);
    drop((held, again));
}

#[test]
fn a_proven_account_is_no_pod_of_another_account_and_of_no_other_address() {
    let mut inventory = Inventory::default();
    let mut own = pod(0);
    own["spec"]["serviceAccountName"] = "web".into();
    inventory.apply(&own);
    inventory.apply(&pod(4));
    let mut edge = pod(8);
    edge["spec"] = json!({ "hostNetwork": true, "serviceAccountName": "edge" });
    inventory.apply(&edge);
    let world = MeshWorld::new(MeshSnapshot::build(1, Arc::default(), &inventory.model().0), None);
    let against = |ip: &str, name: &str, account: &str| {
        let id = format!("router~{ip}~{name}.n0~n0.svc.cluster.local");
        let node = ProxyNode::parse(Node { id, ..Node::default() }).unwrap();
        world.contradicts(&node, account)
    };
    assert_eq!(against("10.1.0.1", "s0-0", "web"), None);
    assert_eq!(against("10.1.0.1", "s0-0", "other"), Some(Contradiction::Account));
    assert_eq!(against("10.1.0.5", "s0-0", "web"), Some(Contradiction::Address));
    assert_eq!(against("10.9.9.9", "s0-0", "web"), Some(Contradiction::Address));
    assert_eq!(against("10.1.0.1", "s9-0", "web"), Some(Contradiction::Unknown));
    assert_eq!(against("10.9.9.9", "machine", "web"), None, "a machine outside of the mesh's pods");
    assert_eq!(against("10.1.0.5", "s4-0", "default"), None);
    assert_eq!(against("10.1.0.9", "s8-0", "edge"), None, "on the network of its node");
    assert_eq!(against("10.1.0.9", "s8-0", "web"), Some(Contradiction::Account));
}
