//! Endpoints by place: failover, shares, preferences of services, and what the clients of other places see.

use serde_json::{Value, json};

use crate::everything::both_take;
use crate::fixture::Mesh;

const WEB: &str = "outbound|80||web.east.svc.cluster.local";
const EJECTS: &str = "outlierDetection: {consecutive5xxErrors: 3}";

/// Pods of `web` in four places, and a client in one of them.
fn spread() -> Mesh {
    let place = |label: &'static str| [("istio-locality", label)];
    let mut mesh = Mesh::default().namespace("east").service("east", "web", &["http:80:8080"]);
    for label in ["r1.z1.s1", "r1.z1.s2", "r1.z2", "r2.z1", "r3.z1"] {
        mesh = mesh.workload("east", "web", &place(label));
    }
    mesh.with(json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "client", "namespace": "east"},
        "spec": {"selector": {"matchLabels": {"app": "client"}}, "template": {
            "metadata": {"labels": {"app": "client", "istio-locality": "r1.z1.s1"}}, "spec": {}}}}))
        .workload("east", "stranger", &[])
}

fn rule(policy: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\n\
         metadata: {{name: web, namespace: east}}\nspec: {{host: web, trafficPolicy: {{{policy}}}}}\n"
    )
}

/// Place, priority and weight of each group that a proxy sees.
#[track_caller]
fn groups(mesh: &Mesh, proxy: &str) -> Vec<(String, u64, u64)> {
    let served = mesh.served(proxy);
    both_take("places", &served.0);
    let cluster = served.cluster(WEB);
    let name = cluster["eds_cluster_config"]["service_name"].as_str().unwrap();
    let groups = served.assignment(name)["endpoints"].as_array().cloned().unwrap_or_default();
    let read = |group: &Value| {
        let part = |name: &str| group["locality"][name].as_str().unwrap_or_default().to_owned();
        let place = [part("region"), part("zone"), part("sub_zone")].join("/");
        let place = place.trim_end_matches('/').to_owned();
        let number = |field: &Value| field.as_u64().unwrap_or_default();
        (place, number(&group["priority"]), number(&group["load_balancing_weight"]))
    };
    groups.iter().map(read).collect()
}

fn priorities(mesh: &Mesh, proxy: &str) -> Vec<(String, u64)> {
    groups(mesh, proxy).into_iter().map(|(place, priority, _)| (place, priority)).collect()
}

fn of(expected: &[(&str, u64)]) -> Vec<(String, u64)> {
    expected.iter().map(|(place, priority)| ((*place).to_owned(), *priority)).collect()
}

#[test]
fn without_ejection_places_make_no_difference() {
    let flat = [("r1/z1/s1", 0), ("r1/z1/s2", 0), ("r1/z2", 0), ("r2/z1", 0), ("r3/z1", 0)];
    assert_eq!(priorities(&spread(), "client.east"), of(&flat));
    let failover = "loadBalancer: {localityLbSetting: {failover: [{from: r1, to: r2}]}}";
    assert_eq!(priorities(&spread().and(&rule(failover)), "client.east"), of(&flat));
    let off = format!("{EJECTS}, loadBalancer: {{localityLbSetting: {{enabled: false}}}}");
    assert_eq!(priorities(&spread().and(&rule(&off)), "client.east"), of(&flat));
    let mut off = spread().and(&rule(EJECTS));
    off.settings.locality = None;
    assert_eq!(priorities(&off, "client.east"), of(&flat));
}

#[test]
fn with_ejection_nearer_places_come_first() {
    let near = [("r1/z1/s1", 0), ("r1/z1/s2", 1), ("r1/z2", 2), ("r2/z1", 3), ("r3/z1", 3)];
    let mesh = spread().and(&rule(EJECTS));
    assert_eq!(priorities(&mesh, "client.east"), of(&near));
    let flat = near.map(|(place, _)| (place, 0));
    assert_eq!(priorities(&mesh, "stranger.east"), of(&flat), "who is nowhere is equally far");
    let common = &mesh.served("client.east").cluster(WEB)["common_lb_config"];
    assert!(common["locality_weighted_lb_config"].is_null(), "nobody asked for weights");
}

#[test]
fn a_region_that_fails_goes_where_it_is_sent() {
    let policy = format!(
        "{EJECTS}, loadBalancer: {{localityLbSetting: {{failover: [{{from: r1, to: r3}}]}}}}"
    );
    let mesh = spread().and(&rule(&policy));
    let expected = [("r1/z1/s1", 0), ("r1/z1/s2", 1), ("r1/z2", 2), ("r2/z1", 4), ("r3/z1", 3)];
    assert_eq!(priorities(&mesh, "client.east"), of(&expected));
    let common = &mesh.served("client.east").cluster(WEB)["common_lb_config"];
    assert_eq!(common["locality_weighted_lb_config"], json!({}));
}

