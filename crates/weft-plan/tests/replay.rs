//! Requests of a log under another configuration.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test ends at the first surprise")]

use serde_json::{Value, json};
use telemetry_read::Line;
use weft_explain::Mesh;
use weft_plan::{Replay, Replayed};

const HOST: &str = "web.default.svc.cluster.local";

fn pod(name: &str, address: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "status": {"podIP": address, "phase": "Running"},
        "metadata": {"name": name, "namespace": "default", "labels": {"app": name}},
        "spec": {"serviceAccountName": name, "containers": [{"name": "app"}]}})
}

/// A client, a server behind a service, and a gateway.
fn mesh_of(more: &[Value]) -> Mesh {
    let mut objects = vec![
        pod("client", "10.1.0.1"),
        pod("web", "10.1.0.2"),
        pod("gate", "10.1.0.3"),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "default"},
            "spec": {"clusterIP": "10.2.0.1", "selector": {"app": "web"},
                "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}}),
        json!({"apiVersion": "networking.istio.io/v1", "kind": "Gateway",
            "metadata": {"name": "gate", "namespace": "default"}, "spec": {"selector": {"app": "gate"},
                "servers": [{"hosts": ["*"], "port": {"number": 8080, "name": "http", "protocol": "HTTP"}}]}}),
        route(&json!([{"route": [{"destination": {"host": "web"}}]}])),
    ];
    objects.extend_from_slice(more);
    mesh(objects)
}

fn mesh(objects: Vec<Value>) -> Mesh {
    let (mesh, problems) = Mesh::new(objects, <_>::default(), <_>::default());
    assert!(problems.iter().all(|problem| !problem.is_error()), "{problems:?}");
    mesh
}

fn route(http: &Value) -> Value {
    json!({"apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {"hosts": ["*"], "gateways": ["gate"], "http": http}})
}

fn policy(spec: &Value) -> Value {
    json!({"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
        "metadata": {"name": "guard", "namespace": "default"}, "spec": spec})
}

fn private() -> Value {
    policy(&json!({"action": "DENY", "selector": {"matchLabels": {"app": "web"}},
        "rules": [{"to": [{"operation": {"paths": ["/private"]}}]}]}))
}

/// An entry: path, end, what is called and by whom.
struct Said<'a> {
    path: &'a str,
    end: &'a str,
    cluster: &'a str,
    to: &'a str,
    from: &'a str,
    name: &'a str,
}

const OK: &str = "200 - via_upstream";

fn by_client<'a>(path: &'a str, end: &'a str) -> Said<'a> {
    let cluster = "outbound|80||web.default.svc.cluster.local";
    Said { path, end, cluster, to: "10.2.0.1:80", from: "10.1.0.1:4711", name: "-" }
}

fn by_server<'a>(path: &'a str, end: &'a str) -> Said<'a> {
    let name = "outbound_.80_._.web.default.svc.cluster.local";
    Said { path, end, cluster: "inbound|8080||", to: "10.1.0.2:8080", from: "10.1.0.1:4712", name }
}

impl Said<'_> {
    fn line(&self) -> String {
        let Self { path, end, cluster, to, from, name } = self;
        format!(
            "[2026-11-22T17:00:00.001Z] \"GET {path} HTTP/1.1\" {end} - \"-\" 0 1 2 3 \"-\" \"curl/8\" \"id\" \"{HOST}\" \
             \"10.1.0.2:8080\" {cluster} 10.1.0.9:1 {to} {from} {name} default"
        )
    }
}

fn replayed(before: &Mesh, after: &Mesh, most: usize, lines: &[String]) -> Replayed {
    let mut replay = Replay::new(before, after, most);
    for line in lines {
        match telemetry_read::read(line) {
            Line::Entry(entry) => replay.add(&entry),
            other => panic!("{other:?}: {line}"),
        }
    }
    replay.finish()
}

