//! TLS with other certificates than the mesh's: towards destinations, at gateways, and the Secrets that come with it.

use ctl_translate::{translate, view_of};
use serde_json::{Value, json};
use weft_proto::type_url;

use crate::everything::both_take;
use crate::fixture::{Mesh, Pod};
use crate::world::Served;

const GATEWAY: &str = "istio-ingressgateway.istio-system";
const WEB: &str = "outbound|80||web.east.svc.cluster.local";

/// `PEM` of nothing, which counts for a certificate until a proxy reads it.
fn secret(name: &str, namespace: &str, entries: &[&str]) -> String {
    let value = |entry: &str| {
        let what = if entry.contains("key") { "PRIVATE KEY" } else { "CERTIFICATE" };
        format!("-----BEGIN {what}-----AA==-----END {what}-----")
    };
    let entries: Vec<String> =
        entries.iter().map(|entry| format!("{entry}: '{}'", value(entry))).collect();
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: {namespace}}}\n\
         stringData: {{{}}}\n",
        entries.join(", ")
    )
}

fn rule(tls: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: r, namespace: east}}\n\
         spec: {{host: web, trafficPolicy: {{{tls}}}}}\n"
    )
}

#[track_caller]
fn served(mesh: &Mesh, proxy: &str) -> Served {
    let served = mesh.served(proxy);
    // Secrets that are no certificates are no matter of Envoy's validation.
    both_take(proxy, &served.0);
    served
}

fn names(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().map(|one| one["name"].as_str().unwrap()).collect()
}

/// Mode-independent words of a context: what it shows, by whom and by which names it verifies, SNI and ALPN.
fn words(config: &Value) -> String {
    let common = &config["common_tls_context"];
    let own = names(&common["tls_certificate_sds_secret_configs"]).join("+");
    let checks = &common["combined_validation_context"];
    let roots = checks["validation_context_sds_secret_config"]["name"].as_str().unwrap_or("nobody");
    let given = &checks["default_validation_context"];
    let sans = given["match_subject_alt_names"].as_array().into_iter().flatten();
    let sans: Vec<&str> = sans.map(|one| one["exact"].as_str().unwrap()).collect();
    let alpn = common["alpn_protocols"].as_array().into_iter().flatten();
    let alpn: Vec<&str> = alpn.map(|one| one.as_str().unwrap()).collect();
    let sni = config["sni"].as_str().unwrap_or("-");
    format!("own {own}; by {roots}; sans {}; sni {sni}; alpn {}", sans.join(","), alpn.join(","))
}

#[track_caller]
fn towards_web(mesh: &Mesh, proxy: &str) -> (String, String) {
    let cluster = served(mesh, proxy).cluster(WEB);
    let options = cluster["typed_extension_protocol_options"].as_object().unwrap();
    let auto = &options.values().next().unwrap()["upstream_http_protocol_options"];
    let by_host = ["auto_sni", "auto_san_validation"].into_iter().filter(|name| auto[name] == true);
    let by_host: Vec<&str> = by_host.collect();
    (words(&cluster["transport_socket"]["typed_config"]), by_host.join(","))
}

#[track_caller]
fn check(tls: &str, expected: &str, by_host: &str) {
    let mesh = Mesh::small().and(&rule(&format!("tls: {{{tls}}}")));
    assert_eq!(towards_web(&mesh, "client.east"), (expected.to_owned(), by_host.to_owned()));
}

#[test]
fn without_authorities_those_of_the_system_verify_the_server_by_the_requests_host() {
    check(
        "mode: SIMPLE",
        "own ; by file-root:system; sans ; sni -; alpn ",
        "auto_sni,auto_san_validation",
    );
}

#[test]
fn names_that_are_given_stand_in_for_the_requests_host() {
    check(
        "mode: SIMPLE, sni: a.example, caCertificates: /ca.pem",
        "own ; by file-root:/ca.pem; sans ; sni a.example; alpn ",
        "",
    );
    check(
        "mode: SIMPLE, subjectAltNames: [b.example]",
        "own ; by file-root:system; sans b.example; sni -; alpn ",
        "auto_sni",
    );
    check(
        "mode: SIMPLE, insecureSkipVerify: true",
        "own ; by nobody; sans ; sni -; alpn ",
        "auto_sni",
    );
}

#[test]
fn mutual_tls_shows_a_certificate_of_files() {
    check(
        "mode: MUTUAL, clientCertificate: /c.pem, privateKey: /k.pem, caCertificates: /ca.pem, caCrl: /crl.pem",
        "own file-cert:/c.pem~/k.pem; by file-root:/ca.pem; sans ; sni -; alpn ",
        "auto_sni,auto_san_validation",
    );
}

