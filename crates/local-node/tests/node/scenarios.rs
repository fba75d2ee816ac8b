//! What the node must do, one function each.

use std::time::Instant;

use ctl_source::{ObjectKey, Source, kinds};
use serde_json::{Value, json};

use crate::mesh::{Mesh, is_ready};

pub async fn all(mesh: &Mesh) {
    a_pod_runs_in_its_own_world(mesh).await;
    a_pod_that_cannot_run_says_what_to_do(mesh).await;
    fields_without_effect_are_named(mesh).await;
    environment_and_volumes_follow_their_objects(mesh).await;
    services_and_names_lead_to_ready_pods(mesh).await;
    a_meshed_pod_is_captured(mesh).await;
    probes_decide(mesh).await;
    a_failing_container_backs_off_and_keeps_its_last_log(mesh).await;
    init_containers_and_sidecars_keep_their_order(mesh).await;
    logs_follow_and_exec_talks(mesh).await;
    the_real_kubectl_is_understood(mesh).await;
    pods_outlive_the_control_plane(mesh).await;
    a_deleted_pod_is_gone(mesh).await;
    twenty_pods_start_quickly(mesh).await;
    a_stubborn_pod_is_left_for_the_end(mesh).await;
}

async fn a_pod_runs_in_its_own_world(mesh: &Mesh) {
    let state = mesh.config.state.display();
    let script = format!(
        "hostname; cat /etc/resolv.conf; cat /proc/net/dev | grep -c eth0; \
         cat /var/run/secrets/kubernetes.io/serviceaccount/token; echo; ls -A /run; pwd; ls -A {state}"
    );
    let text = mesh.ask("world", &script).await;
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "world", "{text}");
    assert_eq!(lines[1], "search default.svc.cluster.local svc.cluster.local cluster.local");
    assert_eq!(lines[2..5], ["nameserver 10.96.0.10", "options ndots:5", "1"]);
    assert!(lines[5].starts_with("token-"), "{text}");
    assert_eq!(lines[6..], ["secrets", "/"], "{text}");
    mesh.event("world", |e| e.starts_with("Scheduled")).await;
}

async fn a_pod_that_cannot_run_says_what_to_do(mesh: &Mesh) {
    mesh.pod("pulled", json!({"containers": [{"name": "main", "image": "nginx:1"}]})).await;
    let reason = "/status/containerStatuses/0/state/waiting/reason";
    let unavailable = |p: &Value| p.pointer(reason).is_some_and(|r| r == "ImageUnavailable");
    let pod = mesh.until("pulled", "unavailable", unavailable).await;
    assert_eq!(pod["status"]["phase"], "Pending");
    mesh.event("pulled", |e| e.contains("set `command`")).await;
}

async fn fields_without_effect_are_named(mesh: &Mesh) {
    let security = json!({"runAsUser": 1000});
    let main = json!({"name": "main", "command": ["true"], "securityContext": security});
    mesh.pod(
        "wishes",
        json!({"restartPolicy": "Never", "hostNetwork": true, "containers": [main]}),
    )
    .await;
    mesh.until_phase("wishes", "Succeeded").await;
    let named = mesh.event("wishes", |e| e.starts_with("FieldNotHonoured")).await;
    assert!(named.contains("spec.hostNetwork"), "{named}");
    assert!(named.contains("spec.containers[main].securityContext.runAsUser"), "{named}");
}

