use ctl_source::kinds;
use weft_admin_api::sync::{ProxySync, RefusedResource, SyncState, TypeSync};

use super::*;

fn key(name: &str) -> ObjectKey {
    let resource = kinds::find("networking.istio.io", "VirtualService").unwrap().resource();
    ObjectKey { resource, namespace: Some("payments".into()), name: name.into() }
}

fn facts(name: &str, generation: i64) -> ObjectFacts {
    ObjectFacts {
        key: key(name),
        generation,
        content: 0,
        status: Value::Null,
        findings: Vec::new(),
        audience: Audience::everyone(),
        acted_on: true,
        obstacles: None,
    }
}

fn observed(revision: u64, generation: i64, findings: &[Finding]) -> Observed {
    let object = ObjectFacts { findings: findings.to_vec(), ..facts("pay", generation) };
    Observed { revision, objects: vec![object], proxies: Vec::new() }
}

fn report(acknowledged: &[u64]) -> SyncReport {
    let proxy = |(i, acknowledged): (usize, &u64)| ProxySync {
        name: format!("p{i}.shop"),
        proxy_type: "sidecar".into(),
        version: String::new(),
        offered: 9,
        acknowledged: *acknowledged,
        types: Vec::new(),
    };
    let proxies = acknowledged.iter().enumerate().map(proxy).collect();
    SyncReport { revision: 9, proxies, ..SyncReport::default() }
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
    let words = "acknowledged by 1 of 2 proxies; waiting for p1.shop";
    assert_eq!(programmed["message"], words);
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

/// One proxy that has answered `acknowledged` and refuses a resource that is made of these objects.
fn refusing(acknowledged: u64, objects: &[&str]) -> SyncReport {
    let path = |name: &&str| {
        format!("/apis/networking.istio.io/v1beta1/namespaces/payments/virtual-service/{name}")
    };
    let mut report = report(&[acknowledged]);
    report.proxies[0].types.push(TypeSync {
        resource_type: "RDS".into(),
        state: SyncState::Refused,
        resources: 1,
        ack_age_ms: None,
        refused: vec![RefusedResource {
            resource: "8080".into(),
            why: "bad regex".into(),
            objects: objects.iter().map(path).collect(),
        }],
    });
    report
}

/// `Programmed` of every object, by name.
fn programmed(tracker: &mut Tracker, report: &SyncReport) -> Vec<(String, String)> {
    for patch in tracker.patches(report, "now") {
        tracker.written(&patch);
    }
    let said = |(key, track): (&ObjectKey, &Track)| {
        let condition = track.status["conditions"][1].clone();
        (key.name.clone(), condition["reason"].as_str().unwrap().to_owned())
    };
    let mut all: Vec<_> = tracker.tracks.iter().map(said).collect();
    all.sort();
    all
}

fn said(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, reason)| ((*name).into(), (*reason).into())).collect()
}

#[test]
fn a_proxy_that_serves_and_is_not_connected_has_not_taken_it() {
    let expected = |name: &str| Expected { name: name.into(), gateway: false };
    let mut tracker = Tracker::default();
    let mut first = observed(1, 1, &[]);
    first.proxies = vec![expected("p0.shop"), expected("away.shop")];
    tracker.observe(&first);
    let (_, programmed) = write(&mut tracker, &SyncReport::default(), "t1").unwrap();
    assert_eq!(programmed["status"], "False", "nobody is connected, but two serve");
    assert_eq!(
        programmed["message"],
        "acknowledged by 0 of 2 proxies; waiting for away.shop, p0.shop"
    );
    let (_, programmed) = write(&mut tracker, &report(&[1]), "t2").unwrap();
    assert_eq!(programmed["message"], "acknowledged by 1 of 2 proxies; waiting for away.shop");
    first.proxies.pop();
    tracker.observe(&first);
    let (_, programmed) = write(&mut tracker, &report(&[1]), "t3").unwrap();
    assert_eq!(programmed["status"], "True", "the pod is gone");
}

#[test]
fn where_no_proxy_is_affected_there_is_nothing_to_wait_for() {
    let mut tracker = Tracker::default();
    tracker.observe(&observed(1, 1, &[]));
    let (_, programmed) = write(&mut tracker, &SyncReport::default(), "t1").unwrap();
    assert_eq!(
        (&programmed["status"], &programmed["message"]),
        (&json!("True"), &json!("no proxy is affected"))
    );
}

