//! `weft plan`: what a change of configuration does, told before it is made.
//!
//! In: new configuration; files, or a running mesh, that it is compared with. Out: proxies with changed resources, calls that
//! end otherwise, with the objects that are the reason.
//! Holds: nothing is applied. Without `--against`, what files say comes on top of the running mesh, as `kubectl apply` has it;
//! with it, what the new files do not have is gone.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;
use serde_json::{Value, json};
use weft_explain::Mesh;
use weft_model::ObjectRef;
use weft_plan::{CallChange, Plan, ProxyChange, What};

use crate::failure::{Failure, say};
use crate::state::Place;
use crate::{live, offline};

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// A summary, for people.
    Text,
    /// All, for programs.
    Json,
}

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Files and folders with the new objects, or `-`.
    #[arg(short = 'f', long = "filename", value_name = "PATH", required = true)]
    files: Vec<PathBuf>,
    /// Files and folders with all objects as they are; with none, a running mesh is asked.
    #[arg(long, value_name = "PATH")]
    against: Vec<PathBuf>,
    #[command(flatten)]
    place: Place,
    /// How to print.
    #[arg(short = 'o', long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

type Places = BTreeMap<String, String>;

/// Prints.
pub(crate) async fn run(options: Options) -> Result<ExitCode, Failure> {
    let (new, places) = offline::of_files(&options.files)?;
    let shown = places
        .iter()
        .map(|(name, place)| (name.to_string(), format!("{}:{}", place.file, place.line)));
    let shown: Places = shown.collect();
    let (old, new) = match options.against.as_slice() {
        [] => {
            let old = live::of_mesh(&options.place).await?;
            let new = on_top(&old, new);
            (offline::mesh_of(old, BTreeMap::new())?, offline::mesh_of(new, places)?)
        }
        against => {
            let (objects, old) = offline::of_files(against)?;
            (offline::mesh_of(objects, old)?, offline::mesh_of(new, places)?)
        }
    };
    print(&old, &new, &shown, options.output);
    Ok(ExitCode::SUCCESS)
}

/// What is there, with what is written over it.
fn on_top(there: &[Value], written: Vec<Value>) -> Vec<Value> {
    let named = |object: &Value| (ObjectRef::of(object), object.clone());
    let mut all: BTreeMap<ObjectRef, Value> = there.iter().map(named).collect();
    for object in written {
        let place = all.entry(ObjectRef::of(&object)).or_default();
        // What a cluster gave to its own kinds, such as addresses, stays.
        if object["apiVersion"].as_str().is_some_and(|version| version.contains("istio.io/"))
            && let Some(fields) = place.as_object_mut()
        {
            fields.remove("spec");
        }
        merge(place, object);
    }
    all.into_values().collect()
}

/// Fields that are written go over those that are there; lists of one length entry by entry.
fn merge(place: &mut Value, written: Value) {
    match (place, written) {
        (Value::Object(there), Value::Object(fields)) => {
            for (name, value) in fields {
                merge(there.entry(name).or_insert(Value::Null), value);
            }
        }
        (Value::Array(there), Value::Array(written)) if there.len() == written.len() => {
            there.iter_mut().zip(written).for_each(|(place, value)| merge(place, value));
        }
        (place, written) => *place = written,
    }
}

fn print(old: &Mesh, new: &Mesh, places: &Places, output: Output) {
    let plan = weft_plan::plan(old, new);
    match output {
        Output::Json => say!("{:#}", json!(plan)),
        Output::Text => text(&plan, places),
    }
}

fn text(plan: &Plan, places: &Places) {
    for object in &plan.objects {
        let place = object.split_once(' ').and_then(|(_, name)| places.get(name));
        say!("{object}{}", place.map(|place| format!(" [{place}]")).unwrap_or_default());
    }
    let (some, all) = (plan.proxies.len(), plan.proxies_asked);
    say!("proxies: {some} of {all} get other resources (such as are alike count once)");
    plan.proxies.iter().for_each(proxy);
    say!("calls: {} of {} that were asked about end otherwise", plan.calls.len(), plan.calls_asked);
    plan.calls.iter().for_each(call);
    for what in &plan.not_asked {
        say!("  not asked about: {what}");
    }
}

/// Most names of resources in a line.
const NAMED: usize = 4;

fn proxy(proxy: &ProxyChange) {
    let alike = if proxy.alike > 1 { format!(" ({} alike)", proxy.alike) } else { String::new() };
    say!("  {}{alike}", proxy.proxy);
    for (what, word) in
        [(What::Added, "added"), (What::Changed, "changed"), (What::Removed, "removed")]
    {
        let of = proxy.resources.iter().filter(|one| one.what == what);
        let names: Vec<String> = of.map(|one| format!("{} {}", one.kind, one.name)).collect();
        if names.is_empty() {
            continue;
        }
        let more = names.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let some: Vec<&str> = names.iter().take(NAMED).map(String::as_str).collect();
        say!("    {word}: {}{more}", some.join(", "));
    }
    for name in &proxy.closed {
        say!("    connections are closed: listener {name} goes");
    }
}

/// What follows from another outcome is left out; `-o json` has it.
fn call(call: &CallChange) {
    say!("  {}", call.call);
    let has = |name: &str| call.fields.iter().any(|field| field.field == name);
    let told = |name: &str| match (has("outcome"), has("clusters")) {
        (true, _) => matches!(name, "outcome" | "status" | "policy" | "rule" | "redirect"),
        (false, true) => name != "cluster",
        (false, false) => true,
    };
    for field in call.fields.iter().filter(|field| told(&field.field)) {
        say!("    {}: {} -> {}", field.field, short(&field.before), short(&field.after));
    }
    if !call.because.is_empty() {
        say!("    because of {}", call.because.join(", "));
    }
}

/// A value in a line.
fn short(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(all) if !all.is_empty() && all.iter().all(|one| one["name"].is_string()) => {
            let one = |one: &Value| format!("{} ({})", short(&one["name"]), one["weight"]);
            all.iter().map(one).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_on_top_of_what_a_cluster_gave() {
        let service = |spec: Value| {
            json!({"apiVersion": "v1", "kind": "Service", "spec": spec,
                "metadata": {"name": "a", "namespace": "b"}})
        };
        let route = |spec: Value| {
            json!({"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "spec": spec,
                "metadata": {"name": "a", "namespace": "b"}})
        };
        let there = [
            service(json!({"clusterIP": "10.96.0.7", "ports": [{"port": 80, "protocol": "TCP"}]})),
            route(json!({"hosts": ["a"], "exportTo": ["."]})),
        ];
        let written =
            vec![service(json!({"ports": [{"port": 81}]})), route(json!({"hosts": ["a"]}))];
        let found = on_top(&there, written);
        let whole = json!({"clusterIP": "10.96.0.7", "ports": [{"port": 81, "protocol": "TCP"}]});
        assert_eq!(found[0]["spec"], whole);
        assert_eq!(found[1]["spec"], json!({"hosts": ["a"]}));
    }
}
