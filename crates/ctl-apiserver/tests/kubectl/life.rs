//! Deletion, ownership, namespaces, waiting, rollouts, watches, pages.

use std::process::Stdio;
use std::time::Duration;

use ctl_apiserver::{Part, WriteOptions};
use ctl_source::kinds;
use ctl_store::{Collection, Expect, Key, Write};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::harness::{Cluster, has};

fn pod(name: &str) -> Value {
    json!({ "metadata": { "name": name },
        "spec": { "containers": [{ "name": "a", "image": "weft/echo" }] } })
}

async fn create(cluster: &Cluster, group: &str, kind: &str, object: Value) -> Value {
    let kind = cluster.registry.kind(group, kind).unwrap();
    let made = cluster.registry.create_object(&kind, "default", object, WriteOptions::default());
    made.await.unwrap().object.as_ref().clone()
}

async fn status(cluster: &Cluster, group: &str, kind: &str, name: &str, status: Value) {
    let kind = cluster.registry.kind(group, kind).unwrap();
    let object = json!({ "metadata": { "name": name }, "status": status });
    let options = WriteOptions::default();
    let done =
        cluster.registry.update_object(&kind, "default", name, Part::Status, object, options);
    done.await.unwrap();
}

fn owned_by(mut object: Value, owner: &Value) -> Value {
    object["metadata"]["ownerReferences"] = json!([{ "apiVersion": owner["apiVersion"],
        "kind": owner["kind"], "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"],
        "controller": true, "blockOwnerDeletion": true }]);
    object
}

fn deployment() -> Value {
    let template = json!({ "metadata": { "labels": { "app": "web" } }, "spec": pod("x")["spec"] });
    json!({ "metadata": { "name": "web", "annotations": { "deployment.kubernetes.io/revision": "1" } },
        "spec": { "selector": { "matchLabels": { "app": "web" } }, "template": template } })
}

fn replica_set(name: &str, owner: &Value) -> Value {
    let mut set = owned_by(deployment(), owner);
    set["metadata"]["name"] = json!(name);
    set["metadata"]["labels"] = json!({ "app": "web" });
    set
}

