//! The writer against a Source that remembers: one write per change, none when nothing is new, none for what is gone.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use ctl_source::{Object, ObjectKey, ResourceType, Source, SourceError, Watch, kinds};
use ctl_status::{Audience, ObjectFacts, Observed, StatusWriter, run};
use serde_json::Value;
use tokio::sync::watch;
use weft_admin_api::sync::{ProxySync, SyncReport};

/// Remembers status patches; everything else is not there.
#[derive(Default)]
struct Remembers(Mutex<Vec<(String, Value)>>);

fn absent<T>() -> Result<T, SourceError> {
    Err(SourceError::NotFound("not part of this test".into()))
}

#[async_trait]
impl Source for Remembers {
    async fn watch(&self, _: &[ResourceType]) -> Result<Watch, SourceError> {
        absent()
    }
    async fn get(&self, _: &ObjectKey) -> Result<Option<Object>, SourceError> {
        absent()
    }
    async fn list(&self, _: &ResourceType, _: Option<&str>) -> Result<Vec<Object>, SourceError> {
        absent()
    }
    async fn create(&self, _: &ResourceType, _: Value) -> Result<Object, SourceError> {
        absent()
    }
    async fn update(&self, _: &ResourceType, _: Value) -> Result<Object, SourceError> {
        absent()
    }
    async fn update_status(&self, _: &ResourceType, _: Value) -> Result<Object, SourceError> {
        absent()
    }
    async fn merge_patch(
        &self,
        key: &ObjectKey,
        subresource: Option<&str>,
        patch: Value,
    ) -> Result<Object, SourceError> {
        assert_eq!(subresource, Some("status"));
        self.0.lock().unwrap().push((key.name.clone(), patch.clone()));
        if key.name == "gone" { absent() } else { Ok(Arc::new(patch)) }
    }
    async fn delete(&self, _: &ObjectKey, _: Option<i64>) -> Result<(), SourceError> {
        absent()
    }
    async fn create_subresource(
        &self,
        _: &ObjectKey,
        _: &str,
        _: Value,
    ) -> Result<Value, SourceError> {
        absent()
    }
}

fn facts(name: &str) -> ObjectFacts {
    let resource = kinds::find("networking.istio.io", "VirtualService").unwrap().resource();
    let key = ObjectKey { resource, namespace: Some("shop".into()), name: name.into() };
    ObjectFacts {
        key,
        generation: 1,
        content: 1,
        status: Value::Null,
        findings: Vec::new(),
        audience: Audience::everyone(),
        acted_on: true,
        obstacles: None,
    }
}

fn report(acknowledged: u64) -> SyncReport {
    let proxy = ProxySync {
        name: "web-1.shop".into(),
        proxy_type: "sidecar".into(),
        version: String::new(),
        offered: 1,
        acknowledged,
        types: Vec::new(),
    };
    SyncReport { revision: 1, proxies: vec![proxy], ..SyncReport::default() }
}

#[tokio::test]
async fn conditions_follow_the_ledger_and_nothing_is_written_twice() {
    let source = Arc::new(Remembers::default());
    let objects = vec![facts("gone"), facts("pay")];
    let observed = Observed { revision: 1, objects, proxies: Vec::new() };
    let (observed, facts_seen) = watch::channel(Arc::new(observed));
    let (ledger, ledger_changed) = watch::channel(0);
    let (current, report_seen) = watch::channel(report(0));
    let writer = StatusWriter {
        source: source.clone(),
        observed: facts_seen,
        ledger_changed,
        report: Box::new(move || report_seen.borrow().clone()),
        wall: || SystemTime::UNIX_EPOCH,
    };
    let running = tokio::spawn(run(writer));
    let written = async |count: usize| {
        let wait = async {
            while source.0.lock().unwrap().len() < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), wait).await.unwrap();
        source.0.lock().unwrap().last().unwrap().clone()
    };
    let (name, patch) = written(2).await;
    let programmed = &patch["status"]["conditions"][1];
    assert_eq!((name.as_str(), &programmed["status"]), ("pay", &Value::from("False")));
    assert_eq!(programmed["lastTransitionTime"], "1970-01-01T00:00:00Z");

    ledger.send_replace(1);
    current.send_replace(report(1));
    ledger.send_replace(2);
    let (_, patch) = written(3).await;
    assert_eq!(patch["status"]["conditions"][1]["status"], "True");
    assert_eq!(patch["status"]["conditions"][1]["message"], "acknowledged by 1 of 1 proxies");

    drop(observed);
    tokio::time::timeout(Duration::from_secs(5), running).await.unwrap().unwrap();
    assert_eq!(source.0.lock().unwrap().len(), 3, "what is gone is not tried again");
}
