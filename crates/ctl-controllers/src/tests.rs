use std::sync::Arc;

use ctl_source::{Batch, Object};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::action::Action;
use crate::world::{WATCHED, World, resource};
use crate::{deployment, endpoints, job, replicaset};

const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

fn world(objects: &[(&str, Vec<Value>)]) -> World {
    let mut world = World::default();
    for (kind, objects) in objects {
        let objects: Vec<Object> = objects.iter().cloned().map(Arc::new).collect();
        world.take(Batch::Snapshot(resource(kind), objects));
    }
    world
}

fn owner(kind: &str, name: &str) -> Value {
    json!([{"controller": true, "kind": kind, "name": name, "uid": name}])
}

fn pod(name: &str, set: &str, ready: bool) -> Value {
    let ready = if ready { "True" } else { "False" };
    json!({"metadata": {"name": name, "namespace": "n", "uid": name, "labels": {"app": "web"},
            "ownerReferences": owner("ReplicaSet", set)},
        "spec": {"nodeName": "local", "containers": [{"name": "c", "ports": [{"name": "web", "containerPort": 8080}]}]},
        "status": {"phase": "Running", "podIP": format!("10.244.0.{}", name.len() + 1),
            "conditions": [{"type": "Ready", "status": ready, "lastTransitionTime": "1969-01-01T00:00:00Z"}]}})
}

fn set(replicas: u64) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {"name": "s", "namespace": "n", "uid": "s", "generation": 1},
        "spec": {"replicas": replicas, "template": {"metadata": {"labels": {"app": "web"}}, "spec": {}}}})
}

#[test]
fn every_watched_kind_is_in_the_table_of_kinds() {
    for (_, kind) in WATCHED {
        assert_eq!(resource(kind).kind, *kind);
    }
}

#[test]
fn a_replica_set_makes_what_is_missing_and_takes_away_what_does_not_serve() {
    let made = replicaset::reconcile(
        &Arc::new(set(3)),
        &world(&[("Pod", vec![pod("a", "s", true)])]),
        NOW,
    );
    assert_eq!(made.iter().filter(|a| matches!(a, Action::Create(..))).count(), 2);
    let pods = vec![pod("a", "s", true), pod("bb", "s", false), pod("other", "t", false)];
    let taken = replicaset::reconcile(&Arc::new(set(1)), &world(&[("Pod", pods)]), NOW);
    let Some(Action::Delete(key)) = taken.first() else { panic!("{taken:?}") };
    assert_eq!(key.name, "bb");
    let Some(Action::Status(_, changed)) = taken.last() else { panic!("{taken:?}") };
    assert_eq!(changed["status"]["readyReplicas"], 1);
}

fn service(target: Value) -> Object {
    Arc::new(json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "web", "namespace": "n", "uid": "svc"},
        "spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": target}]}}))
}

#[test]
fn a_service_lists_ready_and_unready_pods_with_named_ports_resolved() {
    let world = world(&[("Pod", vec![pod("a", "s", true), pod("bb", "s", false)])]);
    let actions = endpoints::reconcile(&service(json!("web")), &world);
    let [Action::Create(_, slice)] = actions.as_slice() else { panic!("{actions:?}") };
    assert_eq!(slice["ports"][0]["port"], 8080);
    let ready: Vec<&Value> =
        slice["endpoints"].as_array().unwrap().iter().map(|e| &e["conditions"]["ready"]).collect();
    assert_eq!(ready, [&json!(true), &json!(false)]);
}

#[test]
fn a_service_without_pods_has_an_empty_slice_and_an_unchanged_one_is_left_alone() {
    let actions = endpoints::reconcile(&service(json!(8080)), &world(&[]));
    let [Action::Create(_, slice)] = actions.as_slice() else { panic!("{actions:?}") };
    assert_eq!(slice["endpoints"], json!([]));
    let again = endpoints::reconcile(
        &service(json!(8080)),
        &world(&[("EndpointSlice", vec![slice.clone()])]),
    );
    assert!(again.is_empty(), "{again:?}");
}

#[test]
fn a_job_ends_when_enough_pods_succeeded_or_too_many_failed() {
    let job = Arc::new(json!({"apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": "j", "namespace": "n", "uid": "j"},
        "spec": {"backoffLimit": 0, "template": {"metadata": {}, "spec": {}}}}));
    let ended = |phase: &str| {
        let mut pod = pod("p", "j", false);
        pod["status"]["phase"] = json!(phase);
        pod["metadata"]["ownerReferences"] = owner("Job", "j");
        let actions = job::reconcile(&job, &world(&[("Pod", vec![pod])]), NOW);
        let Some(Action::Status(_, changed)) = actions.last() else { panic!("{actions:?}") };
        changed["status"]["conditions"][0]["type"].as_str().unwrap().to_owned()
    };
    assert_eq!(ended("Succeeded"), "Complete");
    assert_eq!(ended("Failed"), "Failed");
}

/// Plays a whole rollout: carries out the actions, lets new pods become ready one by one, and checks the bounds.
#[test]
fn a_rolling_update_never_has_too_few_ready_pods_nor_too_many() {
    let mut deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "d", "namespace": "n", "uid": "d", "generation": 2, "resourceVersion": "1"},
        "spec": {"replicas": 4, "selector": {"matchLabels": {"app": "web"}},
            "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"v": 2}}}});
    let mut sets = vec![old_set(4)];
    for _ in 0..40 {
        let world = world(&[("ReplicaSet", sets.clone())]);
        for action in deployment::reconcile(&Arc::new(deployment.clone()), &world, NOW) {
            match action {
                Action::Create(_, mut set) => {
                    set["metadata"]["uid"] = json!("new");
                    set["status"] = json!({"replicas": 0, "availableReplicas": 0});
                    sets.push(set);
                }
                Action::Update(kind, set) if kind.kind == "ReplicaSet" => {
                    let name = set["metadata"]["name"].clone();
                    let known = sets.iter_mut().find(|s| s["metadata"]["name"] == name).unwrap();
                    *known = set;
                }
                Action::Update(_, changed) | Action::Status(_, changed) => deployment = changed,
                Action::Delete(_) | Action::Again(_) => {}
            }
        }
        sets.iter_mut().for_each(settle);
        let sum = |f: &dyn Fn(&Value) -> u64| sets.iter().map(f).sum::<u64>();
        assert!(sum(&|s| s["spec"]["replicas"].as_u64().unwrap()) <= 5);
        assert!(sum(&|s| s["status"]["availableReplicas"].as_u64().unwrap()) >= 3);
    }
    assert_eq!(sets[0]["spec"]["replicas"], 0);
    assert_eq!(deployment["status"]["updatedReplicas"], 4);
    assert_eq!(deployment["status"]["conditions"][1]["reason"], "NewReplicaSetAvailable");
    assert_eq!(deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "2");
}

fn old_set(replicas: u64) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {"name": "d-old", "namespace": "n", "uid": "old", "labels": {"pod-template-hash": "old"},
            "annotations": {"deployment.kubernetes.io/revision": "1"}, "ownerReferences": owner("Deployment", "d")},
        "spec": {"replicas": replicas},
        "status": {"replicas": replicas, "readyReplicas": replicas, "availableReplicas": replicas}})
}

/// Deletions happen at once; one new pod becomes ready per round.
fn settle(set: &mut Value) {
    let wanted = set["spec"]["replicas"].as_u64().unwrap();
    let available = set["status"]["availableReplicas"].as_u64().unwrap();
    set["status"] = json!({"replicas": wanted, "readyReplicas": available.min(wanted),
        "availableReplicas": wanted.min(available + 1)});
}
