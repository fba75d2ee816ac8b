//! Judges files before they change anything.
//!
//! In: objects with their places. Out: all that is wrong, one line each; warnings apart.
//! Holds: what the API server would refuse is refused here, with the place in the file.
//! Why before: a mesh that was half applied is worse than one that was not touched.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use weft_model::{Field, Inventory, ObjectRef, Problem};

use crate::failure::Failure;
use crate::files::Written;

/// A name that is missing; it may be there when the mesh has a past.
const NOT_FOUND: &str = "IST0101";
/// Shares that do not add up: Istio takes them as they are, and they are nearly always a slip.
const WEIGHTS: &str = "WEFT0003";

/// Judges; answers the warnings.
///
/// # Errors
/// Everything that is wrong. `past` says that objects of an earlier life may be there too, so that a name that the files
/// do not have is only worth a warning.
pub(crate) fn check(written: &[Written], past: bool) -> Result<Vec<String>, Failure> {
    let (mut errors, mut warnings) = (Vec::new(), Vec::new());
    let places = latest(written, &mut warnings);
    warnings.extend(settings_twice(written));
    let mut inventory = Inventory::default();
    for object in weft_control::system_objects() {
        inventory.apply(&object);
    }
    for one in written {
        let object = with_namespace(&one.object);
        let name = ObjectRef::of(&object);
        for (pointer, what) in weft_control::kind_problems(&object) {
            let field = Field(pointer.clone());
            errors.push(format!("{}: {name}: {field}: {what}", one.place(&pointer)));
        }
        for problem in weft_meshconfig::judge(&object).unwrap_or_default() {
            let told = if problem.is_error() { &mut errors } else { &mut warnings };
            told.push(line(one, &problem));
        }
        inventory.apply(&object);
    }
    for problem in inventory.model().1 {
        let Some(one) = places.get(&problem.object) else { continue };
        let dangling = problem.code == NOT_FOUND && past;
        let fatal = problem.is_error() && !dangling || problem.code == WEIGHTS;
        let line = line(one, &problem);
        if fatal { errors.push(line) } else { warnings.push(line) }
    }
    if errors.is_empty() {
        return Ok(warnings);
    }
    Err(Failure::new(errors.join("\n")).hint("nothing was changed; correct this and try again"))
}

fn line(one: &Written, problem: &Problem) -> String {
    let Problem { object, field, what, fix, code, .. } = problem;
    let at = if field.0.is_empty() { String::new() } else { format!("{field}: ") };
    let fix = if fix.is_empty() { String::new() } else { format!("; {fix}") };
    format!("{}: {object}: {at}{what}{fix} [{code}]", one.place(&field.0))
}

/// The mesh has one set of settings, whatever the objects are called that have them.
fn settings_twice(written: &[Written]) -> Option<String> {
    let mut with = written.iter().rev().filter(|one| {
        let object = &one.object;
        weft_meshconfig::is_istio_operator(object) || weft_meshconfig::is_mesh_config_map(object)
    });
    let (last, before) = (with.next()?, with.next()?);
    let (here, there) = (last.place(""), before.place(""));
    Some(format!(
        "{here}: the mesh's settings are written twice; these count, not those at {there}"
    ))
}

/// Where each object stands; of two with one name the later counts, as for `kubectl apply`.
fn latest<'a>(
    written: &'a [Written],
    warnings: &mut Vec<String>,
) -> BTreeMap<ObjectRef, &'a Written> {
    let mut places: BTreeMap<ObjectRef, &Written> = BTreeMap::new();
    for one in written {
        let object = ObjectRef::of(&with_namespace(&one.object));
        let name = object.clone();
        if let Some(first) = places.insert(object, one)
            && first.object != one.object
        {
            let (here, there) = (one.place(""), first.place(""));
            warnings
                .push(format!("{here}: {name}: is written twice; this one counts, not {there}"));
        }
    }
    places
}

/// Namespaces that objects live in and that no file and no mesh has, each with the place that needs it.
pub(crate) fn missing_namespaces(written: &[Written]) -> Vec<(Value, String)> {
    let name = |object: &Value| object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let system = weft_control::system_objects();
    let given = written.iter().map(|one| &one.object).chain(&system);
    let given = given.filter(|object| object["kind"] == "Namespace").map(name);
    let mut known: BTreeSet<String> = given.collect();
    let mut missing = Vec::new();
    for one in written {
        let namespace = ObjectRef::of(&with_namespace(&one.object)).namespace;
        if !namespace.is_empty() && known.insert(namespace.clone()) {
            let object =
                json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
            let told = format!(
                "{}: no file has namespace {namespace}; it is made, without labels for injection",
                one.place("/metadata/namespace")
            );
            missing.push((object, told));
        }
    }
    missing
}

/// The object, in namespace `default` when it names none and lives in one.
pub(crate) fn with_namespace(object: &Value) -> Value {
    let mut object = object.clone();
    let group = object["apiVersion"].as_str().and_then(|v| v.split_once('/')).map_or("", |v| v.0);
    let kind = object["kind"].as_str().unwrap_or_default();
    let resource = weft_control::resource_of(group, kind);
    if resource.is_none_or(|resource| resource.namespaced)
        && object["metadata"]["namespace"].is_null()
    {
        object["metadata"]["namespace"] = json!("default");
    }
    object
}