async fn environment_and_volumes_follow_their_objects(mesh: &Mesh) {
    let meta = json!({"name": "settings", "namespace": "default"});
    mesh.create(
        "ConfigMap",
        json!({"metadata": meta, "data": {"color": "blue", "x.txt": "hello"}}),
    )
    .await;
    mesh.create("Secret", json!({"metadata": meta, "data": {"word": "aHVzaA=="}})).await;
    let map_key = json!({"configMapKeyRef": {"name": "settings", "key": "color"}});
    let secret_key = json!({"secretKeyRef": {"name": "settings", "key": "word"}});
    let field = json!({"fieldRef": {"fieldPath": "status.podIP"}});
    let script = "echo $GREETING $WORD $IP; cat /etc/settings/x.txt /deep/new/path/x.txt; echo; \
        echo \"$2\"; cat /tokens/istio; echo; echo kept > /data/f; cat /data/f; \
        (echo no > /etc/settings/x.txt) 2>&1 || echo refused; ls -d /etc/passwd";
    let container = json!({
        "name": "main", "command": ["sh", "-c", script], "args": ["sh", "a", "$(COLOR)!"],
        "env": [
            {"name": "COLOR", "valueFrom": map_key}, {"name": "WORD", "valueFrom": secret_key},
            {"name": "IP", "valueFrom": field}, {"name": "GREETING", "value": "very-$(COLOR)"},
        ],
        "volumeMounts": [
            {"name": "settings", "mountPath": "/etc/settings"},
            {"name": "settings", "mountPath": "/deep/new/path"},
            {"name": "tokens", "mountPath": "/tokens"}, {"name": "data", "mountPath": "/data"},
        ],
    });
    let token = json!({"path": "istio", "audience": "istio-ca", "expirationSeconds": 600});
    let volumes = json!([
        {"name": "settings", "configMap": {"name": "settings"}}, {"name": "data", "emptyDir": {}},
        {"name": "tokens", "projected": {"sources": [{"serviceAccountToken": token}]}},
    ]);
    mesh.pod(
        "settled",
        json!({"restartPolicy": "Never", "containers": [container], "volumes": volumes}),
    )
    .await;
    let pod = mesh.until_phase("settled", "Succeeded").await;
    let text = mesh.log(&pod, "main", 0);
    let lines: Vec<&str> = text.lines().collect();
    let ip = pod["status"]["podIP"].as_str().unwrap();
    assert_eq!(lines[0], format!("very-blue hush {ip}"));
    assert_eq!(lines[1..3], ["hellohello", "blue!"], "{text}");
    assert!(lines[3].ends_with("default istio-ca"), "{text}");
    for line in ["kept", "refused", "/etc/passwd"] {
        assert!(lines.contains(&line), "{line}: {text}");
    }
}

/// Python that answers HTTP on a port with a text.
fn server(port: u16, text: &str) -> String {
    format!(
        "exec python3 -c \"
import http.server as h
class H(h.BaseHTTPRequestHandler):
    def do_GET(s):
        b = b'{text}'; s.send_response(200); s.send_header('content-length', len(b)); s.end_headers(); s.wfile.write(b)
    def log_message(s, *a): pass
h.ThreadingHTTPServer(('0.0.0.0', {port}), H).serve_forever()\""
    )
}

/// Python that prints what a URL answers, or why not.
fn fetch(url: &str) -> String {
    format!(
        "python3 -c \"
import urllib.request as u
try: print(u.urlopen('{url}', timeout=5).read().decode())
except Exception as e: print('failed', getattr(e, 'reason', e))\""
    )
}

async fn served(mesh: &Mesh, name: &str, port: u16) -> String {
    let probe = json!({"httpGet": {"port": port}, "periodSeconds": 1});
    let main = json!({"name": "main", "command": ["sh", "-c", server(port, name)], "readinessProbe": probe});
    mesh.pod(name, json!({"terminationGracePeriodSeconds": 1, "containers": [main]})).await;
    let pod = mesh.until_ready(name).await;
    pod["status"]["podIP"].as_str().unwrap().to_owned()
}

impl Mesh {
    /// A service `front` with one pod behind it.
    pub async fn front(&self) {
        let ip = served(self, "front", 8080).await;
        let ports = json!([{"name": "http", "port": 80}]);
        let meta = json!({"name": "front", "namespace": "default"});
        let spec = json!({"clusterIP": "10.96.9.9", "ports": ports});
        self.create("Service", json!({"metadata": meta, "spec": spec})).await;
        let labels = json!({"kubernetes.io/service-name": "front"});
        let meta = json!({"name": "front", "namespace": "default", "labels": labels});
        let endpoints = json!([{"addresses": [ip], "conditions": {"ready": true}}]);
        let ports = json!([{"name": "http", "port": 8080}]);
        let slice = json!({"metadata": meta, "endpoints": endpoints, "ports": ports});
        self.create("EndpointSlice", slice).await;
    }
}