fn lines(said: &[Said<'_>]) -> Vec<String> {
    said.iter().map(Said::line).collect()
}

#[test]
fn exactly_the_requests_that_end_otherwise_are_told_the_most_frequent_first() {
    let log = [
        by_client("/private", OK),
        by_server("/private", OK),
        by_server("/private?again", OK),
        by_client("/open", OK),
        by_server("/open", OK),
    ];
    let found = replayed(&mesh_of(&[]), &mesh_of(&[private()]), 100, &lines(&log));
    assert_eq!((found.requests, found.shapes, found.changed), (5, 4, 3), "{found:#?}");
    let told: Vec<(u64, &str)> =
        found.changes.iter().map(|one| (one.requests, one.call.as_str())).collect();
    let into = "into web.default as spiffe://cluster.local/ns/default/sa/client";
    let server = format!("{into}: GET localhost:8080/private -H 'host: {HOST}'");
    let client = format!("from client.default: GET {HOST}:80/private");
    assert_eq!(told, [(2, server.as_str()), (1, client.as_str())]);
    for change in &found.changes {
        assert_eq!(change.because, ["AuthorizationPolicy default/guard"]);
        let (field, after) = (&change.fields[0].field, &change.fields[0].after);
        assert_eq!((field.as_str(), after), ("outcome", &json!("denied")));
    }
    assert_eq!((found.disagreeing, found.unknown_callers), (0, 0), "{found:#?}");
    assert!(found.not_asked.is_empty(), "{found:#?}");
}

#[test]
fn a_log_of_another_configuration_is_told_apart() {
    let denied = "403 - rbac_access_denied_matched_policy[ns[default]-policy[guard]-rule[0]]";
    let other = "403 - rbac_access_denied_matched_policy[none]";
    let log = lines(&[
        by_server("/private", denied),
        by_server("/private", other),
        by_server("/private", OK),
        by_server("/open", OK),
        by_client("/private", "403 - via_upstream"),
        by_client("/open", "404 NR route_not_found"),
        by_client("/open", "503 UF upstream_reset_before_response_started{connection_failure}"),
    ]);
    let guarded = mesh_of(&[private()]);
    let found = replayed(&guarded, &guarded, 100, &log);
    assert_eq!((found.changed, found.disagreeing), (0, 3), "{found:#?}");
    let told: Vec<&str> = found.disagreements.iter().map(|one| one.log.as_str()).collect();
    assert!(told.iter().any(|one| one.contains("policy[none]")), "{told:?}");
    assert!(told.iter().any(|one| one.contains("route_not_found")), "{told:?}");
    let now = "403 denied by default/guard rule 0";
    assert_eq!(found.disagreements.iter().filter(|one| one.now.starts_with(now)).count(), 2);
    let open = replayed(&mesh_of(&[]), &guarded, 100, &log[..1]);
    assert_eq!(open.changes[0].disagreeing, 1, "what is told of a change says when it is in doubt");
}

#[test]
fn a_call_through_a_gateway_is_led_through_its_routes() {
    let elsewhere = route(&json!([
        {"match": [{"uri": {"prefix": "/old"}}], "redirect": {"uri": "/new"}},
        {"route": [{"destination": {"host": "web"}}], "timeout": "3s"}]));
    let at = |path: &'static str| Said {
        path,
        end: OK,
        cluster: "outbound|80||web.default.svc.cluster.local",
        to: "10.1.0.3:8080",
        from: "192.0.2.7:1",
        name: "-",
    };
    let after = mesh_of(&[elsewhere]);
    let found = replayed(&mesh_of(&[]), &after, 100, &lines(&[at("/old/1"), at("/x"), at("/x")]));
    assert_eq!(found.changed, 3, "{found:#?}");
    assert_eq!(found.changes[0].fields[0].field, "timeout_ms", "{found:#?}");
    let redirected = &found.changes[1];
    assert!(redirected.call.starts_with("at gateway gate.default: GET"), "{redirected:#?}");
    assert_eq!(redirected.fields[0].after, "redirect");
    assert_eq!(found.disagreeing, 0, "{found:#?}");
}

