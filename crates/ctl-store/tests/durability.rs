//! What is acknowledged survives, and expectations hold.

#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use ctl_store::{Collection, EventKind, Expect, Key, Store, StoreError, Write};
use serde_json::{Value, json};

fn pods() -> Collection {
    Collection { group: String::new(), plural: "pods".into() }
}

fn key(name: &str) -> Key {
    Key { collection: pods(), namespace: "default".into(), name: name.into() }
}

fn create(name: &str) -> Write {
    let object = json!({ "metadata": { "name": name, "namespace": "default" } });
    Write { key: key(name), expect: Expect::Absent, object: Some(object) }
}

fn version(object: &Value) -> String {
    object["metadata"]["resourceVersion"].as_str().unwrap().to_owned()
}

/// The child of the next test: writes for ever, and says each name after it was acknowledged.
#[tokio::test]
async fn child_writes_until_it_is_killed() {
    #[expect(clippy::disallowed_methods, reason = "how the parent test tells its child what to do")]
    let Ok(path) = std::env::var("STORE_CHILD_PATH") else { return };
    let store = Store::open(path).unwrap();
    let mut at = 0_u32;
    loop {
        let mut burst = tokio::task::JoinSet::new();
        for _ in 0..20 {
            let (store, name) = (store.clone(), format!("pod-{at}"));
            at += 1;
            burst.spawn(async move { store.write(create(&name)).await.map(|_| name) });
        }
        while let Some(name) = burst.join_next().await {
            use std::io::Write as _;
            writeln!(std::io::stderr(), "ACK {}", name.unwrap().unwrap()).unwrap();
        }
    }
}

#[test]
fn acknowledged_writes_survive_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_writes_until_it_is_killed", "--nocapture"])
        .env("STORE_CHILD_PATH", &path)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut acknowledged = Vec::new();
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        if let Some(name) = line.unwrap().strip_prefix("ACK ") {
            acknowledged.push(name.to_owned());
        }
        if acknowledged.len() == 500 {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(acknowledged.len() >= 500, "only {} acknowledged", acknowledged.len());
    let store = Store::open(&path).unwrap();
    for name in &acknowledged {
        assert!(store.get(&key(name)).is_some(), "{name} was acknowledged and is lost");
    }
    let newest = store
        .list(&pods(), None)
        .objects
        .iter()
        .map(|o| version(o))
        .max_by_key(|v| v.parse::<u64>().unwrap());
    assert!(store.revision() >= newest.unwrap().parse().unwrap());
}

#[tokio::test]
async fn expectations_are_judged_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("s")).unwrap();
    let first = store.write(create("a")).await.unwrap();
    assert!(matches!(store.write(create("a")).await, Err(StoreError::Exists)));
    let again = |v: String| Write {
        key: key("a"),
        expect: Expect::Version(v),
        object: Some(json!({ "metadata": { "name": "a" }, "x": 1 })),
    };
    let second = store.write(again(version(&first))).await.unwrap();
    assert!(matches!(store.write(again(version(&first))).await, Err(StoreError::Changed)));
    let remove = Write { object: None, ..again(version(&second)) };
    store.write(remove.clone()).await.unwrap();
    assert!(matches!(store.write(remove).await, Err(StoreError::Missing)));
    let (events, _) = store.since(0).unwrap();
    let kinds: Vec<_> = events.iter().map(|e| e.kind).collect();
    assert_eq!(kinds, [EventKind::Added, EventKind::Modified, EventKind::Deleted]);
}

/// The writer closes the file a moment after the last handle is gone.
async fn reopened(path: &std::path::Path) -> Store {
    loop {
        if let Ok(store) = Store::open(path) {
            return store;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn history_is_bounded_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let store = Store::open(&path).unwrap();
    let object = store.write(create("a")).await.unwrap();
    let at = store.revision();
    drop(store);
    let reopened = reopened(&path).await;
    assert_eq!(reopened.revision(), at);
    assert!(reopened.since(at).unwrap().0.is_empty());
    let compacted = reopened.since(at - 1).unwrap_err();
    assert_eq!((compacted.asked, compacted.oldest), (at - 1, at));
    assert_eq!(reopened.get(&key("a")), Some(object));
}

#[tokio::test]
async fn what_could_not_be_read_again_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let store = Store::open(&path).unwrap();
    store.write(create("a")).await.unwrap();
    let deep = (0..200).fold(json!(1), |inner, _| json!([inner]));
    let object = json!({ "metadata": { "name": "b", "namespace": "default" }, "spec": deep });
    let write = Write { key: key("b"), expect: Expect::Absent, object: Some(object) };
    assert!(matches!(store.write(write).await, Err(StoreError::TooDeep(_))));
    assert!(store.get(&key("b")).is_none());
    assert_eq!(store.revision(), 1);
    drop(store);
    let again = reopened(&path).await;
    assert_eq!(again.list(&pods(), None).objects.len(), 1);
}
