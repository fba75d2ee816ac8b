//! Runs a fixture: an object as YAML, and the errors and warnings that it must get.
//!
//! Holds: what is taken fits the definition of its kind, too; and when a value of it is changed so that the definition
//! refuses it, we refuse it as well, before an API server does.

use serde_json::{Value, json};
use weft_api::crd;

use crate::{Problem, validate_object};

fn object(yaml: &str) -> Value {
    let documents = weft_api::yaml::read(yaml, "fixture.yaml").unwrap();
    let [document] = documents.as_slice() else { panic!("one object is wanted") };
    document.value.clone()
}

fn problems(yaml: &str) -> Vec<Problem> {
    let (_, problems) = validate_object(&object(yaml));
    problems
}

#[track_caller]
fn fits_definition(object: &Value) {
    let (group, _) = object["apiVersion"].as_str().unwrap().split_once('/').unwrap();
    let known = crd::find(group, object["kind"].as_str().unwrap()).unwrap();
    let schema = &known.crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    let schema = weft_schema::Schema::parse(schema).unwrap();
    let faults = schema.check(object);
    assert!(faults.is_empty(), "the definition refuses {object}: {faults:#?}");
    for mutant in mutants(object) {
        if !validate_object(&mutant).1.iter().any(Problem::is_error) {
            let faults = schema.check(&mutant);
            assert!(faults.is_empty(), "only the definition refuses {mutant}: {faults:#?}");
        }
    }
}

/// The object with one value changed, for each value below `spec` and each change.
fn mutants(object: &Value) -> Vec<Value> {
    let mut pointers = Vec::new();
    walk(&object["spec"], "/spec", &mut pointers);
    let mut found = Vec::new();
    for pointer in &pointers {
        let (outer, key) = pointer.rsplit_once('/').unwrap();
        for other in
            [json!(-7), json!(1_000_000_000), json!("Not/Ok_"), json!(""), json!({}), json!([{}])]
        {
            let mut mutant = object.clone();
            *mutant.pointer_mut(pointer).unwrap() = other;
            found.push(mutant);
        }
        let mut mutant = object.clone();
        if let Some(fields) = mutant.pointer_mut(outer).and_then(Value::as_object_mut) {
            fields.remove(&key.replace("~1", "/"));
            fields.insert("noSuchField".to_owned(), json!(1));
            let mut missing = mutant.clone();
            missing.pointer_mut(outer).unwrap().as_object_mut().unwrap().remove("noSuchField");
            found.extend([mutant, missing]);
        }
        let mut mutant = object.clone();
        if let Some(list) = mutant.pointer_mut(pointer).and_then(Value::as_array_mut) {
            list.extend(list.clone());
            found.push(mutant);
        }
    }
    found
}

fn walk(value: &Value, pointer: &str, found: &mut Vec<String>) {
    found.push(pointer.to_owned());
    for (name, inner) in value.as_object().into_iter().flatten() {
        walk(inner, &format!("{pointer}/{}", name.replace('/', "~1")), found);
    }
    for (index, inner) in value.as_array().into_iter().flatten().enumerate() {
        walk(inner, &format!("{pointer}/{index}"), found);
    }
}

/// Holds the errors of an object against `expected`, each as `FIELD: a part of what is wrong`, in order.
#[track_caller]
pub(crate) fn refused(yaml: &str, expected: &[&str]) {
    let problems = problems(yaml);
    let errors: Vec<&Problem> = problems.iter().filter(|p| p.is_error()).collect();
    hold(&errors, expected);
}

/// Holds the warnings of an object without errors against `expected`.
#[track_caller]
pub(crate) fn taken(yaml: &str, expected: &[&str]) {
    let problems = problems(yaml);
    assert!(!problems.iter().any(Problem::is_error), "{}", texts(problems.iter()));
    fits_definition(&object(yaml));
    // That nobody acts on the kind yet is no property of the object.
    let told: Vec<&Problem> = problems.iter().filter(|p| p.code != "WEFT0002").collect();
    hold(&told, expected);
}

#[track_caller]
fn hold(found: &[&Problem], expected: &[&str]) {
    let text = texts(found.iter().copied());
    assert_eq!(found.len(), expected.len(), "{text}");
    for (problem, wanted) in found.iter().zip(expected) {
        let (field, part) = wanted.split_once(": ").unwrap();
        let fits = problem.field.to_string() == field && problem.what.contains(part);
        assert!(fits, "{wanted:?} is not {problem}\nof {text}");
        assert!(!problem.fix.is_empty(), "{problem} does not say what to do");
    }
}

fn texts<'a>(problems: impl Iterator<Item = &'a Problem>) -> String {
    problems.map(|problem| format!("{problem}\n")).collect()
}
