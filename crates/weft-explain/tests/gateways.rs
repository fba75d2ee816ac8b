//! What is told of gateways, of both APIs.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::collections::BTreeMap;

use ctl_snapshot::MeshSettings;
use serde_json::Value;
use weft_explain::Mesh;
use weft_explain::around::{BoundRoute, GatewayAround};
use weft_model::api::yaml;

const DOORS: &str = include_str!("gateways.yaml");

fn mesh() -> Mesh {
    let documents = yaml::read(DOORS, "gateways.yaml").unwrap();
    let objects: Vec<Value> = documents.into_iter().map(|document| document.value).collect();
    Mesh::new(objects, BTreeMap::new(), MeshSettings::default()).0
}

#[track_caller]
fn routes(name: &str) -> Vec<String> {
    let mesh = mesh();
    let found = GatewayAround::named(&mesh, name, "shop").unwrap().remove(0);
    let line = |one: BoundRoute| {
        format!("{} {} -> {} [{}]", one.hosts.join(","), one.asks, one.to.join(", "), one.object)
    };
    found.routes(&mesh).unwrap().into_iter().map(line).collect()
}

#[test]
fn routes_are_told_in_the_order_in_which_they_are_asked_and_only_those_of_the_gateway() {
    assert_eq!(
        routes("front"),
        [
            "shop.example /pay* -> pay.shop.svc.cluster.local:8080 weight 90, web.shop.svc.cluster.local:8080 weight 10 [VirtualService shop/web]",
            "shop.example /* -> web.shop.svc.cluster.local:8080 [VirtualService shop/web]",
        ]
    );
    assert_eq!(
        routes("edge"),
        [
            "a.shop.example /pay[/*] -> pay.shop.svc.cluster.local:8080 [HTTPRoute shop/all]",
            "a.shop.example /* -> web.shop.svc.cluster.local:8080 [HTTPRoute shop/all]",
        ]
    );
}

#[test]
fn certificates_stand_where_the_pods_do_and_routes_that_are_not_served_say_why() {
    let mesh = mesh();
    let all = GatewayAround::all(&mesh);
    let names: Vec<&str> = all.iter().map(|one| one.gateway.as_str()).collect();
    assert_eq!(names, ["shop/edge", "shop/front", "shop/other"]);
    assert_eq!(all[1].servers[1].certificates, ["istio-system/web"]);
    assert_eq!((all[1].servers[0].tls.as_str(), all[1].pods.len()), ("redirects to HTTPS", 1));
    assert_eq!(all[0].servers[0].attached, Some(1));
    let rejected = all[0].rejected(&mesh);
    let told: Vec<(&str, &str)> =
        rejected.iter().map(|one| (one.object.as_str(), one.reason.as_str())).collect();
    assert_eq!(told, [("HTTPRoute shop/lost", "NoMatchingParent")]);
    let unclear = GatewayAround::named(&mesh, "fron", "shop").unwrap_err();
    assert_eq!(
        unclear.to_string(),
        "there is no gateway fron in namespace shop; did you mean front.shop?"
    );
}
