//! The ways to write.

use serde_json::json;

use crate::harness::{Cluster, has};

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_credentials_gets_401() {
    let cluster = Cluster::start().await;
    let answer = cluster.raw("GET", "/api/v1/pods", "").await;
    has(&answer, "401 Unauthorized");
    has(&answer, r#""reason":"Unauthorized""#);
    has(&cluster.raw("GET", "/nothing", "").await, "401 Unauthorized");
    has(&cluster.raw("GET", "/readyz", "").await, "200 OK");
    let bad = cluster.raw("GET", "/api/v1/pods", "authorization: Bearer a.b.c\r\n").await;
    has(&bad, "401 Unauthorized");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_process_sees_what_kubectl_writes_and_the_other_way_round() {
    use ctl_source::{Source as _, kinds};
    let cluster = Cluster::start().await;
    let pods = kinds::find("", "Pod").unwrap().resource();
    let pod = json!({ "metadata": { "generateName": "own-", "namespace": "default" },
        "spec": { "containers": [{ "name": "a", "image": "weft/echo" }] } });
    let made = cluster.registry.create(&pods, pod).await.unwrap();
    let name = made["metadata"]["name"].as_str().unwrap().to_owned();
    has(&cluster.ok("get pods -o name").await, &format!("pod/{name}"));
    cluster.ok(&format!("label pod {name} tier=web")).await;
    let listed = cluster.registry.list(&pods, Some("default")).await.unwrap();
    assert_eq!(listed[0]["metadata"]["labels"]["tier"], "web");
}
