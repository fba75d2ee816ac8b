//! Which VirtualService decides for a host, where, and under which names services are called.

use serde_json::json;

use crate::everything::both_take;
use crate::fixture::Mesh;
use crate::words;

/// A VirtualService whose one route answers with its own name.
fn answers(name: &str, namespace: &str, spec: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: {name}, namespace: {namespace}}}\n\
         spec: {{{spec}, http: [{{directResponse: {{status: 200, body: {{string: {name}}}}}}}]}}\n"
    )
}

fn aged(text: &str, year: u16) -> String {
    text.replace(
        "metadata: {",
        &format!("metadata: {{creationTimestamp: '{year}-01-01T00:00:00Z', "),
    )
}

/// Who decides for `HOST:PORT` at a proxy: a VirtualService's name, or the cluster of the default route.
#[track_caller]
fn decides(mesh: &Mesh, proxy: &str, host: &str) -> String {
    let (_, port) = host.split_once(':').unwrap();
    let served = mesh.served(proxy);
    both_take(host, &served.0);
    let route = words::routes(&served.host(port, host)).remove(0);
    match route.strip_prefix("/*; answer 200 ") {
        Some(name) => name.to_owned(),
        None => route.split("; ").nth(1).unwrap().trim_start_matches("-> ").to_owned(),
    }
}

const WEB: &str = "web.east.svc.cluster.local:80";

#[test]
fn short_names_mean_the_namespace_of_the_object() {
    let mesh = Mesh::small().and(&answers("own", "east", "hosts: [web]"));
    assert_eq!(decides(&mesh, "client.east", WEB), "own");
    assert_eq!(decides(&mesh, "caller.west", WEB), "own", "for callers elsewhere too");
    let (snapshot, _) =
        Mesh::small().and(&answers("far", "west", "hosts: [web]")).snapshot_with_problems();
    let served = Mesh::small().served_from(&snapshot, "client.east");
    assert_eq!(words::routes(&served.host("80", WEB)).len(), 1);
    assert!(words::routes(&served.host("80", WEB))[0].contains("outbound|80||web.east"));
}

#[test]
fn the_oldest_of_several_for_one_host_decides_whole() {
    let young = aged(&answers("a-young", "east", "hosts: [web]"), 2022);
    let old = aged(&answers("b-old", "east", "hosts: [web]"), 2021);
    let mesh = Mesh::small().and(&young).and(&old);
    assert_eq!(decides(&mesh, "client.east", WEB), "b-old");
    assert_eq!(words::routes(&mesh.served("client.east").host("80", WEB)).len(), 1);
}

#[test]
fn private_ones_come_first_then_those_exported_by_name_then_everybodys() {
    let public = aged(&answers("public", "west", "hosts: [web.east.svc.cluster.local]"), 2020);
    let named = aged(
        &answers("named", "west", "hosts: [web.east.svc.cluster.local], exportTo: [east]"),
        2021,
    );
    let private = aged(&answers("private", "east", "hosts: [web], exportTo: [.]"), 2022);
    let mesh = Mesh::small().and(&public);
    assert_eq!(decides(&mesh, "client.east", WEB), "public");
    let mesh = mesh.and(&named);
    assert_eq!(decides(&mesh, "client.east", WEB), "named");
    let mesh = mesh.and(&private);
    assert_eq!(decides(&mesh, "client.east", WEB), "private");
    assert_eq!(decides(&mesh, "caller.west", WEB), "public", "the others are not for west");
}

#[test]
fn exact_hosts_come_before_wildcards_and_long_wildcards_before_short_ones() {
    let all = answers("all", "east", "hosts: ['*.cluster.local']");
    let east = answers("east", "east", "hosts: ['*.east.svc.cluster.local']");
    let exact = answers("exact", "east", "hosts: [web]");
    let mesh = Mesh::small().and(&all);
    assert_eq!(decides(&mesh, "client.east", WEB), "all");
    let mesh = mesh.and(&east);
    assert_eq!(decides(&mesh, "client.east", WEB), "east");
    assert_eq!(decides(&mesh, "client.east", "store.west.svc.cluster.local:80"), "all");
    let mesh = mesh.and(&exact);
    assert_eq!(decides(&mesh, "client.east", WEB), "exact");
}

#[test]
fn what_is_bound_to_gateways_only_is_not_for_sidecars() {
    let mesh = Mesh::small().and(
        "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: g, namespace: east}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]
",
    );
    let bound = |gateways: &str| {
        mesh.clone().and(&answers("v", "east", &format!("hosts: [web], gateways: [{gateways}]")))
    };
    assert_eq!(decides(&bound("g"), "client.east", WEB), "outbound|80||web.east");
    assert_eq!(decides(&bound("g, mesh"), "client.east", WEB), "v");
    assert_eq!(decides(&bound("mesh"), "client.east", WEB), "v");
}

/// A VirtualService for `web` with this condition on its first route.
fn conditional(found: &str) -> Mesh {
    Mesh::small().and(&format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: v, namespace: east}}\n\
         spec: {{hosts: [web], http: [{{match: [{{{found}}}], directResponse: {{status: 200, body: {{string: first}}}}}}, \
         {{route: [{{destination: {{host: web}}}}]}}]}}\n"
    ))
}

#[test]
fn conditions_that_speak_of_the_caller_choose_proxies() {
    let first = |found: &str, proxy: &str| decides(&conditional(found), proxy, WEB) == "first";
    assert!(first("sourceLabels: {app: client}", "client.east"));
    assert!(!first("sourceLabels: {app: client}", "caller.west"));
    assert!(!first("sourceLabels: {app: client, version: v1}", "client.east"));
    assert!(first("sourceNamespace: west", "caller.west"));
    assert!(!first("sourceNamespace: west", "client.east"));
    assert!(first("port: 80", "client.east") && !first("port: 81", "client.east"));
    assert!(first("gateways: [mesh]", "client.east") && !first("gateways: [other]", "client.east"));
    // A list of gateways stands in for the labels.
    assert!(first("gateways: [mesh], sourceLabels: {app: x}", "client.east"));
}