async fn services_and_names_lead_to_ready_pods(mesh: &Mesh) {
    let ip = served(mesh, "web", 8080).await;
    for (name, address) in [("web", "10.96.7.7"), ("empty", "10.96.7.8"), ("headless", "None")] {
        let ports = json!([{"name": "http", "port": 80}]);
        let meta = json!({"name": name, "namespace": "default"});
        mesh.create(
            "Service",
            json!({"metadata": meta, "spec": {"clusterIP": address, "ports": ports}}),
        )
        .await;
        let labels = json!({"kubernetes.io/service-name": name});
        let meta = json!({"name": name, "namespace": "default", "labels": labels});
        let ready = name != "empty";
        let endpoints = json!([{"addresses": [ip], "conditions": {"ready": ready}}]);
        let ports = json!([{"name": "http", "port": 8080}]);
        mesh.create(
            "EndpointSlice",
            json!({"metadata": meta, "endpoints": endpoints, "ports": ports}),
        )
        .await;
    }
    let script = format!(
        "getent ahostsv4 web | cut -d' ' -f1 | head -1; getent ahostsv4 headless.default | cut -d' ' -f1 | head -1; \
         getent hosts nothing || echo none; {}; {}; {}",
        fetch("http://web/"),
        fetch("http://web.default.svc.cluster.local/"),
        fetch("http://empty/"),
    );
    let text = mesh.ask("asker", &script).await;
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[..5], ["10.96.7.7", &ip, "none", "web", "web"], "{text}");
    assert!(lines[5].contains("refused"), "{text}");
}

async fn a_meshed_pod_is_captured(mesh: &Mesh) {
    let script = format!(
        "({}) & ({}) & ({}) & wait",
        server(15001, "outbound"),
        server(15006, "inbound"),
        server(8080, "app")
    );
    let annotations = json!({
        "sidecar.istio.io/status": "{}", "traffic.sidecar.istio.io/excludeOutboundPorts": "81",
    });
    let probe = json!({"httpGet": {"port": 8080}, "periodSeconds": 1});
    let main = json!({"name": "main", "command": ["sh", "-c", script], "readinessProbe": probe});
    let meta = json!({"name": "meshed", "namespace": "default", "annotations": annotations});
    let spec = json!({"terminationGracePeriodSeconds": 1, "containers": [main]});
    mesh.create("Pod", json!({"metadata": meta, "spec": spec})).await;
    let pod = mesh.until_ready("meshed").await;
    let ip = pod["status"]["podIP"].as_str().unwrap();
    let plain = mesh.ask("plain", &fetch(&format!("http://{ip}:8080/"))).await;
    assert_eq!(plain.trim(), "inbound");
    let inside = "import socket, urllib.request as u
print(u.urlopen('http://web/').read().decode())
s = socket.socket(); s.setsockopt(1, 36, 1337); s.connect(('10.96.7.7', 80))
s.send(b'GET / HTTP/1.0\\r\\n\\r\\n'); print(s.makefile().read().split()[-1])";
    let query = format!("command=python3&command=-c&command={}&stdout=true", escape(inside));
    let (text, status) = mesh.exec("meshed", &query, "").await;
    assert_eq!(text.split_whitespace().collect::<Vec<_>>(), ["outbound", "web"], "{text} {status}");
}

async fn probes_decide(mesh: &Mesh) {
    let exec = json!({"exec": {"command": ["test", "-e", "/data/ready"]}, "periodSeconds": 1});
    let script = "until [ -e /data/go ]; do sleep 0.05; done; touch /data/ready; sleep 1000";
    let mount = json!([{"name": "data", "mountPath": "/data"}]);
    let main = json!({"name": "main", "command": ["sh", "-c", script], "readinessProbe": exec, "volumeMounts": mount});
    let alive = json!({"tcpSocket": {"port": 9}, "periodSeconds": 1, "failureThreshold": 1});
    let sick = json!({"name": "sick", "command": ["sleep", "1000"], "livenessProbe": alive});
    let volumes = json!([{"name": "data", "emptyDir": {}}]);
    let spec =
        json!({"terminationGracePeriodSeconds": 1, "containers": [main, sick], "volumes": volumes});
    mesh.pod("probed", spec).await;
    mesh.until("probed", "restarted by its liveness probe", |p| {
        p["status"]["containerStatuses"][1]["restartCount"].as_i64() > Some(0)
    })
    .await;
    let pod = mesh.until_phase("probed", "Running").await;
    assert_eq!(pod["status"]["containerStatuses"][0]["ready"], false);
    assert!(!is_ready(&pod));
    let go = "command=touch&command=/data/go&container=main&stdout=true";
    let (said, status) = mesh.exec("probed", go, "").await;
    assert_eq!(status["status"], "Success", "{said} {status}");
    mesh.until("probed", "ready", |p| p["status"]["containerStatuses"][0]["ready"] == true).await;
}

