//! Server-side apply, dry runs and `kubectl diff`.

use serde_json::Value;

use crate::definitions::{WIDGET, WIDGETS};
use crate::harness::{Cluster, has, texts};
use crate::writes::DEPLOYMENT;

const MANAGED: &str = "apply --server-side -f -";

#[tokio::test(flavor = "multi_thread")]
async fn appliers_share_an_object_and_conflicts_are_named() {
    let cluster = Cluster::start().await;
    let with = |replicas: &str| {
        DEPLOYMENT.replace("  selector:", &format!("  replicas: {replicas}\n  selector:"))
    };
    has(&cluster.ok_with(MANAGED, &with("2")).await, "serverside-applied");
    has(&cluster.ok("get deploy web -o yaml --show-managed-fields").await, "operation: Apply");
    let other = "apply --server-side --field-manager=other -f -";
    let told = cluster.fails(other, &with("3")).await;
    has(&told, "conflict with \"kubectl\" using apps/v1: .spec.replicas");
    cluster
        .ok_with("apply --server-side --field-manager=other --force-conflicts -f -", &with("3"))
        .await;
    assert_eq!(cluster.ok("get deploy web -o jsonpath={.spec.replicas}").await, "3");
    has(&cluster.fails(MANAGED, &with("2")).await, "conflict with \"other\"");
    cluster.ok_with(MANAGED, DEPLOYMENT).await;
    assert_eq!(
        cluster.ok("get deploy web -o jsonpath={.spec.replicas}").await,
        "3",
        "it is other's"
    );
    cluster.ok("scale deploy web --replicas=7").await;
    let told = cluster.fails(other, &with("3")).await;
    has(&told, "conflict with \"kubectl\" with sub-resource \"scale\" using apps/v1");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_applied_no_more_goes() {
    let cluster = Cluster::start().await;
    let labelled = DEPLOYMENT.replace("{ name: web }", "{ name: web, labels: { a: b, c: d } }");
    cluster.ok_with(MANAGED, &labelled).await;
    cluster.ok("label deploy web mine=1").await;
    let one = DEPLOYMENT
        .replace(
            "{ name: side, image: \"weft/echo:1\" }",
            "{ name: side, image: \"weft/echo:1\", args: [x] }",
        )
        .replace("{ name: web }", "{ name: web, labels: { a: b } }");
    cluster.ok_with(MANAGED, &one).await;
    assert_eq!(
        cluster.ok("get deploy web -o jsonpath={.metadata.labels}").await,
        r#"{"a":"b","mine":"1"}"#
    );
    let fewer: String =
        one.lines().filter(|line| !line.contains("name: side")).collect::<Vec<_>>().join("\n");
    cluster.ok_with(MANAGED, &fewer).await;
    let names =
        cluster.ok("get deploy web -o jsonpath={.spec.template.spec.containers[*].name}").await;
    assert_eq!(names, "main");
    let before = cluster.ok("get deploy web -o jsonpath={.metadata.resourceVersion}").await;
    cluster.ok_with(MANAGED, &fewer).await;
    assert_eq!(cluster.ok("get deploy web -o jsonpath={.metadata.resourceVersion}").await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_applied_on_the_client_can_go_on_on_the_server() {
    let cluster = Cluster::start().await;
    cluster.ok_with("apply -f -", DEPLOYMENT).await;
    cluster.ok_with(MANAGED, DEPLOYMENT).await;
    let owners = cluster
        .ok("get deploy web -o jsonpath={.metadata.managedFields[*].manager} --show-managed-fields")
        .await;
    assert!(!owners.contains("client-side"), "{owners}");
    let next = DEPLOYMENT
        .replace(", env: [{ name: A, value: \"1\" }]", "")
        .replace("weft/echo:1", "weft/echo:2");
    cluster.ok_with(MANAGED, &next).await;
    let containers =
        cluster.ok("get deploy web -o jsonpath={.spec.template.spec.containers[*]}").await;
    assert!(!containers.contains("echo:1") && !containers.contains("env"), "{containers}");
    cluster.ok_with("apply -f -", DEPLOYMENT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn custom_objects_are_applied_and_what_is_wrong_is_refused() {
    let cluster = Cluster::start().await;
    cluster.ok_with(MANAGED, WIDGETS).await;
    cluster.ok_with(MANAGED, WIDGET).await;
    cluster.ok_with(MANAGED, &WIDGET.replace("size: 2", "size: 3")).await;
    assert_eq!(cluster.ok("get wd a -o jsonpath={.spec.size}").await, "3");
    has(
        &cluster.fails(MANAGED, &WIDGET.replace("size: 2", "sice: 3")).await,
        "did you mean `size`?",
    );
    has(
        &cluster.fails(MANAGED, &WIDGET.replace("size: 2", "size: 30")).await,
        "must not be over most",
    );
    let status =
        "apiVersion: shop.example.com/v1\nkind: Widget\nmetadata: { name: a }\nstatus: { size: 4 }";
    cluster
        .ok_with("apply --server-side --subresource=status --field-manager=me -f -", status)
        .await;
    assert_eq!(cluster.ok("get wd a -o jsonpath={.spec.size}{.status.size}").await, "34");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_answers_and_stores_nothing() {
    let cluster = Cluster::start().await;
    let revision = || cluster.registry.store().revision();
    cluster.ok_with("create -f -", DEPLOYMENT).await;
    let before = revision();
    has(&cluster.ok("create ns x --dry-run=server -o yaml").await, "phase: Active");
    has(
        &cluster
            .ok_with("apply --server-side --dry-run=server -f -", &DEPLOYMENT.replace("web", "wob"))
            .await,
        "server dry run",
    );
    has(
        &cluster
            .ok_with("apply --dry-run=server -f -", &DEPLOYMENT.replace("echo:1", "echo:2"))
            .await,
        "server dry run",
    );
    has(&cluster.ok("patch deploy web --dry-run=server --type=merge -p {\"spec\":{\"replicas\":5}} -o jsonpath={.spec.replicas}").await, "5");
    has(&cluster.ok("scale deploy web --replicas=4 --dry-run=server").await, "scaled");
    has(&cluster.ok("delete deploy web --dry-run=server").await, "server dry run");
    has(&cluster.ok("delete ns kube-public --dry-run=server").await, "server dry run");
    has(&cluster.ok("delete deploy --all --dry-run=server").await, "server dry run");
    has(&cluster.ok("replace -f - --dry-run=server --help").await, "dry-run");
    has(&cluster.fails("create -f - --dry-run=server", DEPLOYMENT).await, "already exists");
    has(&cluster.fails("create -f - --dry-run=server -n nowhere", DEPLOYMENT).await, "not found");
    assert_eq!(revision(), before);
    let wrong = DEPLOYMENT.replace("app: web } }\n    spec", "app: other } }\n    spec");
    has(&cluster.fails("apply --dry-run=server -f -", &wrong).await, "must carry app=web");
}

#[tokio::test(flavor = "multi_thread")]
async fn diff_shows_what_an_apply_would_change() {
    let cluster = Cluster::start().await;
    cluster.ok_with("apply -f -", DEPLOYMENT).await;
    assert_eq!(cluster.ok_with("diff -f -", DEPLOYMENT).await, "");
    let next = DEPLOYMENT.replace("value: \"1\"", "value: \"9\"");
    for way in ["diff -f -", "diff --server-side --force-conflicts -f -"] {
        let output = cluster.run_with(way, &next).await;
        let (out, err) = texts(&output);
        assert_eq!(output.status.code(), Some(1), "{out}{err}");
        has(
            &out,
            "+        - name: A\n-          value: \"1\""
                .split('\n')
                .next()
                .unwrap_or_default()
                .trim_start_matches(['+', ' ']),
        );
        has(&out, "\"9\"");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_of_fields_are_kept_for_every_write() {
    let cluster = Cluster::start().await;
    cluster.ok_with("create -f -", DEPLOYMENT).await;
    cluster.ok("label deploy web a=b --field-manager=labeller").await;
    let shown = cluster.ok("get deploy web -o json --show-managed-fields").await;
    let object: Value = serde_json::from_str(&shown).unwrap();
    let owners = object["metadata"]["managedFields"].as_array().unwrap();
    let of = |name: &str| {
        owners.iter().find(|o| o["manager"] == name).unwrap_or_else(|| panic!("{owners:#?}"))
    };
    assert!(of("labeller")["fieldsV1"]["f:metadata"]["f:labels"]["f:a"].is_object());
    let own = &of("kubectl-create")["fieldsV1"]["f:spec"]["f:template"]["f:spec"]["f:containers"];
    assert!(own[r#"k:{"name":"main"}"#]["f:image"].is_object(), "{own}");
}
