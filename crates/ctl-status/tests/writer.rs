//! The writer against a Source that remembers: one write per change, none when nothing is new, none for what is gone; and
//! one Event per sentence.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use ctl_source::{Object, ObjectKey, ResourceType, Source, SourceError, Watch, kinds};
use ctl_status::{Audience, Finding, Manner, ObjectFacts, Observed, Severity, StatusWriter, run};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use weft_admin_api::sync::{ProxySync, SyncReport};

/// Remembers status patches and Events; everything else is not there.
#[derive(Default)]
struct Remembers(Mutex<Vec<(String, Value)>>, Mutex<BTreeMap<String, Value>>);

fn absent<T>() -> Result<T, SourceError> {
    Err(SourceError::NotFound("not part of this test".into()))
}

#[async_trait]
impl Source for Remembers {
    async fn watch(&self, _: &[ResourceType]) -> Result<Watch, SourceError> {
        absent()
    }
    async fn get(&self, key: &ObjectKey) -> Result<Option<Object>, SourceError> {
        Ok(self.1.lock().unwrap().get(&key.name).cloned().map(Arc::new))
    }
    async fn list(&self, _: &ResourceType, _: Option<&str>) -> Result<Vec<Object>, SourceError> {
        absent()
    }
    async fn create(&self, kind: &ResourceType, event: Value) -> Result<Object, SourceError> {
        assert_eq!(kind.kind, "Event");
        let name = event["metadata"]["name"].as_str().unwrap().to_owned();
        self.1.lock().unwrap().insert(name, event.clone());
        Ok(Arc::new(event))
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
        if key.resource.kind == "Event" {
            let mut events = self.1.lock().unwrap();
            let event = events.get_mut(&key.name).unwrap();
            event["count"] = patch["count"].clone();
            event["lastTimestamp"] = patch["lastTimestamp"].clone();
            return Ok(Arc::new(event.clone()));
        }
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
        uid: "u-1".into(),
        generation: 1,
        content: 1,
        status: Value::Null,
        findings: Vec::new(),
        audience: Audience::everyone(),
        acted_on: true,
        obstacles: None,
        remarks: Vec::new(),
        manner: Manner::Mesh,
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

/// A running writer, and what a test holds of it.
struct Running {
    source: Arc<Remembers>,
    observed: watch::Sender<Arc<Observed>>,
    ledger: watch::Sender<u64>,
    writer: JoinHandle<()>,
}

impl Running {
    fn start(observed: Observed, report: impl Fn() -> SyncReport + Send + Sync + 'static) -> Self {
        let source = Arc::new(Remembers::default());
        let (observed, facts_seen) = watch::channel(Arc::new(observed));
        let (ledger, ledger_changed) = watch::channel(0);
        let writer = tokio::spawn(run(StatusWriter {
            source: source.clone(),
            observed: facts_seen,
            ledger_changed,
            report: Box::new(report),
            wall: || SystemTime::UNIX_EPOCH,
        }));
        Self { source, observed, ledger, writer }
    }

    /// The pipeline tells of one object.
    fn observe(&self, object: ObjectFacts) {
        let observed = Observed { objects: vec![object], ..Observed::default() };
        self.observed.send_replace(Arc::new(observed));
    }

    /// Ends the pipeline, and with it the writer; answers what it wrote to.
    async fn end(self) -> Arc<Remembers> {
        drop(self.observed);
        tokio::time::timeout(Duration::from_secs(5), self.writer).await.unwrap().unwrap();
        self.source
    }
}

#[tokio::test]
async fn conditions_follow_the_ledger_and_nothing_is_written_twice() {
    let objects = vec![facts("gone"), facts("pay")];
    let observed = Observed { revision: 1, objects, proxies: Vec::new() };
    let (current, report_seen) = watch::channel(report(0));
    let running = Running::start(observed, move || report_seen.borrow().clone());
    let written = async |count: usize| {
        let written = &running.source.0;
        let wait = async {
            while written.lock().unwrap().len() < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), wait).await.unwrap();
        written.lock().unwrap().last().unwrap().clone()
    };
    let (name, patch) = written(2).await;
    let programmed = &patch["status"]["conditions"][1];
    assert_eq!((name.as_str(), &programmed["status"]), ("pay", &Value::from("False")));
    assert_eq!(programmed["lastTransitionTime"], "1970-01-01T00:00:00Z");

    running.ledger.send_replace(1);
    current.send_replace(report(1));
    running.ledger.send_replace(2);
    let (_, patch) = written(3).await;
    assert_eq!(patch["status"]["conditions"][1]["status"], "True");
    assert_eq!(patch["status"]["conditions"][1]["message"], "acknowledged by 1 of 1 proxies");

    let source = running.end().await;
    assert_eq!(source.0.lock().unwrap().len(), 3, "what is gone is not tried again");
    let events = source.1.lock().unwrap();
    let event = events.values().next().unwrap();
    assert_eq!((events.len(), &event["reason"]), (1, &json!("Programmed")));
    let about = json!({ "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
        "name": "pay", "namespace": "shop", "uid": "u-1" });
    assert_eq!((&event["involvedObject"], &event["type"]), (&about, &json!("Normal")));
}

#[tokio::test]
async fn an_object_that_is_changed_often_has_each_change_answered_without_delay() {
    tokio::time::pause();
    let running = Running::start(Observed::default(), SyncReport::default);
    for generation in 1..=300 {
        let content = u64::try_from(generation).unwrap();
        let object = ObjectFacts { generation, content, ..facts("pay") };
        running.observe(object);
        tokio::time::sleep(Duration::from_millis(100)).await;
        let (_, patch) = running.source.0.lock().unwrap().last().unwrap().clone();
        assert_eq!(patch["status"]["observedGeneration"], generation);
    }
    running.end().await;
}

#[tokio::test]
async fn the_same_sentence_is_counted_and_an_object_has_a_bounded_number_of_events() {
    let running = Running::start(Observed::default(), SyncReport::default);
    for content in 0..2 {
        let messages = (0..20).map(|at| format!("field {at}"));
        let findings = messages.map(|message| Finding { severity: Severity::Error, message });
        let object = ObjectFacts { content, findings: findings.collect(), ..facts("pay") };
        running.observe(object);
        let told = async {
            let all = || -> u64 {
                let events = running.source.1.lock().unwrap();
                events.values().filter_map(|event| event["count"].as_u64()).sum()
            };
            while all() < 20 + content * 5 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), told).await.unwrap();
    }
    let source = running.end().await;
    let events = source.1.lock().unwrap();
    let counts: Vec<u64> = events.values().filter_map(|e| e["count"].as_u64()).collect();
    assert_eq!((events.len(), counts.iter().sum::<u64>()), (20, 25), "the rest is too much");
}