async fn a_failing_container_backs_off_and_keeps_its_last_log(mesh: &Mesh) {
    mesh.shell("failing", "echo run; exit 3").await;
    let reason = "/status/containerStatuses/0/state/waiting/reason";
    let pod = mesh
        .until("failing", "backing off", |p| {
            p.pointer(reason).is_some_and(|r| r == "CrashLoopBackOff")
        })
        .await;
    let container = &pod["status"]["containerStatuses"][0];
    assert_eq!(container["lastState"]["terminated"]["exitCode"], 3);
    assert_eq!(container["restartCount"], 1);
    assert_eq!(mesh.logs("failing", "previous=true").await, "run\n");
    mesh.api.delete(&Mesh::key("failing"), Some(1)).await.unwrap();
    mesh.until("failing", "gone", Value::is_null).await;
}

async fn init_containers_and_sidecars_keep_their_order(mesh: &Mesh) {
    let mount = json!([{"name": "data", "mountPath": "/data"}]);
    let step = |name: &str, script: &str| json!({"name": name, "command": ["sh", "-c", script], "volumeMounts": mount});
    let mut sidecar = step(
        "sidecar",
        "echo sidecar >> /data/order; touch /data/up; trap 'echo sidecar-end; exit 0' TERM; sleep 1000 & wait",
    );
    sidecar["restartPolicy"] = json!("Always");
    sidecar["startupProbe"] =
        json!({"exec": {"command": ["test", "-e", "/data/up"]}, "periodSeconds": 1});
    let spec = json!({
        "restartPolicy": "Never",
        "initContainers": [step("first", "echo first >> /data/order"), sidecar, step("last", "echo last >> /data/order")],
        "containers": [step("main", "cat /data/order")],
        "volumes": [{"name": "data", "emptyDir": {}}],
    });
    mesh.pod("ordered", spec).await;
    let pod = mesh.until_phase("ordered", "Succeeded").await;
    assert_eq!(mesh.log(&pod, "main", 0), "first\nsidecar\nlast\n");
    mesh.until("ordered", "without its sidecar", |p| {
        p["status"]["initContainerStatuses"][1]["state"]["terminated"]["exitCode"] == 0
    })
    .await;
}