#[test]
fn only_the_audience_counts() {
    let audience = |sidecars: bool, gateways: bool, namespace: Option<&str>| Audience {
        sidecars,
        gateways,
        namespaces: namespace.map(|name| [name.to_owned()].into()),
    };
    let message = |audience: Audience| {
        let mut tracker = Tracker::default();
        let mut first = observed(5, 1, &[]);
        first.objects[0].audience = audience;
        first.proxies = vec![Expected { name: "gate.front".into(), gateway: true }];
        tracker.observe(&first);
        let (_, programmed) = write(&mut tracker, &report(&[5, 4]), "t1").unwrap();
        programmed["message"].as_str().unwrap().to_owned()
    };
    let waits =
        |who: &str, n: usize| format!("acknowledged by 1 of {n} proxies; waiting for {who}");
    assert_eq!(message(Audience::everyone()), waits("gate.front, p1.shop", 3));
    assert_eq!(message(audience(true, false, None)), waits("p1.shop", 2));
    assert_eq!(message(audience(true, true, Some("shop"))), waits("p1.shop", 2));
    let gate = "acknowledged by 0 of 1 proxies; waiting for gate.front";
    assert_eq!(message(audience(false, true, None)), gate);
    assert_eq!(message(audience(true, true, Some("other"))), "no proxy is affected");
}

#[test]
fn a_change_that_no_generation_counts_is_waited_for_too() {
    let mut tracker = Tracker::default();
    tracker.observe(&observed(1, 1, &[]));
    write(&mut tracker, &report(&[1]), "t1").unwrap();
    let mut second = observed(2, 1, &[]);
    second.objects[0].content = 7;
    tracker.observe(&second);
    let (_, programmed) = write(&mut tracker, &report(&[1]), "t2").unwrap();
    assert_eq!(programmed["reason"], "Pending");
    let (_, programmed) = write(&mut tracker, &report(&[2]), "t3").unwrap();
    assert_eq!(programmed["reason"], "Programmed");
}

#[test]
fn of_the_objects_of_a_refused_resource_those_that_were_in_force_stay_so() {
    let mut tracker = Tracker::default();
    let objects = |bad: i64| vec![facts("bad", bad), facts("good", 1)];
    tracker.observe(&Observed { revision: 1, objects: objects(1), proxies: Vec::new() });
    let both = said(&[("bad", "Programmed"), ("good", "Programmed")]);
    assert_eq!(programmed(&mut tracker, &report(&[1])), both);

    tracker.observe(&Observed { revision: 2, objects: objects(2), proxies: Vec::new() });
    let one = said(&[("bad", "Refused"), ("good", "Programmed")]);
    assert_eq!(programmed(&mut tracker, &refusing(2, &["bad", "good"])), one);
    assert_eq!(programmed(&mut tracker, &refusing(2, &["bad", "good"])), one, "and stays so");

    tracker.observe(&Observed { revision: 3, objects: objects(3), proxies: Vec::new() });
    assert_eq!(programmed(&mut tracker, &report(&[3])), both);
    let neither = said(&[("bad", "Refused"), ("good", "Refused")]);
    assert_eq!(programmed(&mut tracker, &refusing(3, &["bad", "good"])), neither);
}

#[test]
fn a_refusal_names_proxy_resource_and_reason() {
    let mut tracker = Tracker::default();
    tracker.observe(&observed(1, 1, &[]));
    write(&mut tracker, &report(&[1]), "t1").unwrap();
    let (_, programmed) = write(&mut tracker, &refusing(2, &["pay"]), "t2").unwrap();
    assert_eq!(programmed["reason"], "Refused");
    assert_eq!(programmed["message"], "p0.shop refused 8080: bad regex");
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

#[test]
fn what_the_analysis_found_is_told_once_it_has_looked() {
    let told = |obstacles: Option<Vec<Obstacle>>, acted_on: bool| {
        let object = ObjectFacts { obstacles, acted_on, ..facts("pay", 1) };
        let mut tracker = Tracker::default();
        tracker.observe(&Observed { revision: 1, objects: vec![object], proxies: Vec::new() });
        let patch = tracker.patches(&report(&[]), "now").remove(0).patch;
        let conditions = patch["status"]["conditions"].as_array().unwrap().clone();
        let found = conditions.into_iter().find(|c| c["type"] == "Effective");
        found
            .map(|c| format!("{} {}", c["status"].as_str().unwrap(), c["reason"].as_str().unwrap()))
    };
    let obstacle = Obstacle { reason: "ShadowedBy", message: "an older one wins".into() };
    assert_eq!(told(None, true), None);
    assert_eq!(told(Some(Vec::new()), true).as_deref(), Some("True Effective"));
    assert_eq!(told(Some(vec![obstacle]), true).as_deref(), Some("False ShadowedBy"));
    assert_eq!(told(Some(Vec::new()), false).as_deref(), Some("False NotSupported"));
}
