//! What the node must do, one function each.

use std::time::Instant;

use ctl_source::Source;
use serde_json::json;

use crate::mesh::Mesh;

pub async fn all(mesh: &Mesh) {
    a_pod_runs_in_its_own_world(mesh).await;
    a_pod_that_cannot_run_says_what_to_do(mesh).await;
    a_deleted_pod_is_gone(mesh).await;
    twenty_pods_start_quickly(mesh).await;
}

async fn a_pod_runs_in_its_own_world(mesh: &Mesh) {
    let script = "hostname; cat /etc/resolv.conf; cat /proc/net/dev | grep -c eth0; \
                  cat /var/run/secrets/kubernetes.io/serviceaccount/token; echo; ls -A /run; pwd";
    let text = mesh.ask("world", script).await;
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "world", "{text}");
    assert_eq!(lines[1], "search default.svc.cluster.local svc.cluster.local cluster.local");
    assert_eq!(lines[2..5], ["nameserver 10.96.0.10", "options ndots:5", "1"]);
    assert!(lines[5].starts_with("token-"), "{text}");
    assert_eq!(lines[6..], ["secrets", "/"], "{text}");
    let events = mesh.events("world").await;
    assert!(events.iter().any(|e| e.starts_with("Scheduled")), "{events:?}");
}

async fn a_pod_that_cannot_run_says_what_to_do(mesh: &Mesh) {
    mesh.pod("pulled", json!({"containers": [{"name": "main", "image": "nginx:1"}]})).await;
    let reason = "/status/containerStatuses/0/state/waiting/reason";
    let pod = mesh
        .until("pulled", "unavailable", |p| {
            p.pointer(reason).is_some_and(|r| r == "ImageUnavailable")
        })
        .await;
    assert_eq!(pod["status"]["phase"], "Pending");
    let events = mesh.events("pulled").await;
    assert!(events.iter().any(|e| e.contains("set `command`")), "{events:?}");
}

async fn a_deleted_pod_is_gone(mesh: &Mesh) {
    mesh.shell("short", "trap 'exit 0' TERM; sleep 1000 & wait").await;
    mesh.until_ready("short").await;
    mesh.api.delete(&Mesh::key("short"), None).await.unwrap();
    mesh.until("short", "gone", |pod| pod.is_null()).await;
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
    for n in 0..20 {
        mesh.api.delete(&Mesh::key(&format!("many-{n}")), Some(1)).await.unwrap();
    }
    for n in 0..20 {
        mesh.until(&format!("many-{n}"), "gone", |pod| pod.is_null()).await;
    }
}
