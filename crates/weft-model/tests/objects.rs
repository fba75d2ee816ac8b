//! The tables of `conformance/objects`: what is refused, where, and what is accepted.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that fails panics")]

use std::path::PathBuf;

use serde_json::{Map, Value, json};
use weft_model::Problem;
use weft_model::api::yaml;

/// A table: the object that its changes start from, and the changes.
struct Table {
    file: String,
    api_version: String,
    kind: String,
    base: Value,
    refused: Vec<Map<String, Value>>,
    accepted: Vec<Map<String, Value>>,
}

fn tables() -> Vec<Table> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../conformance/objects");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    files.iter().map(table).collect()
}

fn table(file: &PathBuf) -> Table {
    let name = file.file_name().unwrap().to_string_lossy().into_owned();
    let text = std::fs::read_to_string(file).unwrap();
    let found = yaml::read(&text, &name).unwrap_or_else(|error| panic!("{error}")).remove(0).value;
    let changes = |list: &str| {
        found[list].as_array().unwrap().iter().map(|one| one.as_object().unwrap().clone()).collect()
    };
    let text = |field: &str| found[field].as_str().unwrap().to_owned();
    Table {
        file: name,
        api_version: text("apiVersion"),
        kind: text("kind"),
        base: found["base"].clone(),
        refused: changes("refused"),
        accepted: changes("accepted"),
    }
}

impl Table {
    fn object(&self, change: &Map<String, Value>) -> Value {
        let mut object = json!({"apiVersion": self.api_version, "kind": self.kind,
            "metadata": {"name": "case", "namespace": "shop"}, "spec": self.base});
        for (pointer, value) in change.iter().filter(|(pointer, _)| pointer.starts_with('/')) {
            put(&mut object, pointer, value);
        }
        object
    }
}

/// Sets the value at a pointer, making the maps on the way; `null` removes it.
fn put(object: &mut Value, pointer: &str, value: &Value) {
    let (parent, last) = pointer.rsplit_once('/').unwrap();
    let last = last.replace("~1", "/").replace("~0", "~");
    let mut at = object;
    for step in parent.split('/').skip(1) {
        let step = step.replace("~1", "/").replace("~0", "~");
        at = match at {
            Value::Array(items) => &mut items[step.parse::<usize>().unwrap()],
            other => &mut other[step],
        };
        if at.is_null() {
            *at = json!({});
        }
    }
    match (at, value) {
        (Value::Object(map), Value::Null) => drop(map.remove(&last)),
        (Value::Array(items), value) => items[last.parse::<usize>().unwrap()] = value.clone(),
        (at, value) => at[last] = value.clone(),
    }
}

fn expected(change: &Map<String, Value>) -> (String, String) {
    let first = change.keys().find(|key| key.starts_with('/')).unwrap();
    let at = change.get("at").map_or(first.as_str(), |at| at.as_str().unwrap());
    let code = change.get("code").map_or("IST0106", |code| code.as_str().unwrap());
    (code.to_owned(), at.to_owned())
}

/// What stands at the place that a problem names.
fn at_place(text: &str, problem: &Problem) -> String {
    let place = problem.place.as_ref().unwrap();
    let line = text.lines().nth(place.line - 1).unwrap();
    line.chars().skip(place.column - 1).collect()
}

