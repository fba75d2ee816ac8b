use ctl_source::kinds;
use weft_admin_api::sync::{ProxySync, RefusedResource, SyncState, TypeSync};

use super::*;
use crate::audience::Audience;
use crate::facts::{Finding, Obstacle, Remark};

fn key(name: &str) -> ObjectKey {
    let resource = kinds::find("networking.istio.io", "VirtualService").unwrap().resource();
    ObjectKey { resource, namespace: Some("payments".into()), name: name.into() }
}

fn facts(name: &str, generation: i64) -> ObjectFacts {
    ObjectFacts {
        key: key(name),
        uid: format!("uid-{name}"),
        generation,
        content: 0,
        status: Value::Null,
        findings: Vec::new(),
        audience: Audience::everyone(),
        acted_on: true,
        obstacles: None,
        remarks: Vec::new(),
        manner: Manner::Mesh,
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
    let patch = tracker.due(report, now).patches.pop()?;
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
    for patch in tracker.due(report, "now").patches {
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
    assert!(tracker.due(&report(&[0]), "t1").patches.is_empty());
    first.objects[0].generation = 4;
    tracker.observe(&first);
    let patch = tracker.due(&report(&[1]), "t1").patches.pop().unwrap();
    assert_eq!(patch.patch["status"]["conditions"][0]["type"], "Theirs");
}

/// `Effective` as status and reason.
fn effective(tracker: &mut Tracker, obstacles: Option<&[Obstacle]>, acted_on: bool) -> String {
    let obstacles = obstacles.map(<[Obstacle]>::to_vec);
    let object = ObjectFacts { obstacles, acted_on, ..facts("pay", 1) };
    tracker.observe(&Observed { revision: 1, objects: vec![object], proxies: Vec::new() });
    for patch in tracker.due(&report(&[]), "now").patches {
        tracker.written(&patch);
    }
    let conditions = &tracker.tracks[&key("pay")].status["conditions"];
    let found = conditions.as_array().unwrap().iter().find(|c| c["type"] == "Effective");
    let text = |c: &Value, field: &str| c[field].as_str().unwrap().to_owned();
    found.map(|c| text(c, "status") + " " + &text(c, "reason")).unwrap_or_default()
}

fn obstacle(reason: &'static str, message: &str, whole: bool) -> Obstacle {
    Obstacle { reason, message: message.into(), whole }
}

#[test]
fn what_the_analysis_found_is_told_once_it_has_looked() {
    let (shadow, part) = (
        obstacle("ShadowedBy", "an older one", true),
        obstacle("NoEffectBecause", "rule 2", false),
    );
    let told = |obstacles: Option<&[Obstacle]>, acted_on: bool| {
        effective(&mut Tracker::default(), obstacles, acted_on)
    };
    assert_eq!(told(None, true), "");
    assert_eq!(told(Some(&[]), true), "True Effective");
    assert_eq!(told(Some(std::slice::from_ref(&part)), true), "True Partly");
    assert_eq!(told(Some(&[part, shadow]), true), "False ShadowedBy");
    assert_eq!(told(Some(&[]), false), "False NotSupported");
}

#[test]
fn what_was_found_stays_until_the_analysis_has_looked_again() {
    let mut tracker = Tracker::default();
    assert_eq!(effective(&mut tracker, Some(&[]), true), "True Effective");
    assert_eq!(effective(&mut tracker, None, true), "True Effective");
    let status = tracker.tracks[&key("pay")].status.clone();
    let object = ObjectFacts { status, ..facts("pay", 1) };
    let mut next = Tracker::default();
    next.observe(&Observed { revision: 1, objects: vec![object], proxies: Vec::new() });
    assert!(next.due(&report(&[]), "later").patches.is_empty(), "a restart writes nothing");
}

/// The Events of one look, as `reason: message`.
fn events(tracker: &mut Tracker, object: &ObjectFacts, report: &SyncReport) -> Vec<String> {
    let objects = vec![object.clone()];
    tracker.observe(&Observed { revision: 1, objects, proxies: Vec::new() });
    let due = tracker.due(report, "now");
    due.patches.iter().for_each(|patch| tracker.written(patch));
    let said = |note: Note| format!("{}: {}", note.line.reason, note.line.message);
    due.notes.into_iter().map(said).collect()
}

#[test]
fn an_event_is_told_once_for_as_long_as_it_holds() {
    let mut tracker = Tracker::default();
    let quiet = facts("pay", 1);
    let told = ["Programmed: acknowledged by 1 of 1 proxies"];
    assert_eq!(events(&mut tracker, &quiet, &report(&[0])), Vec::<String>::new());
    assert_eq!(events(&mut tracker, &quiet, &report(&[1])), told);
    assert_eq!(events(&mut tracker, &quiet, &report(&[1])), Vec::<String>::new());

    let remark = Remark { reason: "RetriesDoNotFitTimeout", message: "r".into() };
    let obstacles = Some(vec![obstacle("NoEffectBecause", "n", true)]);
    let loud = ObjectFacts { obstacles, remarks: vec![remark], ..quiet.clone() };
    let all = ["NoEffect: n", "RetriesDoNotFitTimeout: r"];
    assert_eq!(events(&mut tracker, &loud, &report(&[1])), all);
    assert_eq!(events(&mut tracker, &loud, &report(&[1])), Vec::<String>::new());
    assert_eq!(events(&mut tracker, &quiet, &report(&[1])), Vec::<String>::new());
    assert_eq!(events(&mut tracker, &loud, &report(&[1])), all, "it came back");
    let nack = ["Refused: p0.shop refused 8080: bad regex"];
    assert_eq!(events(&mut tracker, &loud, &refusing(1, &["pay"])), nack);
}

#[test]
fn what_the_conditions_said_before_a_restart_is_no_news() {
    let obstacles = Some(vec![obstacle("ShadowedBy", "an older one wins", true)]);
    let mut object = ObjectFacts { obstacles, ..facts("pay", 1) };
    let mut first = Tracker::default();
    assert_eq!(events(&mut first, &object, &report(&[1])).len(), 2);
    object.status = first.tracks[&key("pay")].status.clone();
    assert!(events(&mut Tracker::default(), &object, &report(&[1])).is_empty());
    object.generation = 2;
    assert_eq!(events(&mut Tracker::default(), &object, &report(&[1])).len(), 2);
}

#[test]
fn what_an_earlier_life_may_have_told_does_not_count_again() {
    let remark = Remark { reason: "RetriesDoNotFitTimeout", message: "r".into() };
    let quiet = facts("pay", 1);
    let loud = ObjectFacts { remarks: vec![remark], ..quiet.clone() };
    let mut tracker = Tracker::default();
    let mut again = |object: &ObjectFacts| {
        let objects = vec![object.clone()];
        tracker.observe(&Observed { revision: 1, objects, proxies: Vec::new() });
        let notes = tracker.due(&report(&[0]), "now").notes;
        notes.iter().map(|note| note.again).collect::<Vec<_>>()
    };
    assert_eq!(again(&loud), [false]);
    assert_eq!(again(&quiet), Vec::<bool>::new());
    assert_eq!(again(&loud), [true]);
    assert_eq!(again(&ObjectFacts { content: 7, ..loud.clone() }), [true]);
}

#[test]
fn a_kind_without_conditions_of_ours_gets_events_alone() {
    let finding = Finding { severity: Severity::Error, message: "no steps".into() };
    let manner = Manner::Events;
    let object = ObjectFacts { findings: vec![finding], manner, ..facts("canary", 1) };
    let mut tracker = Tracker::default();
    assert_eq!(events(&mut tracker, &object, &report(&[1])), ["Rejected: no steps"]);
    assert!(tracker.tracks[&key("canary")].status.is_null());
}
