//! What a user may ask of an analysis, and what it owes him however broken the objects are.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first surprise")]

use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};
use weft_analyze::{Options, analyze, analyzer, analyzers_by_name};

fn options() -> Options {
    Options::at(UNIX_EPOCH + Duration::from_secs(1_790_000_000))
}

/// Two services in two namespaces, each with a port of which the protocol is unknown.
fn services() -> Vec<Value> {
    let service = |name: &str, namespace: &str| {
        json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"ports": [{"name": "web", "port": 80}]}
        })
    };
    vec![service("pay", "shop"), service("pay-old", "bank")]
}

#[track_caller]
fn check(objects: &[Value], options: &Options, expected: &[&str]) {
    let problems = analyze(objects, options);
    let told: Vec<String> =
        problems.iter().map(|problem| format!("{} {}", problem.code, problem.object)).collect();
    assert_eq!(told, expected);
}

#[test]
fn a_suppression_leaves_out_the_objects_that_it_means() {
    check(&services(), &options(), &["IST0118 Service bank/pay-old", "IST0118 Service shop/pay"]);
    for text in [
        "IST0118=Service pay.shop",
        "IST0118=Service shop/pay",
        "IST0118=Service *.shop",
        "IST01*=*.shop",
    ] {
        let options = Options { suppressions: vec![text.parse().unwrap()], ..options() };
        check(&services(), &options, &["IST0118 Service bank/pay-old"]);
    }
}

#[test]
fn an_object_suppresses_its_own_problems_by_annotation() {
    for codes in ["IST0118", "IST0001, IST0118", "*"] {
        let mut objects = services();
        objects[0]["metadata"]["annotations"] = json!({"galley.istio.io/analyze-suppress": codes});
        check(&objects, &options(), &["IST0118 Service bank/pay-old"]);
    }
}

#[test]
fn only_asked_namespaces_are_told_of() {
    let options = Options { namespaces: ["shop".to_owned()].into(), ..options() };
    check(&services(), &options, &["IST0118 Service shop/pay"]);
}

#[test]
fn nothing_is_told_of_the_namespaces_of_kubernetes() {
    let mut objects = services();
    objects[0]["metadata"]["namespace"] = json!("kube-system");
    objects.push(
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-public"}}),
    );
    check(&objects, &options(), &["IST0118 Service bank/pay-old"]);
}

#[test]
fn analyzers_are_chosen_by_name() {
    let analyzers = analyzers_by_name(["injection.Analyzer"]).unwrap();
    check(&services(), &Options { analyzers, ..options() }, &[]);
    assert_eq!(analyzer("service.PortNameAnalyzer").unwrap().codes[0].id, "IST0118");
    let error = analyzers_by_name(["injection.Analyser"]).unwrap_err();
    assert!(error.to_string().contains("injection.Analyser"), "{error}");
}

#[test]
fn objects_inside_of_lists_are_seen() {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": services()});
    let nested = json!({"apiVersion": "v1", "kind": "List", "items": [list]});
    check(&[nested], &options(), &["IST0118 Service bank/pay-old", "IST0118 Service shop/pay"]);
}

#[test]
fn a_broken_object_hides_nothing_of_another() {
    let broken = [
        json!(null),
        json!([1, 2]),
        json!({"kind": 7}),
        json!({"kind": "Service", "apiVersion": "v1", "metadata": "x", "spec": [1]}),
        json!({"kind": "VirtualService", "apiVersion": "networking.istio.io/v1",
               "spec": {"hosts": "x", "http": [{"match": {}, "route": [null, 3]}, null]}}),
        json!({"kind": "Gateway", "apiVersion": "networking.istio.io/v1",
               "spec": {"selector": ["a"], "servers": [{"port": "80", "hosts": {}}]}}),
        json!({"kind": "AuthorizationPolicy", "apiVersion": "security.istio.io/v1",
               "spec": {"rules": [{"from": [{"source": {"principals": [5, "a/b"]}}]}, "x"]}}),
        json!({"kind": "Secret", "apiVersion": "v1", "data": {"tls.crt": "%%%", "tls.key": 3}}),
        json!({"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "istio"},
               "data": {"mesh": "a: [b"}}),
    ];
    let objects: Vec<Value> = broken.into_iter().chain(services()).collect();
    let problems = analyze(&objects, &options());
    let told = problems.iter().filter(|problem| problem.code == "IST0118").count();
    assert_eq!(told, 2);
}

/// Replaces one value after another in an object by something else.
fn mutations(object: &Value) -> Vec<Value> {
    let others =
        [json!(null), json!(7), json!("x"), json!([]), json!({}), json!([{}]), json!(["x"])];
    let mut pointers = Vec::new();
    collect(object, String::new(), &mut pointers);
    let mutate = |(at, pointer): (usize, &String)| {
        let mut mutated = object.clone();
        *mutated.pointer_mut(pointer).unwrap() = others[at % others.len()].clone();
        mutated
    };
    pointers.iter().enumerate().map(mutate).collect()
}

fn collect(value: &Value, at: String, pointers: &mut Vec<String>) {
    let steps: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| (key.replace('~', "~0").replace('/', "~1"), value))
            .collect(),
        Value::Array(items) => items.iter().enumerate().map(|(i, v)| (i.to_string(), v)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    for (step, value) in steps {
        collect(value, format!("{at}/{step}"), pointers);
    }
    pointers.push(at);
}

#[test]
fn no_wrong_value_ends_the_analysis() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let options = Options { analyzers: weft_analyze::ANALYZERS.iter().collect(), ..options() };
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let documents = weft_api::yaml::read(&text, "").unwrap();
        // Mutated objects stand together, so that what one refers to is broken too.
        let objects: Vec<Value> =
            documents.iter().skip(1).flat_map(|document| mutations(&document.value)).collect();
        let told = analyze(&[objects, services()].concat(), &options);
        assert!(told.iter().any(|problem| problem.object.name == "pay-old"), "{text}");
    }
}

#[test]
fn a_problem_has_its_line_in_its_file() {
    let text = "kind: List\napiVersion: v1\nitems:\n- kind: Service\n  apiVersion: v1\n  metadata: {name: pay}\n  \
                spec:\n    ports:\n    - port: 80\n      name: web\n";
    let documents = weft_api::yaml::read(text, "shop.yaml").unwrap();
    let objects: Vec<Value> = documents.iter().map(|document| document.value.clone()).collect();
    let problems = weft_analyze::locate(analyze(&objects, &options()), &documents);
    let places: Vec<String> = problems
        .iter()
        .filter_map(|problem| problem.place.as_ref())
        .map(ToString::to_string)
        .collect();
    assert_eq!(places, ["shop.yaml:10:7"]);
}

#[test]
fn an_object_with_many_problems_of_a_kind_does_not_hide_the_others() {
    let mut objects = services();
    let ports: Vec<Value> = (1..500).map(|port| json!({"name": "web", "port": port})).collect();
    objects[0]["spec"]["ports"] = json!(ports);
    let problems = analyze(&objects, &options());
    assert_eq!(problems.len(), 101);
    assert!(problems.iter().any(|problem| problem.what.contains("more of this kind")));
}
