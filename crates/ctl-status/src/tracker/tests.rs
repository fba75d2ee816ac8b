use ctl_source::kinds;
use weft_admin_api::sync::{ProxySync, RefusedResource, SyncState, TypeSync};

use super::*;

fn key() -> ObjectKey {
    let resource = kinds::find("networking.istio.io", "VirtualService").unwrap().resource();
    ObjectKey { resource, namespace: Some("payments".into()), name: "pay".into() }
}

fn observed(revision: u64, generation: i64, findings: &[Finding]) -> Observed {
    let status = Value::Null;
    let findings = findings.to_vec();
    Observed { revision, objects: vec![ObjectFacts { key: key(), generation, status, findings }] }
}

fn report(acknowledged: &[u64]) -> SyncReport {
    let proxy = |(i, acknowledged): (usize, &u64)| ProxySync {
        name: format!("p{i}"),
        proxy_type: "sidecar".into(),
        version: String::new(),
        offered: 9,
        acknowledged: *acknowledged,
        types: Vec::new(),
    };
    SyncReport { revision: 9, proxies: acknowledged.iter().enumerate().map(proxy).collect() }
}

/// Writes what is due and gives `(Accepted, Programmed)` of it.
fn write(tracker: &mut Tracker, report: &SyncReport, now: &str) -> Option<(Value, Value)> {
    let patch = tracker.patches(report, now).pop()?;
    tracker.written(&patch);
    let conditions = &patch.patch["status"]["conditions"];
    Some((conditions[0].clone(), conditions[1].clone()))
}

#[test]
fn programmed_waits_for_every_proxy_and_then_stays() {
    let mut tracker = Tracker::default();
    tracker.observe(&observed(5, 1, &[]));
    let (accepted, programmed) = write(&mut tracker, &report(&[5, 4]), "t1").unwrap();
    assert_eq!((&accepted["status"], &programmed["status"]), (&json!("True"), &json!("False")));
    assert_eq!(programmed["message"], "acknowledged by 1 of 2 proxies");
    assert!(write(&mut tracker, &report(&[5, 4]), "t2").is_none(), "said already");

    let (accepted, programmed) = write(&mut tracker, &report(&[5, 6]), "t3").unwrap();
    assert_eq!(
        (&programmed["status"], &programmed["lastTransitionTime"]),
        (&json!("True"), &json!("t3"))
    );
    assert_eq!(accepted["lastTransitionTime"], "t1");
    assert!(write(&mut tracker, &report(&[5, 6, 0]), "t4").is_none(), "a new pod makes no flap");

    tracker.observe(&observed(7, 2, &[]));
    let (_, programmed) = write(&mut tracker, &report(&[7, 6]), "t5").unwrap();
    assert_eq!(
        (&programmed["status"], &programmed["observedGeneration"]),
        (&json!("False"), &json!(2))
    );
}

#[test]
fn a_refusal_names_proxy_resource_and_reason() {
    let mut tracker = Tracker::default();
    tracker.observe(&observed(1, 1, &[]));
    write(&mut tracker, &report(&[1]), "t1").unwrap();
    let mut refusing = report(&[2]);
    let path = "/apis/networking.istio.io/v1/namespaces/payments/virtual-service/pay";
    refusing.proxies[0].types.push(TypeSync {
        resource_type: "RDS".into(),
        state: SyncState::Refused,
        resources: 1,
        ack_age_ms: None,
        refused: vec![RefusedResource {
            resource: "8080".into(),
            why: "bad regex".into(),
            objects: vec![path.into()],
        }],
    });
    let (_, programmed) = write(&mut tracker, &refusing, "t2").unwrap();
    assert_eq!(programmed["reason"], "Refused");
    assert_eq!(programmed["message"], "p0 refused 8080: bad regex");
}

#[test]
fn an_invalid_object_is_neither_accepted_nor_programmed() {
    let mut tracker = Tracker::default();
    let message = "spec.http[0].route: weights".to_owned();
    tracker.observe(&observed(1, 1, &[Finding { severity: Severity::Error, message }]));
    let (accepted, programmed) = write(&mut tracker, &report(&[1]), "t1").unwrap();
    assert_eq!(
        (&accepted["status"], &accepted["message"]),
        (&json!("False"), &json!("spec.http[0].route: weights"))
    );
    assert_eq!(programmed["status"], "False");
}

#[test]
fn foreign_conditions_and_a_programmed_past_survive_a_restart() {
    let mut first = observed(1, 3, &[]);
    first.objects[0].status = json!({ "observedGeneration": 3, "conditions": [
        { "type": "Theirs", "status": "True" },
        { "type": "Accepted", "status": "True", "reason": "Accepted", "message": "valid",
          "observedGeneration": 3, "lastTransitionTime": "t0" },
        { "type": "Programmed", "status": "True", "reason": "Programmed",
          "message": "acknowledged by 7 of 7 proxies", "observedGeneration": 3,
          "lastTransitionTime": "t0" },
    ]});
    let mut tracker = Tracker::default();
    tracker.observe(&first);
    assert!(tracker.patches(&report(&[0]), "t1").is_empty());
    first.objects[0].generation = 4;
    tracker.observe(&first);
    let patch = tracker.patches(&report(&[1]), "t1").pop().unwrap();
    assert_eq!(patch.patch["status"]["conditions"][0]["type"], "Theirs");
}