#[test]
fn http_2_is_offered_where_it_is_spoken() {
    let policy = "connectionPool: {http: {h2UpgradePolicy: UPGRADE}}, tls: {mode: SIMPLE, sni: a}";
    let mesh = Mesh::small().and(&rule(policy));
    let (words, _) = towards_web(&mesh, "client.east");
    assert!(words.ends_with("alpn h2"), "{words}");
}

#[test]
fn names_of_a_service_entry_are_verified_when_the_rule_gives_none() {
    let entry = "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: e, namespace: east}\n\
        spec: {hosts: [a.example], location: MESH_EXTERNAL, resolution: DNS, subjectAltNames: [b.example], \
        ports: [{number: 80, name: http, protocol: HTTP, targetPort: 443}]}\n";
    let mesh = |more: &str| {
        let rule =
            rule(&format!("tls: {{mode: SIMPLE{more}}}")).replace("host: web", "host: a.example");
        let cluster = served(&Mesh::small().and(entry).and(&rule), "client.east")
            .cluster("outbound|80||a.example");
        words(&cluster["transport_socket"]["typed_config"])
    };
    assert!(mesh("").contains("sans b.example"));
    assert!(mesh(", subjectAltNames: [c.example]").contains("sans c.example"));
}

#[test]
fn a_gateway_gets_the_secret_that_its_rule_names_and_a_sidecar_no_key() {
    let all = ["tls.crt", "tls.key", "ca.crt"];
    let mesh = Mesh::small()
        .and(&rule("tls: {mode: MUTUAL, credentialName: c}"))
        .and(&secret("c", "istio-system", &all))
        .and(&secret("c", "east", &all))
        .and(&secret("other", "istio-system", &all));
    assert_eq!(
        towards_web(&mesh, GATEWAY).0,
        "own kubernetes://c; by kubernetes://c-cacert; sans ; sni -; alpn "
    );
    let secrets = |proxy: &str| mesh.served(proxy).names(type_url::SECRET).join(" ");
    assert_eq!(secrets(GATEWAY), "kubernetes://c kubernetes://c-cacert");
    assert_eq!(secrets("client.east"), "kubernetes://c-cacert");
    assert_eq!(secrets("caller.west"), "", "there is no such Secret in its namespace");
}

#[test]
fn who_only_says_that_it_is_a_gateway_gets_no_key() {
    let mesh = Mesh::small()
        .and(&rule("tls: {mode: MUTUAL, credentialName: c}"))
        .and(&secret("c", "istio-system", &["tls.crt", "tls.key", "ca.crt"]))
        .and(&secret("c", "east", &["tls.crt", "tls.key", "ca.crt"]));
    let on_node = |name: &str, annotations: Value| {
        json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": "istio-system", "annotations": annotations},
            "spec": {"hostNetwork": true}, "status": {"podIPs": [{"ip": "192.0.2.1"}]}})
    };
    let mesh = mesh
        .with(on_node("edge", json!({"gateway.istio.io/status": "{}"})))
        .with(on_node("agent", json!({})));
    let snapshot = mesh.snapshot();
    let secrets = |ip: &str, pod: &str, namespace: &str| {
        let node =
            Pod { name: pod.into(), namespace: namespace.into(), ip: ip.into(), gateway: true };
        let view = view_of(&snapshot, &node.node());
        Served(translate(&snapshot, &view)).names(type_url::SECRET).join(" ")
    };
    let all = "kubernetes://c kubernetes://c-cacert";
    let client = mesh.proxies().into_iter().find(|pod| pod.name == "client-0").unwrap();
    let of = |pod: &Pod| secrets(&pod.ip, &pod.name, &pod.namespace);
    assert_eq!(of(&client), "kubernetes://c-cacert", "an application's pod");
    assert_eq!(secrets("10.9.9.9", "nobody", "istio-system"), "kubernetes://c-cacert", "no pod");
    assert_eq!(
        secrets("192.0.2.1", "edge", "istio-system"),
        all,
        "a gateway on its node's network"
    );
    assert_eq!(secrets("192.0.2.1", "agent", "istio-system"), "kubernetes://c-cacert");
}

#[test]
fn authorities_may_stand_in_a_secret_beside_or_in_a_config_map() {
    let mesh = Mesh::small().and(&rule("tls: {mode: SIMPLE, credentialName: c}")).and(&secret(
        "c-cacert",
        "east",
        &["ca.crt"],
    ));
    assert_eq!(mesh.served("client.east").names(type_url::SECRET), ["kubernetes://c-cacert"]);
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m, namespace: east}\n\
        data: {ca.crt: '-----BEGIN CERTIFICATE-----AA==-----END CERTIFICATE-----'}\n";
    let mesh =
        Mesh::small().and(&rule("tls: {mode: SIMPLE, credentialName: 'configmap://m'}")).and(map);
    assert_eq!(towards_web(&mesh, "client.east").0, "own ; by configmap://m; sans ; sni -; alpn ");
    assert_eq!(mesh.served("client.east").names(type_url::SECRET), ["configmap://m"]);
}

