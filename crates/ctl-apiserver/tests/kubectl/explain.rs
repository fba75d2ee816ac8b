//! `kubectl explain`, of every kind.

use crate::definitions::WIDGETS;
use crate::harness::{Cluster, has};

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_is_explained_also_recursively() {
    let cluster = Cluster::start().await;
    cluster.ok_with("apply -f -", WIDGETS).await;
    let kinds = cluster.ok("api-resources -o name").await;
    assert!(kinds.lines().count() > 15, "{kinds}");
    for kind in kinds.lines() {
        // kubectl takes this name for a field of the core group's events.
        let kind = match kind {
            "events.events.k8s.io" => "events --api-version=events.k8s.io/v1",
            kind => kind,
        };
        let told = cluster.ok(&format!("explain {kind} --recursive")).await;
        has(&told, "metadata");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_are_explained_at_any_depth() {
    let cluster = Cluster::start().await;
    cluster.ok_with("apply -f -", WIDGETS).await;
    let told = cluster.ok("explain pod.spec.containers.readinessProbe.httpGet").await;
    has(&told, "port\t<IntOrString> -required-");
    has(&cluster.ok("explain deployments.spec.template.spec.containers.image").await, "<string>");
    let told = cluster.ok("explain widgets.spec").await;
    has(&told, "What the widget should be.");
    has(&told, "How it looks.");
    has(&told, "enum: red, green, blue");
    has(&cluster.ok("explain widget").await, "A widget of the shop.");
    has(&cluster.ok("explain widget.metadata.ownerReferences").await, "uid\t<string> -required-");
    has(&cluster.fails("explain widget.spec.none", "").await, "does not exist");
    has(&cluster.ok("explain crd.spec.versions.schema").await, "openAPIV3Schema");
}