#[test]
fn wrong_objects_are_refused_with_code_path_and_position() {
    let (mut count, mut wrong) = (0, Vec::new());
    for table in tables() {
        for change in &table.refused {
            count += 1;
            let object = table.object(change);
            let text = serde_json::to_string_pretty(&object).unwrap();
            let document = yaml::read(&text, "case.yaml").unwrap().remove(0);
            let (_, problems) = weft_model::validate_object(&document.value);
            let errors: Vec<Problem> = problems
                .into_iter()
                .filter(Problem::is_error)
                .map(|problem| problem.located(&document))
                .collect();
            let (code, at) = expected(change);
            let found: Vec<(&str, &str)> =
                errors.iter().map(|error| (error.code, error.field.0.as_str())).collect();
            let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
            if found != [(code.as_str(), at.as_str())] {
                wrong.push(format!("{} {}: {told:#?}", table.file, Value::Object(change.clone())));
                continue;
            }
            let last = at.rsplit('/').next().unwrap().replace("~1", "/").replace("~0", "~");
            let key = last.parse::<usize>().is_err() && object.pointer(&at).is_some();
            if key && !at_place(&text, &errors[0]).starts_with(&format!("\"{last}\"")) {
                wrong.push(format!("{} {at} stands elsewhere than {told:?}", table.file));
            }
            if errors[0].fix.is_empty() {
                wrong.push(format!("{} {at} says not what to do: {told:?}", table.file));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {count} are wrong\n{}", wrong.len(), wrong.join("\n"));
    assert!(count >= 300, "only {count} objects are refused here");
}

#[test]
fn right_objects_are_accepted() {
    let (mut count, mut wrong) = (0, Vec::new());
    for table in tables() {
        for change in &table.accepted {
            count += 1;
            let object = table.object(change);
            let (_, problems) = weft_model::validate_object(&object);
            for error in problems.iter().filter(|problem| problem.is_error()) {
                wrong.push(format!("{} {}: {error}", table.file, Value::Object(change.clone())));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {count} are wrong\n{}", wrong.len(), wrong.join("\n"));
    assert!(count >= 300, "only {count} objects are accepted here");
}

/// Reads, writes, and reads again; what comes out must be what went in.
fn round_trip<T>(spec: &Value) -> Result<(), String>
where
    T: weft_model::api::Read + serde::Serialize + PartialEq + std::fmt::Debug,
{
    let read = |value: &Value| {
        let mut reader = weft_model::api::Reader::at("/spec");
        let found = T::read(value, &mut reader);
        let issues = reader.into_issues();
        if issues.is_empty() { Ok(found) } else { Err(format!("{issues:?}")) }
    };
    let first = read(spec)?;
    let written = serde_json::to_value(&first).unwrap();
    let second = read(&written)?;
    if first == second { Ok(()) } else { Err(format!("{first:?}\nbecame\n{second:?}")) }
}

fn round_trip_of_kind(group: &str, kind: &str, spec: &Value) -> Result<(), String> {
    if !group.ends_with("istio.io") {
        return round_trip_of_others(group, kind, spec);
    }
    use weft_model::api;
    match kind {
        "VirtualService" => round_trip::<api::virtual_service::VirtualService>(spec),
        "DestinationRule" => round_trip::<api::destination_rule::DestinationRule>(spec),
        "Gateway" => round_trip::<api::gateway::Gateway>(spec),
        "ServiceEntry" => round_trip::<api::service_entry::ServiceEntry>(spec),
        "Sidecar" => round_trip::<api::sidecar::Sidecar>(spec),
        "WorkloadEntry" => round_trip::<api::workload::WorkloadEntry>(spec),
        "WorkloadGroup" => round_trip::<api::workload::WorkloadGroup>(spec),
        "EnvoyFilter" => round_trip::<api::envoy_filter::EnvoyFilter>(spec),
        "ProxyConfig" => round_trip::<api::proxy_config::ProxyConfig>(spec),
        "PeerAuthentication" => round_trip::<api::peer_authentication::PeerAuthentication>(spec),
        "RequestAuthentication" => {
            round_trip::<api::request_authentication::RequestAuthentication>(spec)
        }
        "AuthorizationPolicy" => round_trip::<api::authorization_policy::AuthorizationPolicy>(spec),
        "Telemetry" => round_trip::<api::telemetry::Telemetry>(spec),
        "WasmPlugin" => round_trip::<api::extension::WasmPlugin>(spec),
        "TrafficExtension" => round_trip::<api::extension::TrafficExtension>(spec),
        other => Err(format!("{other} is not tried")),
    }
}

fn round_trip_of_others(group: &str, kind: &str, spec: &Value) -> Result<(), String> {
    use weft_model::api::{argo, flagger, gateway_api as gateway, ingress};
    match (group, kind) {
        ("gateway.networking.k8s.io", "Gateway") => round_trip::<gateway::Gateway>(spec),
        (_, "HTTPRoute") => round_trip::<gateway::HttpRoute>(spec),
        (_, "GRPCRoute") => round_trip::<gateway::GrpcRoute>(spec),
        (_, "TLSRoute") => round_trip::<gateway::TlsRoute>(spec),
        (_, "BackendTLSPolicy") => round_trip::<gateway::BackendTlsPolicy>(spec),
        (_, "ReferenceGrant") => round_trip::<gateway::ReferenceGrant>(spec),
        (_, "Ingress") => round_trip::<ingress::Ingress>(spec),
        (_, "IngressClass") => round_trip::<ingress::IngressClass>(spec),
        (_, "Rollout") => round_trip::<argo::rollout::Rollout>(spec),
        (_, "AnalysisTemplate" | "ClusterAnalysisTemplate") => {
            round_trip::<argo::analysis::AnalysisTemplate>(spec)
        }
        (_, "AnalysisRun") => round_trip::<argo::analysis::AnalysisRun>(spec),
        (_, "Experiment") => round_trip::<argo::experiment::Experiment>(spec),
        (_, "Canary") => round_trip::<flagger::canary::Canary>(spec),
        (_, "MetricTemplate") => round_trip::<flagger::metric_template::MetricTemplate>(spec),
        (_, "AlertProvider") => round_trip::<flagger::alert_provider::AlertProvider>(spec),
        (_, other) => Err(format!("{other} is not tried")),
    }
}

#[test]
fn what_is_read_and_written_again_says_the_same() {
    let mut wrong = Vec::new();
    for table in tables() {
        for change in &table.accepted {
            let object = table.object(change);
            let group = table.api_version.split('/').next().unwrap();
            if let Err(why) = round_trip_of_kind(group, &table.kind, &object["spec"]) {
                wrong.push(format!("{} {}: {why}", table.file, Value::Object(change.clone())));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