async fn logs_follow_and_exec_talks(mesh: &Mesh) {
    let script = "for i in 1 2 3; do echo line $i; done; read x < /data/pipe; echo got $x; exit 0";
    let mount = json!([{"name": "data", "mountPath": "/data"}]);
    let make = json!({"name": "make", "command": ["mkfifo", "/data/pipe"], "volumeMounts": mount});
    let main = json!({"name": "main", "command": ["sh", "-c", script], "volumeMounts": mount,
        "env": [{"name": "WHO", "value": "weft"}]});
    let volumes = json!([{"name": "data", "emptyDir": {}}]);
    mesh.pod("talker", json!({"restartPolicy": "Never", "initContainers": [make], "containers": [main], "volumes": volumes}))
        .await;
    let pod = mesh.until_ready("talker").await;
    mesh.until("talker", "heard", |_| mesh.log(&pod, "main", 0).lines().count() == 3).await;
    assert_eq!(mesh.logs("talker", "tailLines=2").await, "line 2\nline 3\n");
    assert_eq!(mesh.logs("talker", "limitBytes=4").await, "line");
    let stamped = mesh.logs("talker", "timestamps=true&tailLines=1&sinceSeconds=60").await;
    assert!(stamped.starts_with("20") && stamped.ends_with("Z line 3\n"), "{stamped}");

    let (text, status) =
        mesh.exec("talker", "command=cat&stdin=true&stdout=true", "to and fro").await;
    assert_eq!((text.as_str(), &status["status"]), ("to and fro", &json!("Success")));
    let (text, status) = mesh
        .exec("talker", "command=sh&command=-c&command=echo+%24WHO;hostname;exit+7&stdout=true", "")
        .await;
    assert_eq!(text, "weft\ntalker\n");
    assert_eq!(status["details"]["causes"][0]["message"], "7");
    let (text, _) = mesh.exec("talker", "command=tty&tty=true&stdin=true&stdout=true", "").await;
    assert!(text.starts_with("/dev/pts/"), "{text}");

    let follow = mesh.logs("talker", "follow=true");
    let write =
        mesh.exec("talker", "command=sh&command=-c&command=echo+you+%3e/data/pipe&stdout=true", "");
    let (followed, _) = tokio::join!(follow, write);
    assert!(followed.ends_with("line 3\ngot you\n"), "{followed}");
    mesh.until_phase("talker", "Succeeded").await;
}

async fn the_real_kubectl_is_understood(mesh: &Mesh) {
    mesh.shell("keen", "echo hello; trap 'exit 0' TERM; sleep 1000 & wait").await;
    mesh.until_ready("keen").await;
    let port = mesh.serve_kubectl().await;
    assert_eq!(mesh.kubectl(port, &["logs", "keen"], "").await, ("hello\n".into(), 0));
    let exec = |line: &'static str| ["exec", "-i", "keen", "--", "sh", "-c", line];
    assert_eq!(mesh.kubectl(port, &exec("hostname"), "").await, ("keen\n".into(), 0));
    assert_eq!(mesh.kubectl(port, &exec("cat"), "to and fro").await, ("to and fro".into(), 0));
    let (text, code) = mesh.kubectl(port, &exec("echo bad >&2; exit 9"), "").await;
    assert_eq!((text.contains("bad"), code), (true, 9), "{text}");
}

async fn pods_outlive_the_control_plane(mesh: &Mesh) {
    let before = mesh.until_ready("web").await;
    let resource = kinds::find("", "Pod").unwrap().resource();
    let mut stale = before.clone();
    stale["status"] = json!({"phase": "Pending"});
    mesh.api.cut_watches();
    mesh.api.update_status(&resource, stale).await.unwrap();
    let after = mesh.until_ready("web").await;
    assert_eq!(before["status"]["containerStatuses"], after["status"]["containerStatuses"]);
    let key = ObjectKey { name: "plain".into(), ..Mesh::key("plain") };
    mesh.api.delete(&key, None).await.unwrap();
    mesh.until("plain", "gone", Value::is_null).await;
}

async fn a_deleted_pod_is_gone(mesh: &Mesh) {
    mesh.shell("short", "trap 'exit 0' TERM; sleep 1000 & wait").await;
    mesh.until_ready("short").await;
    mesh.api.delete(&Mesh::key("short"), None).await.unwrap();
    mesh.until("short", "gone", Value::is_null).await;
}

async fn twenty_pods_start_quickly(mesh: &Mesh) {
    let begun = Instant::now();
    for n in 0..20 {
        mesh.shell(&format!("many-{n}"), "sleep 1000").await;
    }
    for n in 0..20 {
        mesh.until_ready(&format!("many-{n}")).await;
    }
    eprintln!("20 pods ready in {:?}", begun.elapsed());
}

/// It ignores SIGTERM and has a long preStop; the node must end in time with it.
async fn a_stubborn_pod_is_left_for_the_end(mesh: &Mesh) {
    let hook = json!({"preStop": {"exec": {"command": ["sleep", "30"]}}});
    let script = "trap '' TERM; while :; do sleep 1000; done";
    let main = json!({"name": "main", "command": ["sh", "-c", script], "lifecycle": hook});
    mesh.pod("stubborn", json!({"containers": [main]})).await;
    mesh.until_ready("stubborn").await;
}

fn escape(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}
