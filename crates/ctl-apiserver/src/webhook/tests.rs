//! Which writes a webhook is asked about, and which answers count.

use serde_json::json;

use super::*;
use crate::kind::Version;

fn kind() -> Kind {
    let version = |name: &str| Version { name: name.to_owned(), ..Version::default() };
    let versions = vec![version("v1"), version("v1beta1")];
    Kind { namespaced: true, versions, ..Kind::named("a.io", "Box", "boxes") }
}

#[track_caller]
fn check(webhook: Value, object: Value, version: Option<&str>, selected: bool) {
    let (kind, user, labels) = (kind(), User::default(), json!({"team": "x"}));
    let asked = Asked {
        operation: "UPDATE",
        kind: &kind,
        version: "v1",
        subresource: "",
        namespace: "n",
        name: "b",
        namespace_labels: &labels,
        user: &user,
        dry_run: false,
    };
    let hook = Hook::new(Arc::new(json!({"webhooks": [webhook]})), 0);
    assert_eq!(hook.version(&asked), version);
    assert_eq!(hook.selects(&asked, Objects { new: &object, old: &Value::Null }), selected);
}

fn rule(operation: &str, group: &str, version: &str, resource: &str) -> Value {
    json!([{"operations": [operation], "apiGroups": [group], "apiVersions": [version],
        "resources": [resource]}])
}

#[test]
fn rules_name_operations_groups_versions_and_resources() {
    let ask = |rules: Value, version: Option<&str>| {
        check(json!({"rules": rules}), json!({}), version, true);
    };
    ask(rule("*", "*", "*", "*"), Some("v1"));
    ask(rule("UPDATE", "a.io", "v1", "boxes/*"), Some("v1"));
    ask(rule("CREATE", "a.io", "v1", "boxes"), None);
    ask(rule("UPDATE", "b.io", "v1", "boxes"), None);
    ask(rule("UPDATE", "a.io", "v1", "boxes/status"), None);
    ask(rule("UPDATE", "a.io", "v1beta1", "boxes"), Some("v1beta1"));
    let exact = json!({"rules": rule("*", "*", "v1beta1", "*"), "matchPolicy": "Exact"});
    check(exact, json!({}), None, true);
}

#[test]
fn selectors_look_at_the_object_and_at_its_namespace() {
    let object = json!({"metadata": {"labels": {"tier": "web"}}});
    let select = |field: &str, term: Value, selected: bool| {
        let mut webhook = json!({"rules": rule("*", "*", "*", "*")});
        webhook[field] = json!({"matchExpressions": [term]});
        check(webhook, object.clone(), Some("v1"), selected);
    };
    select("objectSelector", json!({"key": "tier", "operator": "In", "values": ["web"]}), true);
    select("objectSelector", json!({"key": "tier", "operator": "NotIn", "values": ["web"]}), false);
    select("namespaceSelector", json!({"key": "team", "operator": "Exists"}), true);
    select("namespaceSelector", json!({"key": "team", "operator": "DoesNotExist"}), false);
}

#[test]
fn an_answer_counts_only_when_it_answers_the_question() {
    let answer = |response: Value| {
        let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
            "response": response});
        review::read(&review, "u").map(|verdict| verdict.refusal)
    };
    assert_eq!(answer(json!({"uid": "u", "allowed": true})), Ok(None));
    let refused = json!({"uid": "u", "allowed": false, "status": {"code": 200, "message": "no"}});
    assert_eq!(answer(refused), Ok(Some((400, "no".to_owned()))));
    assert!(answer(json!({"uid": "v", "allowed": true})).unwrap_err().contains("uid"));
    assert!(answer(json!({"uid": "u"})).unwrap_err().contains("allowed"));
    let odd = json!({"uid": "u", "allowed": true, "patch": "W10=", "patchType": "Merge"});
    assert!(answer(odd).unwrap_err().contains("patchType"));
}

#[test]
fn a_patch_may_change_everything_but_who_the_object_is() {
    use base64::Engine as _;
    let object = json!({"metadata": {"name": "b"}, "spec": {}});
    let applied = |patch: Value| {
        let text = base64::engine::general_purpose::STANDARD.encode(patch.to_string());
        let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
            "response": {"uid": "u", "allowed": true, "patchType": "JSONPatch", "patch": text}});
        review::read(&review, "u").and_then(|verdict| verdict.applied(&object))
    };
    let changed = applied(json!([{"op": "add", "path": "/spec/a", "value": 1}])).unwrap().changed;
    assert_eq!(changed.unwrap()["spec"], json!({"a": 1}));
    let renamed = json!([{"op": "replace", "path": "/metadata/name", "value": "c"}]);
    assert!(applied(renamed).unwrap_err().contains("metadata.name"));
    let misfit = json!([{"op": "remove", "path": "/spec/missing"}]);
    assert!(applied(misfit).unwrap_err().contains("does not fit"));
}
