use super::{Writer, applied, updated};
use std::sync::Arc;

use crate::kind::{Kind, Version, Written};
use crate::registry::Part;
use serde_json::{Value, json};

fn deployment() -> Kind {
    Kind::from(ctl_source::kinds::find("apps", "Deployment").unwrap())
}

fn writer<'a>(kind: &'a Kind, name: &'a str) -> Writer<'a> {
    Writer {
        name,
        kind,
        version: &kind.versions[0],
        part: Part::Main,
        via: "",
        now: "2026-01-01T00:00:00Z",
    }
}

fn object(containers: Value, replicas: i64) -> Value {
    json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" },
        "spec": { "replicas": replicas, "template": { "spec": { "containers": containers } } } })
}

fn containers(object: &Value) -> &Value {
    &object["spec"]["template"]["spec"]["containers"]
}

#[test]
fn what_is_applied_no_more_goes_and_what_others_own_stays() {
    let kind = deployment();
    let first = object(
        json!([{ "name": "a", "image": "1", "args": ["x"], "env": [{ "name": "X", "value": "1" }] },
        { "name": "b", "image": "1" }]),
        1,
    );
    let live = applied(&writer(&kind, "me"), &json!({ "metadata": {} }), &first, false).unwrap();
    let mut other = live.clone();
    other["spec"]["template"]["spec"]["containers"][0]["env"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "name": "Y", "value": "2" }));
    other["metadata"]["labels"] = json!({ "theirs": "1" });
    let owners = updated(&writer(&kind, "they"), Some(&live), &other, None);
    other["metadata"]["managedFields"] = owners;
    let next = object(json!([{ "name": "a", "image": "2" }]), 1);
    let done = applied(&writer(&kind, "me"), &other, &next, false).unwrap();
    assert_eq!(
        *containers(&done),
        json!([{ "name": "a", "image": "2", "env": [{ "name": "Y", "value": "2" }] }])
    );
    assert_eq!(done["metadata"]["labels"], json!({ "theirs": "1" }));
    let again = applied(&writer(&kind, "me"), &done, &next, false).unwrap();
    assert_eq!(again, done, "applying twice changes nothing");
}