#[test]
fn labels_say_which_endpoints_are_preferred() {
    let policy = |labels: &str| {
        format!("{EJECTS}, loadBalancer: {{localityLbSetting: {{failoverPriority: [{labels}]}}}}")
    };
    let mesh =
        spread().and(&rule(&policy("topology.kubernetes.io/region, topology.kubernetes.io/zone")));
    let expected = [("r1/z1/s1", 0), ("r1/z1/s2", 0), ("r1/z2", 1), ("r2/z1", 2), ("r3/z1", 2)];
    assert_eq!(priorities(&mesh, "client.east"), of(&expected));
    let mesh = spread().and(&rule(&policy("'topology.kubernetes.io/region=r3'")));
    let expected = [("r1/z1/s1", 1), ("r1/z1/s2", 1), ("r1/z2", 1), ("r2/z1", 1), ("r3/z1", 0)];
    assert_eq!(priorities(&mesh, "stranger.east"), of(&expected));
}

#[test]
fn labels_and_regions_together() {
    let policy = format!(
        "{EJECTS}, loadBalancer: {{localityLbSetting: {{failoverPriority: [app], failover: [{{from: r1, to: r3}}]}}}}"
    );
    let expected = [("r1/z1/s1", 0), ("r1/z1/s2", 1), ("r1/z2", 2), ("r2/z1", 4), ("r3/z1", 3)];
    assert_eq!(priorities(&spread().and(&rule(&policy)), "client.east"), of(&expected));
}

#[test]
fn shares_of_places_need_no_ejection() {
    let policy = "loadBalancer: {localityLbSetting: {distribute: [{from: r1/z1/*, to: {'r1/z1/*': 70, 'r2/*': 30}}]}}";
    let mesh = spread().and(&rule(policy));
    let seen = |place: &str, weight| (place.to_owned(), 0, weight);
    assert_eq!(
        groups(&mesh, "client.east"),
        [seen("r1/z1/s1", 35), seen("r1/z1/s2", 35), seen("r2/z1", 30)]
    );
    assert_eq!(groups(&mesh, "stranger.east").len(), 5, "from elsewhere nothing is said");
    let common = &mesh.served("client.east").cluster(WEB)["common_lb_config"];
    assert_eq!(common["locality_weighted_lb_config"], json!({}));
}

#[test]
fn the_mesh_may_say_it_for_all_and_a_rule_otherwise() {
    let mut mesh = spread();
    let shares = [("r1/*".to_owned(), 100)].into();
    let locality = mesh.settings.locality.as_mut().unwrap();
    locality.distribute =
        vec![weft_model::api::traffic_policy::Distribute { from: "r1/*".into(), to: shares }];
    assert_eq!(groups(&mesh, "client.east").len(), 3);
    let own = rule("loadBalancer: {localityLbSetting: {enabled: true}}");
    assert_eq!(groups(&mesh.and(&own), "client.east").len(), 5);
}

fn service(more: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: web, namespace: east}}\n\
         spec: {{selector: {{app: web}}, ports: [{{name: http, port: 80, targetPort: 8080}}], {more}}}\n"
    )
}

#[test]
fn a_service_may_prefer_near_endpoints_by_itself() {
    let mesh = spread().and(&service("trafficDistribution: PreferClose"));
    let expected = [("r1/z1/s1", 0), ("r1/z1/s2", 0), ("r1/z2", 1), ("r2/z1", 2), ("r3/z1", 2)];
    assert_eq!(priorities(&mesh, "client.east"), of(&expected));
    let own = rule("loadBalancer: {localityLbSetting: {enabled: false}}");
    let flat = expected.map(|(place, _)| (place, 0));
    assert_eq!(priorities(&mesh.and(&own), "client.east"), of(&flat), "a rule goes before it");
}

#[test]
fn a_node_says_where_its_pods_are() {
    let node = |name: &str, zone: &str| {
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "namespace": "", "labels": {
            "topology.kubernetes.io/region": "r1", "topology.kubernetes.io/zone": zone}}})
    };
    let pod = |name: &str, node: &str| {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "east"},
            "spec": {"selector": {"matchLabels": {"app": name}}, "template": {
                "metadata": {"labels": {"app": "web"}}, "spec": {"nodeName": node}}}})
    };
    let mut mesh = Mesh::default()
        .namespace("east")
        .and(&rule(EJECTS))
        .and(&service("internalTrafficPolicy: Cluster"));
    for object in [node("n1", "z1"), node("n2", "z2"), pod("web", "n1"), pod("client", "n2")] {
        mesh = mesh.with(object);
    }
    assert_eq!(priorities(&mesh, "client.east"), of(&[("r1/z1", 1), ("r1/z2", 0)]));
    let local = mesh.and(&service("internalTrafficPolicy: Local"));
    assert_eq!(priorities(&local, "client.east"), of(&[("r1/z2", 0)]), "only of its own node");
}