#[test]
fn connections_of_plain_bytes_are_asked_about_too() {
    let database = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "db", "namespace": "default"},
        "spec": {"clusterIP": "10.2.0.2", "selector": {"app": "web"},
            "ports": [{"name": "tcp", "port": 5432, "targetPort": 5432}]}});
    let line = |cluster: &str, to: &str, name: &str| {
        format!(
            "[2026-11-22T17:00:00.001Z] \"- - -\" 0 - - - \"-\" 5 6 7 - \"-\" \"-\" \"-\" \"-\" \"10.1.0.2:5432\" {cluster} \
             10.1.0.1:9 {to} 10.1.0.1:4711 {name} -"
        )
    };
    let name = "outbound_.5432_._.db.default.svc.cluster.local";
    let log = [
        line("outbound|5432||db.default.svc.cluster.local", "10.2.0.2:5432", "-"),
        line("inbound|5432||", "10.1.0.2:5432", name),
    ];
    let closed =
        policy(&json!({"action": "DENY", "rules": [{"to": [{"operation": {"ports": ["5432"]}}]}]}));
    let after = mesh_of(&[database.clone(), closed]);
    let found = replayed(&mesh_of(&[database]), &after, 100, &log);
    assert_eq!((found.changed, found.disagreeing), (2, 0), "{found:#?}");
    assert_eq!(found.changes[0].call, "from client.default: bytes to 10.2.0.2:5432");
    assert_eq!(found.changes[0].fields[0].before, "tcp");
}

#[test]
fn what_no_rule_looks_at_makes_no_shape() {
    let log = lines(&[by_client("/a?id=1", OK), by_client("/a?id=2", OK)]);
    let found = replayed(&mesh_of(&[]), &mesh_of(&[]), 100, &log);
    assert_eq!(found.shapes, 1);
    let looks = route(&json!([{"match": [{"queryParams": {"id": {"exact": "2"}}}],
        "route": [{"destination": {"host": "web"}}]}]));
    let found = replayed(&mesh_of(&[]), &mesh_of(&[looks]), 100, &log);
    assert_eq!(found.shapes, 2);
}

#[test]
fn what_cannot_be_asked_about_is_counted_with_why() {
    let stranger = Said { from: "172.16.0.9:80", ..by_client("/a", OK) };
    let behind_a_gateway = Said { from: "192.0.2.7:0", ..by_server("/a", OK) };
    let log = lines(&[stranger, behind_a_gateway, by_client("/a", OK), by_client("/b", OK)]);
    let found = replayed(&mesh_of(&[]), &mesh_of(&[]), 2, &log);
    assert_eq!((found.requests, found.shapes, found.unknown_callers), (4, 2, 1), "{found:#?}");
    let why: Vec<(&str, u64)> = found.not_asked.iter().map(|(why, n)| (why.as_str(), *n)).collect();
    assert_eq!(why.len(), 2, "{why:?}");
    assert!(why[0].0.contains("172.16.0.9 is no pod of the mesh") && why[0].1 == 1, "{why:?}");
    assert_eq!(why[1], ("there are more than 2 shapes", 1));
}

#[test]
fn addresses_that_were_filled_in_are_nobodys_and_a_name_before_the_line_helps() {
    let manifests = |more: &[Value]| {
        let objects = mesh_of(more).objects().to_vec();
        let without = objects.into_iter().filter(|object| object["kind"] != "EndpointSlice");
        mesh(
            without
                .map(|mut object| {
                    if object["kind"] == "Pod" {
                        object["status"] = Value::Null;
                    } else if object["kind"] == "Service" {
                        object["spec"]["clusterIP"] = Value::Null;
                    }
                    object
                })
                .collect(),
        )
    };
    let (before, after) = (manifests(&[]), manifests(&[private()]));
    let log = lines(&[Said { from: "10.244.0.1:4711", ..by_client("/private", OK) }]);
    let found = replayed(&before, &after, 100, &log);
    assert_eq!((found.shapes, found.not_asked.len()), (0, 1), "{found:#?}");
    let named = [format!("[pod/client-6f7c-x2/istio-proxy] {}", log[0])];
    let found = replayed(&before, &after, 100, &named);
    assert_eq!((found.changed, found.disagreeing), (1, 0), "{found:#?}");
}
