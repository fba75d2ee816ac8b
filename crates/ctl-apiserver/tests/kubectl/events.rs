//! Events: two groups, one object; and their end.

use std::time::Duration;

use ctl_apiserver::tokens::TokenKey;
use ctl_apiserver::{AdmitAll, Registry};
use ctl_source::{Source as _, kinds};
use ctl_store::Store;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use weft_rt::Clock;

use crate::harness::{Cluster, has};

const NEWER: &str = r#"{"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "a", "namespace": "default"},
    "regarding": {"kind": "Pod", "name": "p", "namespace": "default"}, "note": "hello", "reason": "Said", "type": "Normal",
    "eventTime": "2026-01-01T00:00:00.000000Z", "reportingController": "example.com/me", "action": "Say"}"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_one_group_writes_the_other_reads() {
    let cluster = Cluster::start().await;
    cluster.ok_with("create -f -", NEWER).await;
    let core = cluster.ok("get events -o json --field-selector involvedObject.name=p").await;
    has(&core, r#""message": "hello""#);
    has(&core, r#""reportingComponent": "example.com/me""#);
    has(&core, r#""apiVersion": "v1""#);
    let newer = "get events.events.k8s.io -o json --field-selector regarding.name=p";
    let newer = cluster.ok(newer).await;
    has(&newer, r#""note": "hello""#);
    has(&newer, r#""apiVersion": "events.k8s.io/v1""#);
    cluster.ok(r#"patch events.events.k8s.io a --type=merge -p {"note":"again"}"#).await;
    has(&cluster.ok("get event a -o json").await, r#""message": "again""#);
    let applied = NEWER.replace("hello", "third");
    cluster.ok_with("apply --server-side --force-conflicts -f -", &applied).await;
    has(&cluster.ok("get event a -o json").await, r#""message": "third""#);
    has(&cluster.ok("get events").await, "pod/p");
    let wrong = NEWER.replace("\"a\"", "\"b\"").replace("\"events.k8s.io/v1\"", "\"v1\"");
    let path = "/apis/events.k8s.io/v1/namespaces/default/events";
    has(&cluster.send("POST", path, &wrong).await, "write events.k8s.io/v1");
    cluster.ok("delete events.events.k8s.io a").await;
    has(&cluster.fails("get event a", "").await, "not found");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_ends_an_hour_after_its_last_write() {
    let state = tempfile::tempdir().unwrap();
    let store = Store::open(state.path().join("store.redb")).unwrap();
    let (clock, time) = Clock::fake();
    let tokens = TokenKey::open(state.path()).unwrap();
    let registry = Registry::new(store, Box::new(AdmitAll), tokens, clock, Vec::new());
    registry.bootstrap().await.unwrap();
    let (stop, house) = (CancellationToken::new(), registry.clone());
    let end = stop.clone();
    let keeper = tokio::spawn(async move { house.keep_house(end).await });
    let resource = kinds::find("", "Event").unwrap().resource();
    let event = |name: &str| {
        json!({ "apiVersion": "v1", "kind": "Event", "involvedObject": {},
            "metadata": { "name": name, "namespace": "default" } })
    };
    let names = async |count: usize| loop {
        let found = registry.list(&resource, None).await.unwrap();
        if found.len() == count && time.sleepers() > 0 {
            return found.iter().map(|e| e["metadata"]["name"].clone()).collect::<Vec<_>>();
        }
        tokio::task::yield_now().await;
    };
    let patience = Duration::from_secs(30);
    registry.create(&resource, event("old")).await.unwrap();
    tokio::time::timeout(patience, names(1)).await.unwrap();
    time.advance(Duration::from_secs(1800));
    registry.create(&resource, event("young")).await.unwrap();
    tokio::time::timeout(patience, names(2)).await.unwrap();
    time.advance(Duration::from_secs(1860));
    assert_eq!(tokio::time::timeout(patience, names(1)).await.unwrap(), [json!("young")]);
    stop.cancel();
    keeper.await.unwrap();
}