#[test]
fn a_field_of_somebody_else_is_a_conflict_until_it_is_forced_or_agreed_to() {
    let kind = deployment();
    let plain = json!([{ "name": "a", "image": "1" }]);
    let live = applied(
        &writer(&kind, "one"),
        &json!({ "metadata": {} }),
        &object(plain.clone(), 1),
        false,
    )
    .unwrap();
    applied(&writer(&kind, "two"), &live, &object(plain.clone(), 1), false).unwrap();
    let wish = object(json!([{ "name": "a", "image": "2" }]), 3);
    let fault = applied(&writer(&kind, "two"), &live, &wish, false).unwrap_err();
    assert_eq!(fault.code, 409);
    let fields: Vec<_> =
        fault.details["causes"].as_array().unwrap().iter().map(|c| c["field"].clone()).collect();
    assert_eq!(fields, [".spec.replicas", r#".spec.template.spec.containers[name="a"].image"#]);
    assert!(fault.message.contains(r#"conflict with "one" using apps/v1"#), "{fault}");
    let forced = applied(&writer(&kind, "two"), &live, &wish, true).unwrap();
    assert_eq!(forced["spec"]["replicas"], 3);
    let back = applied(&writer(&kind, "one"), &forced, &object(plain, 1), false).unwrap_err();
    assert!(back.message.contains(r#""two""#), "{back}");
}

#[test]
fn an_update_takes_over_what_it_changes() {
    let kind = deployment();
    let live =
        applied(&writer(&kind, "one"), &json!({ "metadata": {} }), &object(json!([]), 1), false)
            .unwrap();
    let mut scaled = live.clone();
    scaled["spec"]["replicas"] = json!(5);
    scaled["metadata"]["managedFields"] =
        updated(&writer(&kind, "scaler"), Some(&live), &scaled, None);
    let fault = applied(&writer(&kind, "one"), &scaled, &object(json!([]), 1), false).unwrap_err();
    assert!(fault.message.contains(".spec.replicas"), "{fault}");
    let mut without = object(json!([]), 1);
    without["spec"].as_object_mut().unwrap().remove("replicas");
    let done = applied(&writer(&kind, "one"), &scaled, &without, false).unwrap();
    assert_eq!(done["spec"]["replicas"], 5, "it belongs to the scaler now");
}

#[test]
fn lists_of_custom_kinds_merge_as_their_schema_says() {
    let list = |kind: &str| json!({ "type": "array", "x-kubernetes-list-type": kind, "items": { "type": "string" } });
    let open_api = json!({ "type": "object", "properties": { "spec": { "type": "object", "properties": {
        "set": list("set"), "whole": list("atomic"),
        "one": { "type": "object", "x-kubernetes-map-type": "atomic", "additionalProperties": { "type": "string" } },
        "map": { "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["p", "q"],
            "items": { "type": "object", "properties": { "p": { "type": "integer" }, "q": { "type": "string", "default": "TCP" } } } } } } } });
    let written = Written { definition: Arc::new(open_api), pointer: String::new() };
    let version = Version { name: "v1".into(), written, ..Version::default() };
    let kind = Kind {
        group: "a.b".into(),
        kind: "C".into(),
        custom: true,
        versions: vec![version],
        ..Kind::default()
    };
    let spec = |spec: Value| json!({ "metadata": {}, "spec": spec });
    let first = spec(
        json!({ "set": ["a", "b"], "whole": ["x"], "one": { "k": "1" }, "map": [{ "p": 1 }, { "p": 2, "v": 1 }] }),
    );
    let live = applied(&writer(&kind, "one"), &json!({ "metadata": {} }), &first, false).unwrap();
    let more = spec(json!({ "set": ["c"], "map": [{ "p": 2, "q": "TCP", "w": 2 }, { "p": 3 }] }));
    let both = applied(&writer(&kind, "two"), &live, &more, false).unwrap();
    assert_eq!(both["spec"]["set"], json!(["a", "b", "c"]));
    assert_eq!(
        both["spec"]["map"],
        json!([{ "p": 1 }, { "p": 2, "q": "TCP", "v": 1, "w": 2 }, { "p": 3 }])
    );
    let clash = spec(json!({ "whole": ["y"], "one": { "l": "2" } }));
    let fault = applied(&writer(&kind, "two"), &both, &clash, false).unwrap_err();
    assert_eq!(fault.details["causes"].as_array().unwrap().len(), 2, "{fault}");
    let less =
        applied(&writer(&kind, "one"), &both, &spec(json!({ "set": ["b"] })), false).unwrap();
    assert_eq!(
        less["spec"],
        json!({ "set": ["b", "c"], "map": [{ "p": 2, "q": "TCP", "w": 2 }, { "p": 3 }] })
    );
}

#[test]
fn owners_by_update_are_bounded() {
    let kind = deployment();
    let mut live = object(json!([]), 0);
    for at in 0..40 {
        let mut next = live.clone();
        next["metadata"]["labels"][format!("l{at}")] = json!("x");
        next["metadata"]["managedFields"] =
            updated(&writer(&kind, &format!("m{at}")), Some(&live), &next, None);
        live = next;
    }
    let owners = live["metadata"]["managedFields"].as_array().unwrap();
    assert_eq!(owners.len(), super::MOST_UPDATERS);
}

/// Numbers that only depend on the seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn wish(&mut self) -> Value {
        let mut spec = json!({});
        for name in ["replicas", "paused", "minReadySeconds"] {
            if self.roll(2) == 0 {
                spec[name] = json!(self.roll(3));
            }
        }
        if self.roll(2) == 0 {
            spec["selector"]["matchLabels"][format!("s{}", self.roll(2))] =
                json!(self.roll(2).to_string());
        }
        let mut containers = Vec::new();
        for name in ["a", "b", "c"] {
            if self.roll(2) == 0 {
                let mut container = json!({ "name": name });
                if self.roll(2) == 0 {
                    container["image"] = json!(self.roll(2).to_string());
                }
                if self.roll(3) == 0 {
                    container["args"] = json!([self.roll(2).to_string()]);
                }
                if self.roll(2) == 0 {
                    container["env"] = json!([{ "name": format!("E{}", self.roll(2)), "value": self.roll(2).to_string() }]);
                }
                containers.push(container);
            }
        }
        if !containers.is_empty() {
            spec["template"]["spec"]["containers"] = json!(containers);
        }
        let mut wish =
            json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "x" } });
        if spec != json!({}) {
            wish["spec"] = spec;
        }
        if self.roll(2) == 0 {
            wish["metadata"]["labels"][format!("l{}", self.roll(2))] =
                json!(self.roll(2).to_string());
        }
        if self.roll(3) == 0 {
            wish["metadata"]["finalizers"] = json!([format!("f/{}", self.roll(2))]);
        }
        wish
    }
}

#[test]
fn after_any_series_of_applies_owners_and_objects_agree() {
    let kind = deployment();
    for seed in 0..150 {
        let mut dice = Dice(seed);
        let mut live = json!({ "metadata": {} });
        for _ in 0..8 {
            let name = ["one", "two", "three"][usize::try_from(dice.roll(3)).unwrap()];
            let (who, wish) = (writer(&kind, name), dice.wish());
            let forced = applied(&who, &live, &wish, true).unwrap();
            let again = applied(&who, &forced, &wish, false);
            assert_eq!(again.unwrap(), forced, "seed {seed}: applying twice changes nothing");
            let shape = who.shape();
            let wanted = super::diff::paths(&who.ownable(&wish), &shape);
            let now = who.ownable(&forced);
            let there = super::diff::paths(&now, &shape);
            let merged = super::merge::merge(&now, &who.ownable(&wish), &shape);
            assert_eq!(merged, now, "seed {seed}: what was applied is there");
            let owners = super::owners(&forced["metadata"]["managedFields"]);
            let owned = owners.iter().fold(super::Set::default(), |all, o| all.union(&o.fields));
            assert!(
                there.without(&owned).is_empty(),
                "seed {seed}: {:?} has no owner in {forced:#}",
                there.without(&owned).named()
            );
            assert!(
                owned.without(&there).is_empty(),
                "seed {seed}: {:?} is owned and not there in {forced:#}",
                owned.without(&there).named()
            );
            let mine = owners
                .iter()
                .find(|o| o.manager == name)
                .map(|o| o.fields.clone())
                .unwrap_or_default();
            assert_eq!(mine, wanted, "seed {seed}: who applies owns what it applied");
            if let Ok(peaceful) = applied(&who, &live, &wish, false) {
                assert_eq!(
                    peaceful["spec"], forced["spec"],
                    "seed {seed}: force changes nothing without conflict"
                );
            }
            live = forced;
        }
    }
}