fn gateway(servers: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: g, namespace: east}}\n\
         spec: {{selector: {{istio: ingressgateway}}, servers: [{servers}]}}\n"
    )
}

fn server(name: &str, protocol: &str, hosts: &str, tls: &str) -> String {
    let port = format!("{{number: 443, name: {name}, protocol: {protocol}}}");
    format!("{{port: {port}, hosts: [{hosts}], tls: {{{tls}}}}}")
}

fn bound(spec: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: v, namespace: east}}\n\
         spec: {{gateways: [g], {spec}}}\n"
    )
}

/// The chains of the port of TLS: server names, and the words of their TLS or where their bytes go.
#[track_caller]
fn chains(mesh: &Mesh) -> Vec<String> {
    let listener = served(mesh, GATEWAY).listener("0.0.0.0_8443");
    assert_eq!(names(&listener["listener_filters"]), ["envoy.filters.listener.tls_inspector"]);
    let chains = listener["filter_chains"].as_array().unwrap();
    let one = |chain: &Value| {
        let names = chain["filter_chain_match"]["server_names"].as_array().into_iter().flatten();
        let names: Vec<&str> = names.map(|name| name.as_str().unwrap()).collect();
        let last = &chain["filters"].as_array().unwrap().last().unwrap()["typed_config"];
        let to = last["rds"]["route_config_name"].as_str().or(last["cluster"].as_str());
        let tls = match &chain["transport_socket"] {
            Value::Null => "passed".to_owned(),
            socket => {
                let asks = socket["typed_config"]["require_client_certificate"] == true;
                format!("{}{}", words(&socket["typed_config"]), if asks { "; asks" } else { "" })
            }
        };
        format!("{}: {tls} -> {}", names.join(","), to.unwrap())
    };
    chains.iter().map(one).collect()
}

const OFFER: &str = "sni -; alpn h2,http/1.1";

#[test]
fn each_server_has_a_chain_of_its_names_its_certificate_and_its_routes() {
    let servers = [
        server("a", "HTTPS", "a.example, 'west/*.a.example'", "mode: SIMPLE, credentialName: c"),
        server("b", "HTTPS", "b.example", "mode: MUTUAL, credentialName: d, subjectAltNames: [x]"),
        server(
            "c",
            "HTTPS",
            "c.example",
            "mode: OPTIONAL_MUTUAL, serverCertificate: /c, privateKey: /k, caCertificates: /a",
        ),
        server("d", "HTTPS", "d.example", "mode: ISTIO_MUTUAL"),
        server("e", "HTTPS", "b.example", "mode: SIMPLE, credentialName: again"),
    ];
    let mesh = Mesh::small()
        .and(&gateway(&servers.join(", ")))
        .and(&secret("c", "istio-system", &["tls.crt", "tls.key"]))
        .and(&secret("d", "istio-system", &["cert", "key", "cacert"]));
    assert_eq!(
        chains(&mesh),
        [
            format!(
                "*.a.example,a.example: own kubernetes://c; by nobody; sans ; {OFFER} -> https.443.a.g.east"
            ),
            format!(
                "b.example: own kubernetes://d; by kubernetes://d-cacert; sans x; {OFFER}; asks -> https.443.b.g.east"
            ),
            format!(
                "c.example: own file-cert:/c~/k; by file-root:/a; sans ; {OFFER} -> https.443.c.g.east"
            ),
            format!(
                "d.example: own default; by ROOTCA; sans ; {OFFER}; asks -> https.443.d.g.east"
            ),
        ]
    );
    let secrets = mesh.served(GATEWAY);
    let secrets = secrets.names(type_url::SECRET);
    assert_eq!(secrets, ["kubernetes://c", "kubernetes://d", "kubernetes://d-cacert"]);
}

#[test]
fn a_host_of_another_server_is_misdirected_and_one_of_nobody_is_not_found() {
    let tls = "mode: SIMPLE, credentialName: c";
    let servers = [
        server("a", "HTTPS", "a.example", tls),
        server("b", "HTTPS", "b.example, '*.b.example'", tls),
    ];
    let routes = bound("hosts: [a.example, b.example], http: [{directResponse: {status: 200}}]");
    let served = served(&Mesh::small().and(&gateway(&servers.join(", "))).and(&routes), GATEWAY);
    let host = served.host("https.443.a.g.east", "misdirected:443");
    assert_eq!(host["domains"], serde_json::json!(["*.b.example", "b.example"]));
    assert_eq!(host["routes"][0]["direct_response"]["status"], 421);
    assert!(served.has_host("https.443.a.g.east", "a.example:443"));
    assert!(!served.has_host("https.443.a.g.east", "b.example:443"));
}

