//! Logs and terminals by way of the node, and tokens.

use std::convert::Infallible;

use ctl_apiserver::WriteOptions;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixListener;

use crate::harness::{Cluster, has};

/// A node that answers `log` with what it was asked, and echoes one line of an upgraded connection.
fn node(cluster: &Cluster) {
    let listener = UnixListener::bind(cluster.state.path().join("node.sock")).unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let served = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service_fn(answer))
                .with_upgrades();
            tokio::spawn(served);
        }
    });
}

async fn answer(
    mut request: Request<hyper::body::Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let asked = request.uri().to_string();
    if !request.headers().contains_key("upgrade") {
        return Ok(Response::new(Full::from(format!("asked {asked}\n"))));
    }
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let mut stream = TokioIo::new(upgrade.await.unwrap());
        let mut word = [0; 4];
        stream.read_exact(&mut word).await.unwrap();
        stream.write_all(&word).await.unwrap();
        stream.shutdown().await.unwrap();
    });
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    answer.headers_mut().insert("connection", "Upgrade".parse().unwrap());
    answer.headers_mut().insert("upgrade", "websocket".parse().unwrap());
    Ok(answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_come_from_the_node() {
    let cluster = Cluster::start().await;
    cluster.ok("run web --image=weft/echo").await;
    has(&cluster.fails("logs web", "").await, "the node does not answer");
    node(&cluster);
    let logs = cluster.ok("logs web -c web --previous --tail=5").await;
    has(&logs, "asked /api/v1/namespaces/default/pods/web/log?");
    has(&logs, "previous=true");
    has(&cluster.fails("logs nobody", "").await, "(NotFound)");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_passes_through_byte_for_byte() {
    let cluster = Cluster::start().await;
    cluster.ok("run web --image=weft/echo").await;
    node(&cluster);
    let token = cluster.ok("create token default").await;
    let path = "/api/v1/namespaces/default/pods/web/exec?command=ls";
    let headers = format!("authorization: Bearer {}\r\nupgrade: websocket\r\n", token.trim());
    has(&cluster.raw("GET", path, &headers).await, "403 Forbidden");
    let word = cluster.upgraded(path, b"ping").await;
    assert_eq!(word, "ping");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_prove_an_account_and_its_pod() {
    let cluster = Cluster::start().await;
    cluster.ok("run web --image=weft/echo").await;
    let bound =
        "create token default --audience=istio-ca --bound-object-kind=Pod --bound-object-name=web";
    let token = cluster.ok(bound).await;
    let claims = cluster.registry.verify_token(token.trim(), "istio-ca").unwrap();
    assert_eq!(
        (claims.namespace.as_str(), claims.service_account.as_str()),
        ("default", "default")
    );
    assert_eq!(claims.pod.unwrap().name, "web");
    assert!(cluster.registry.verify_token(token.trim(), "other").is_err());
    let review = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
        "spec": { "token": token.trim(), "audiences": ["istio-ca"] } });
    let reviewed = cluster.ok_with("create -o json -f -", &review.to_string()).await;
    has(&reviewed, "system:serviceaccount:default:default");
    cluster.ok("delete pod web").await;
    assert!(cluster.registry.verify_token(token.trim(), "istio-ca").is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_reads_but_neither_writes_nor_sees_secrets() {
    let cluster = Cluster::start().await;
    let token = cluster.ok("create token default").await;
    let header = format!("authorization: Bearer {}\r\n", token.trim());
    has(&cluster.raw("GET", "/api/v1/pods", &header).await, "200 OK");
    has(&cluster.raw("GET", "/api/v1/secrets", &header).await, "403 Forbidden");
    has(&cluster.raw("DELETE", "/api/v1/namespaces/default", &header).await, "403 Forbidden");
}

#[tokio::test(flavor = "multi_thread")]
async fn warnings_of_admission_reach_the_user_and_refusals_name_the_field() {
    use ctl_apiserver::{Admission, AdmissionContext, Denied};
    struct Rules;
    impl Admission for Rules {
        fn mutate(
            &self,
            context: &AdmissionContext<'_>,
            object: &mut serde_json::Value,
        ) -> Result<(), Denied> {
            if context.kind.kind == "ConfigMap" {
                object["data"]["seen"] = context.namespace_labels["team"].clone();
            }
            Ok(())
        }
        fn validate(
            &self,
            context: &AdmissionContext<'_>,
            object: &serde_json::Value,
            _: Option<&serde_json::Value>,
        ) -> Result<Vec<String>, Denied> {
            match (context.kind.kind.as_str(), object["data"]["bad"].as_str()) {
                ("ConfigMap", Some(_)) => {
                    Err(Denied { field: "data.bad".into(), why: "is not good".into() })
                }
                ("ConfigMap", None) => Ok(vec!["think twice".into()]),
                _ => Ok(Vec::new()),
            }
        }
    }
    let cluster = Cluster::with(Box::new(Rules)).await;
    cluster.ok("label ns default team=red").await;
    let made = cluster.run_with("create configmap c --from-literal=a=b", "").await;
    has(&String::from_utf8_lossy(&made.stderr), "Warning: think twice");
    has(&cluster.ok("get configmap c -o jsonpath={.data.seen}").await, "red");
    has(
        &cluster.fails("create configmap d --from-literal=bad=1", "").await,
        "data.bad: is not good",
    );
    let node = cluster.registry.kind("", "Node").unwrap();
    let made = json!({ "metadata": { "name": "weft" }, "status": { "conditions": [{ "type": "Ready", "status": "True" }] } });
    cluster.registry.create_object(&node, "", made, WriteOptions::default()).await.unwrap();
    has(&cluster.ok("get nodes").await, "Ready");
}