#[test]
fn a_service_whose_rules_mean_others_keeps_its_default_route() {
    let mesh = Mesh::small().and(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: v, namespace: east}\n\
         spec: {hosts: [web], http: [{match: [{port: 99}], route: [{destination: {host: web}}]}]}\n",
    );
    assert_eq!(decides(&mesh, "client.east", WEB), "outbound|80||web.east");
}

#[test]
fn a_host_without_a_service_is_served_on_port_80_and_beside_services_of_the_same_object() {
    let mesh = Mesh::small().and(&answers("v", "east", "hosts: [far.example, '*.wild.example']"));
    assert_eq!(decides(&mesh, "client.east", "far.example:80"), "v");
    assert_eq!(decides(&mesh, "client.east", "*.wild.example:80"), "v");
    let served = mesh.served("client.east");
    assert_eq!(served.host("80", "*.wild.example:80")["domains"], json!(["*.wild.example"]));
    assert!(!served.has_host("81", "far.example:81"));
    let mesh = Mesh::small().service("east", "late", &["http:82:8080"]);
    let served = mesh.and(&answers("v", "east", "hosts: [late]")).served("client.east");
    assert!(served.has_host("82", "late.east.svc.cluster.local:82"));
    assert!(
        served.has_host("80", "late.east.svc.cluster.local:80"),
        "on port 80 it is no service, and served there as every other host"
    );
    assert!(!served.has_host("81", "late.east.svc.cluster.local:81"));
    let mesh = Mesh::small().and(&answers("v", "east", "hosts: [far.example, shop]"));
    assert_eq!(decides(&mesh, "client.east", "far.example:81"), "v", "shop has port 81");
}

#[test]
fn the_next_object_decides_where_the_first_means_other_callers() {
    let old = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a, namespace: east, \
         creationTimestamp: '2020-01-01T00:00:00Z'}\nspec: {hosts: [web], http: [{match: [{sourceNamespace: west}], \
         directResponse: {status: 200, body: {string: a}}}]}\n";
    let mesh = Mesh::small().and(old).and(&aged(&answers("b", "east", "hosts: [web]"), 2021));
    assert_eq!(decides(&mesh, "client.east", WEB), "b");
    assert_eq!(decides(&mesh, "caller.west", WEB), "a");
}

#[test]
fn a_wildcard_decides_for_no_host_that_another_object_names() {
    let named = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a, namespace: east}\n\
         spec: {hosts: [web], http: [{match: [{port: 99}], route: [{destination: {host: web}}]}]}\n";
    let wild = answers("b", "east", "hosts: ['*.east.svc.cluster.local']");
    let mesh = Mesh::small().and(named).and(&wild);
    assert_eq!(decides(&mesh, "client.east", WEB), "outbound|80||web.east");
}

#[test]
fn services_have_every_name_that_callers_may_use() {
    let mesh = Mesh::small();
    let domains = |proxy: &str| mesh.served(proxy).host("80", WEB)["domains"].clone();
    let full = "web.east.svc.cluster.local";
    let everywhere = ["web.east", "web.east.svc", "10.96.0.2"];
    let names = |own: &[&str]| {
        let first = [full, "web.east.svc.cluster.local."];
        json!(first.iter().chain(own).chain(&everywhere).collect::<Vec<_>>())
    };
    assert_eq!(domains("client.east"), names(&["web"]));
    assert_eq!(domains("caller.west"), names(&[]));
}

#[test]
fn what_no_service_is_called_goes_where_the_client_wanted() {
    let host = Mesh::small().served("client.east").host("80", "allow_any");
    assert_eq!(host["domains"], json!(["*"]));
    assert_eq!(words::routes(&host), ["/*; -> PassthroughCluster; once"]);
}

#[test]
fn services_that_are_not_exported_are_not_seen() {
    let mesh = Mesh::small().and(
        "
apiVersion: v1
kind: Service
metadata: {name: hidden, namespace: east, annotations: {networking.istio.io/exportTo: '.'}}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}
",
    );
    let host = "hidden.east.svc.cluster.local:80";
    assert!(mesh.served("client.east").has_host("80", host));
    assert!(!mesh.served("caller.west").has_host("80", host));
    assert!(
        !mesh
            .served("caller.west")
            .clusters()
            .contains(&"outbound|80||hidden.east.svc.cluster.local")
    );
}

#[test]
fn an_external_name_is_another_name_of_a_service() {
    let mesh = Mesh::small().and(
        "
apiVersion: v1
kind: Service
metadata: {name: alias, namespace: west}
spec: {type: ExternalName, externalName: web.east.svc.cluster.local}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: v, namespace: west}
spec: {hosts: [store], http: [{route: [{destination: {host: alias, port: {number: 80}}}]}]}
",
    );
    let (snapshot, _) = mesh.snapshot_with_problems();
    let served = mesh.served_from(&snapshot, "caller.west");
    let domains = served.host("80", WEB)["domains"].to_string();
    assert!(domains.contains(r#""alias""#) && domains.contains("alias.west.svc.cluster.local"));
    let routes = words::routes(&served.host("80", "store.west.svc.cluster.local:80"));
    assert_eq!(routes, ["/*; -> outbound|80||web.east; default retry"]);
    both_take("alias", &served.0);
}
