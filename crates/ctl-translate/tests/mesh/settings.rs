//! Settings of the whole mesh, each seen in what proxies get.

use ctl_snapshot::MeshSettings;
use serde_json::Value;

use crate::everything::both_data_planes_take;
use crate::fixture::Mesh;

/// A small mesh with other settings.
fn mesh(set: impl FnOnce(&mut MeshSettings)) -> Mesh {
    let mut mesh = Mesh::small();
    set(&mut mesh.settings);
    mesh
}

fn object(kind: &str, namespace: &str, spec: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: {kind}\n\
         metadata: {{name: x, namespace: {namespace}}}\nspec: {spec}\n"
    )
}

const STORE: &str = "outbound|80||store.west.svc.cluster.local";

#[test]
fn services_that_say_nothing_are_exported_as_the_mesh_says() {
    let own = mesh(|settings| settings.exports.services = vec![".".into()]);
    assert!(!own.served("client.east").clusters().contains(&STORE));
    assert!(own.served("caller.west").clusters().contains(&STORE));
    let named = mesh(|settings| settings.exports.services = vec![".".into(), "east".into()]);
    assert!(named.served("client.east").clusters().contains(&STORE));
    let said = own.and(
        "apiVersion: v1\nkind: Service\nmetadata: {name: store, namespace: west, \
         annotations: {networking.istio.io/exportTo: '*'}}\n\
         spec: {selector: {app: store}, ports: [{name: http, port: 80}]}\n",
    );
    assert!(said.served("client.east").clusters().contains(&STORE));
}

#[test]
fn virtual_services_that_say_nothing_are_exported_as_the_mesh_says() {
    let spec = |more: &str| {
        let host = "store.west.svc.cluster.local";
        format!(
            "{{hosts: [{host}], http: [{{timeout: 7s, route: [{{destination: {{host: {host}}}}}]}}]{more}}}"
        )
    };
    let timeout = |mesh: Mesh| -> Value {
        let host = mesh.served("client.east").host("80", "store.west.svc.cluster.local:80");
        host["routes"][0]["route"]["timeout"].clone()
    };
    let private = || mesh(|settings| settings.exports.virtual_services = vec![".".into()]);
    assert_eq!(timeout(private().and(&object("VirtualService", "west", &spec("")))), "0s");
    assert_eq!(timeout(mesh(|_| {}).and(&object("VirtualService", "west", &spec("")))), "7s");
    let said = spec(", exportTo: ['*']");
    assert_eq!(timeout(private().and(&object("VirtualService", "west", &said))), "7s");
}

#[test]
fn destination_rules_that_say_nothing_are_exported_as_the_mesh_says() {
    let rule = "{host: store, trafficPolicy: {connectionPool: {tcp: {connectTimeout: 3s}}}}";
    let rule = object("DestinationRule", "west", rule);
    let timeout = |mesh: Mesh| mesh.served("client.east").cluster(STORE)["connect_timeout"].clone();
    assert_eq!(timeout(mesh(|_| {}).and(&rule)), "3s");
    let private = mesh(|settings| settings.exports.destination_rules = vec![".".into()]);
    assert_eq!(timeout(private.and(&rule)), "10s");
    both_data_planes_take("exports", &mesh(|s| s.exports.services = vec!["~".into()]));
}