/// Where there are many servers: what is listed would grow with their square.
#[test]
fn of_very_many_hosts_only_those_of_the_certificate_are_misdirected() {
    let names =
        ["h0.example", "h2.example", "h3.nobody.example", "*.wide.example", "*.own.example"];
    let pair = rcgen::generate_simple_self_signed(names.map(str::to_owned)).unwrap();
    let (certificate, key) = (pair.cert.pem(), pair.signing_key.serialize_pem());
    let secret = serde_json::json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "many", "namespace": "istio-system"},
        "stringData": {"tls.crt": certificate, "tls.key": key},
    });
    let tls = "mode: SIMPLE, credentialName: many";
    let one = |at: usize| server(&format!("s{at}"), "HTTPS", &format!("h{at}.example"), tls);
    let mut servers: Vec<String> = (1..101).map(one).collect();
    servers.push(server("own", "HTTPS", "h0.example, x.own.example", tls));
    servers.push(server("wide", "HTTPS", "x.wide.example", tls));
    let routes = bound("hosts: ['*.example'], http: [{directResponse: {status: 200}}]");
    let mesh =
        Mesh::small().and(&gateway(&servers.join(", "))).and(&routes).and(&format!("{secret}\n"));
    let served = mesh.served(GATEWAY);
    let host = served.host("https.443.own.g.east", "misdirected:443");
    assert_eq!(host["domains"], serde_json::json!(["*.wide.example", "h2.example"]));
}

#[test]
fn tls_passes_through_to_where_its_server_name_leads() {
    let servers = [
        server("a", "TLS", "'*.example'", "mode: PASSTHROUGH"),
        server("b", "TLS", "t.test", "mode: SIMPLE, credentialName: c"),
    ];
    let routes = bound(
        "hosts: ['*.example', t.test], \
         tls: [{match: [{sniHosts: [a.example]}], route: [{destination: {host: web}}]}, \
               {match: [{sniHosts: [b.example], port: 444}], route: [{destination: {host: web}}]}, \
               {match: [{sniHosts: [a.example]}], route: [{destination: {host: shop, port: {number: 81}}}]}], \
         tcp: [{match: [{port: 443}], route: [{destination: {host: shop, port: {number: 80}}}]}]",
    );
    let shop = "outbound|80||shop.east.svc.cluster.local";
    assert_eq!(
        chains(&Mesh::small().and(&gateway(&servers.join(", "))).and(&routes)),
        [
            format!("a.example: passed -> {WEB}"),
            format!("t.test: own kubernetes://c; by nobody; sans ; {OFFER} -> {shop}"),
        ]
    );
}

#[test]
fn names_of_the_mesh_lead_through_a_gateway_between_clusters() {
    let mesh = Mesh::small().and(&gateway(&server(
        "a",
        "TLS",
        "'*.east.svc.cluster.local'",
        "mode: AUTO_PASSTHROUGH",
    )));
    let own =
        |port: u16, service: &str| format!("outbound_.{port}_._.{service}.east.svc.cluster.local");
    let expected = [own(80, "shop"), own(81, "shop"), own(80, "web")];
    assert_eq!(chains(&mesh), expected.clone().map(|name| format!("{name}: passed -> {name}")));
    let served = served(&mesh, GATEWAY);
    let cluster = served.cluster(&expected[2]);
    assert_eq!(cluster["eds_cluster_config"]["service_name"], WEB);
    assert!(cluster["transport_socket_matches"].is_null() && cluster["transport_socket"].is_null());
}

#[test]
fn a_server_of_bytes_takes_the_first_tcp_route() {
    let server = "{port: {number: 443, name: t, protocol: TCP}, hosts: ['*']}";
    let route = "hosts: ['*'], tcp: [{route: [{destination: {host: web}}]}]";
    let with = served(&Mesh::small().and(&gateway(server)).and(&bound(route)), GATEWAY);
    let filter = &with.listener("0.0.0.0_8443")["filter_chains"][0]["filters"][0]["typed_config"];
    assert_eq!(filter["cluster"], WEB);
    let without = served(&Mesh::small().and(&gateway(server)), GATEWAY);
    assert!(without.names(type_url::LISTENER).is_empty(), "nowhere to go");
}
