//! Runs a fixture: an object as YAML, and the errors and warnings that it must get.
//!
//! Holds: what is taken fits the definition of its kind, too.

use serde_json::Value;
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
    let faults = weft_schema::Schema::parse(schema).unwrap().check(object);
    assert!(faults.is_empty(), "the definition refuses {object}: {faults:#?}");
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