#[tokio::test(flavor = "multi_thread")]
async fn dependents_follow_their_owner_in_every_mode() {
    let cluster = Cluster::start().await;
    for (mode, left) in [("background", false), ("foreground", false), ("orphan", true)] {
        let owner = create(&cluster, "apps", "Deployment", deployment()).await;
        let set = create(&cluster, "apps", "ReplicaSet", replica_set("web-1", &owner)).await;
        create(&cluster, "", "Pod", owned_by(pod("web-1-a"), &set)).await;
        cluster.ok(&format!("delete deploy web --cascade={mode}")).await;
        if left {
            has(&cluster.ok("get rs,pods").await, "web-1-a");
        } else {
            cluster.ok("wait --for=delete rs/web-1 pod/web-1-a --timeout=20s").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_on_a_node_goes_when_the_node_says_so() {
    let cluster = Cluster::start().await;
    let mut placed = pod("web");
    placed["spec"]["nodeName"] = json!("weft");
    create(&cluster, "", "Pod", placed).await;
    cluster.ok("delete pod web --wait=false").await;
    has(&cluster.ok("get pod web").await, "Terminating");
    let seconds =
        cluster.ok("get pod web -o jsonpath={.metadata.deletionGracePeriodSeconds}").await;
    assert_eq!(seconds, "30");
    let waiting = cluster.ok("wait --for=delete pod/web --timeout=20s");
    let ending = async {
        use ctl_source::{ObjectKey, Source as _};
        let resource = kinds::find("", "Pod").unwrap().resource();
        let key = ObjectKey { resource, namespace: Some("default".into()), name: "web".into() };
        cluster.registry.delete(&key, Some(0)).await.unwrap();
    };
    tokio::join!(waiting, ending);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_takes_its_contents_with_it() {
    let cluster = Cluster::start().await;
    cluster.ok("create namespace shop").await;
    cluster.ok("create configmap c -n shop").await;
    cluster.ok("run r -n shop --image=weft/sleep").await;
    cluster.ok("delete namespace shop").await;
    has(&cluster.fails("get ns shop", "").await, "(NotFound)");
    let left = cluster.ok("get configmaps,pods,sa -A -o name").await;
    assert_eq!(left.matches("serviceaccount/default").count(), 4, "{left}");
    assert!(!left.contains("pod/"), "{left}");
}

#[tokio::test(flavor = "multi_thread")]
async fn finalizers_hold_an_object_until_they_are_taken_away() {
    let cluster = Cluster::start().await;
    let mut held = json!({ "metadata": { "name": "held" } });
    held["metadata"]["finalizers"] = json!(["weft.dev/test"]);
    create(&cluster, "", "ConfigMap", held).await;
    cluster.ok("delete configmap held --wait=false").await;
    has(&cluster.ok("get configmap held -o jsonpath={.metadata.deletionTimestamp}").await, "20");
    cluster.ok(r#"patch configmap held --type=merge -p {"metadata":{"finalizers":null}}"#).await;
    has(&cluster.fails("get configmap held", "").await, "(NotFound)");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_goes_takes_no_new_finalizer_and_a_definition_waits_for_it() {
    let cluster = Cluster::start().await;
    cluster.ok_with("apply -f -", crate::definitions::WIDGETS).await;
    let held = crate::definitions::WIDGET
        .replace("{ name: a }", "{ name: a, finalizers: [weft.dev/a, weft.dev/b] }");
    cluster.ok_with("apply -f -", &held).await;
    cluster.ok("delete crd widgets.shop.example.com --wait=false").await;
    let waiting =
        cluster.ok("wait --for=condition=Terminating crd/widgets.shop.example.com --timeout=5s");
    has(&waiting.await, "condition met");
    cluster.ok("wait wd/a --for=jsonpath={.metadata.deletionTimestamp} --timeout=5s").await;
    has(
        &cluster.fails("create -f -", &held.replace("name: a,", "name: b,")).await,
        "is being deleted",
    );
    let patch = |list: &str| {
        format!("patch wd a --type=merge -p {{\"metadata\":{{\"finalizers\":{list}}}}}")
    };
    has(&cluster.fails(&patch("[\"weft.dev/c\"]"), "").await, "cannot be added");
    cluster.ok(&patch("[\"weft.dev/b\"]")).await;
    has(&cluster.ok("get wd a -o jsonpath={.metadata.finalizers}").await, "weft.dev/b");
    cluster.ok(&patch("[]")).await;
    cluster.ok("wait --for=delete crd/widgets.shop.example.com --timeout=10s").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_goes_first_waits_for_what_it_owns() {
    let cluster = Cluster::start().await;
    let owner = create(&cluster, "apps", "Deployment", deployment()).await;
    let mut set = replica_set("web-1", &owner);
    set["metadata"]["finalizers"] = json!(["weft.dev/test"]);
    create(&cluster, "apps", "ReplicaSet", set).await;
    cluster.ok("delete deploy web --cascade=foreground --wait=false").await;
    cluster.ok("wait rs/web-1 --for=jsonpath={.metadata.deletionTimestamp} --timeout=5s").await;
    has(
        &cluster.ok("get deploy web -o jsonpath={.metadata.finalizers}").await,
        "foregroundDeletion",
    );
    cluster.ok(r#"patch rs web-1 --type=merge -p {"metadata":{"finalizers":null}}"#).await;
    cluster.ok("wait --for=delete deploy/web --timeout=10s").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wait_and_rollout_read_conditions_and_revisions() {
    let cluster = Cluster::start().await;
    let owner = create(&cluster, "apps", "Deployment", deployment()).await;
    create(&cluster, "apps", "ReplicaSet", replica_set("web-1", &owner)).await;
    has(&cluster.ok("rollout history deploy/web").await, "1         <none>");
    let waiting = cluster.ok("wait --for=condition=Available deploy/web --timeout=20s");
    let rolling = cluster.ok("rollout status deploy/web --timeout=20s");
    let ready = status(
        &cluster,
        "apps",
        "Deployment",
        "web",
        json!({ "observedGeneration": 1,
        "replicas": 1, "readyReplicas": 1, "updatedReplicas": 1, "availableReplicas": 1,
        "conditions": [{ "type": "Available", "status": "True" }] }),
    );
    let (waited, rolled, ()) = tokio::join!(waiting, rolling, ready);
    has(&waited, "condition met");
    has(&rolled, "successfully rolled out");
    cluster.ok("rollout restart deploy/web").await;
    let restarted =
        cluster.ok("get deploy web -o jsonpath={.spec.template.metadata.annotations}").await;
    has(&restarted, "restartedAt");
    has(&cluster.ok("get deploy web -o jsonpath={.metadata.generation}").await, "2");
    has(&cluster.ok("describe deploy web").await, "NewReplicaSet");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_shows_what_comes_and_goes() {
    let cluster = Cluster::start().await;
    let labelled = json!({ "metadata": { "name": "a", "labels": { "app": "x" } } });
    create(&cluster, "", "ConfigMap", labelled).await;
    let mut watch = cluster.command("get configmaps -w --output-watch-events -l app=x");
    watch.stdout(Stdio::piped());
    let mut watch = watch.spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut next = async || {
        let line = tokio::time::timeout(Duration::from_secs(20), lines.next_line()).await;
        line.unwrap().unwrap().unwrap()
    };
    has(&next().await, "EVENT");
    has(&next().await, "ADDED      a");
    cluster.ok("annotate configmap a n=1").await;
    has(&next().await, "MODIFIED   a");
    cluster.ok("label configmap a app=y --overwrite").await;
    has(&next().await, "DELETED    a");
    watch.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_from_forgotten_times_gets_410_and_pages_add_up() {
    let cluster = Cluster::start().await;
    for at in 0..7 {
        cluster.ok(&format!("create configmap c{at}")).await;
    }
    let listed = cluster.ok("get configmaps --chunk-size=2 -o name").await;
    assert_eq!(listed.lines().count(), 7, "{listed}");
    let page: Value = serde_json::from_str(
        &cluster.ok("get --raw /api/v1/namespaces/default/configmaps?limit=3").await,
    )
    .unwrap();
    assert_eq!(page["items"].as_array().unwrap().len(), 3);
    assert_eq!(page["metadata"]["remainingItemCount"], 4);
    forget(&cluster).await;
    let gone = cluster.ok("get --raw /api/v1/configmaps?watch=1&resourceVersion=2").await;
    has(&gone, r#""code":410"#);
    let token = page["metadata"]["continue"].as_str().unwrap();
    let expired =
        format!("get --raw /api/v1/namespaces/default/configmaps?limit=3&continue={token}");
    has(&cluster.fails(&expired, "").await, "too old");
}

/// Writes more than the store's history holds.
async fn forget(cluster: &Cluster) {
    let collection = Collection { group: "test".into(), plural: "things".into() };
    let mut writes = tokio::task::JoinSet::new();
    for at in 0..17_000 {
        let key = Key {
            collection: collection.clone(),
            namespace: String::new(),
            name: format!("t{at}"),
        };
        let object = Some(json!({ "metadata": {} }));
        let store = cluster.registry.store().clone();
        writes
            .spawn(async move { store.write(Write { key, expect: Expect::Absent, object }).await });
    }
    while let Some(written) = writes.join_next().await {
        written.unwrap().unwrap();
    }
}
