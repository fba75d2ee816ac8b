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

/// What of the analysis tells how objects point at each other; the rest of it is for a mesh that runs.
const POINTERS: &[&str] = &[
    "destinationrule.SubsetSelectPodAnalyzer",
    "virtualservice.ConflictingMeshGatewayHostsAnalyzer",
    "virtualservice.DestinationHostAnalyzer",
    "virtualservice.DestinationRuleAnalyzer",
    "virtualservice.GatewayAnalyzer",
];

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
    let mut objects = weft_control::system_objects();
    for one in written {
        let object = one.in_namespace();
        let name = ObjectRef::of(&object);
        for (pointer, what) in one.kinds.kind_problems(&object) {
            let field = Field(pointer.clone());
            errors.push(format!("{}: {name}: {field}: {what}", one.place(&pointer)));
        }
        for problem in weft_meshconfig::judge(&object).unwrap_or_default() {
            let told = if problem.is_error() { &mut errors } else { &mut warnings };
            told.push(line(one, &problem));
        }
        inventory.apply(&object);
        objects.push(object);
    }
    let of_one = inventory.model().1.into_iter().map(|problem| {
        let is_fatal = problem.is_error() || problem.code == WEIGHTS;
        (problem, is_fatal)
    });
    let of_many = pointers(&objects).into_iter().map(|problem| {
        let is_fatal = problem.code == NOT_FOUND && !past;
        (problem, is_fatal)
    });
    for (problem, is_fatal) in of_one.chain(of_many) {
        let Some(one) = places.get(&problem.object) else { continue };
        let told = if is_fatal { &mut errors } else { &mut warnings };
        told.push(line(one, &problem));
    }
    if errors.is_empty() {
        return Ok(warnings);
    }
    Err(Failure::new(errors.join("\n")).hint("nothing was changed; correct this and try again"))
}

/// How objects point at each other, where it is wrong.
fn pointers(objects: &[Value]) -> Vec<Problem> {
    let analyzers = POINTERS.iter().filter_map(|name| weft_analyze::analyzer(name)).collect();
    let now = weft_rt::Clock::real().wall();
    let options = weft_analyze::Options { analyzers, ..weft_analyze::Options::at(now) };
    weft_analyze::analyze(objects, &options)
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
        let object = ObjectRef::of(&one.in_namespace());
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
        let namespace = ObjectRef::of(&one.in_namespace()).namespace;
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
