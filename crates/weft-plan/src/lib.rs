//! What a change of configuration does, told before it is made.
//!
//! In: a mesh as it is, and as it would be. Out: [`Plan`]: which proxies get which changed resources, and which calls end
//! otherwise.
//! Holds: resources are those that translation would send, answers those of [`weft_explain`]; what was not asked is not
//! claimed to stay as it is, so a plan says how many calls it asked about.
//! Never: I/O, clocks, a rule of its own about traffic.

mod calls;
mod pods;
mod proxies;
mod shapes;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use weft_explain::{Call, Mesh};
use weft_model::ObjectRef;

pub use calls::{CallChange, FieldChange};
pub use proxies::{ProxyChange, ResourceChange, What};

/// What a change does.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// Objects of the configuration that are added, changed or removed.
    pub objects: Vec<String>,
    /// Proxies that get other resources.
    pub proxies: Vec<ProxyChange>,
    /// Proxies that were looked at; such as are alike count once.
    pub proxies_asked: usize,
    /// Calls that end otherwise.
    pub calls: Vec<CallChange>,
    /// Calls that were asked about.
    pub calls_asked: usize,
    /// Conditions that no call was made for, because they are patterns or ask for what a call cannot say.
    pub not_asked: Vec<String>,
}

/// Compares a mesh with what it would be.
#[must_use]
pub fn plan(before: &Mesh, after: &Mesh) -> Plan {
    let changed = changed(before, after);
    let groups = pods::groups(before, after);
    let shapes = shapes::of(before, after, &groups);
    let proxies = groups.iter().filter_map(|group| proxies::compare(before, after, group));
    Plan {
        objects: changed.iter().map(|(name, what)| format!("{what} {name}")).collect(),
        proxies: proxies.collect(),
        proxies_asked: groups.len(),
        calls: calls::compare(before, after, &shapes.calls, &changed),
        calls_asked: shapes.calls.len(),
        not_asked: shapes.not_asked,
    }
}

/// Kinds that a cluster makes of others; they are told by what they were made from.
const MADE: [&str; 2] = ["EndpointSlice", "Pod"];

/// Objects that are not the same in both, and what becomes of them.
fn changed(before: &Mesh, after: &Mesh) -> BTreeMap<ObjectRef, &'static str> {
    let all = |mesh: &Mesh| -> BTreeMap<ObjectRef, Value> {
        let objects = mesh.objects().iter();
        let objects = objects.map(|object| (ObjectRef::of(object), object.clone()));
        objects.filter(|(name, _)| !MADE.contains(&name.kind.as_str())).collect()
    };
    let (old, new) = (all(before), all(after));
    let mut found = BTreeMap::new();
    for (name, object) in &new {
        match old.get(name) {
            None => drop(found.insert(name.clone(), "adding")),
            Some(known) if known["spec"] != object["spec"] || labels(known) != labels(object) => {
                found.insert(name.clone(), "changing");
            }
            Some(_) => {}
        }
    }
    let gone = old.keys().filter(|name| !new.contains_key(*name));
    found.extend(gone.map(|name| (name.clone(), "removing")));
    found
}

/// Metadata that decides something.
fn labels(object: &Value) -> (&Value, &Value) {
    (&object["metadata"]["labels"], &object["metadata"]["annotations"])
}

/// A call in one line.
#[must_use]
pub fn described(call: &Call) -> String {
    use weft_explain::{Origin, Security};
    let origin = match &call.origin {
        Origin::From(name, namespace) => format!("from {name}.{namespace}"),
        Origin::Gateway(name, namespace) => format!("at gateway {name}.{namespace}"),
        Origin::Inbound(name, namespace) => format!("into {name}.{namespace}"),
    };
    let who = match (call.security, &call.principal, call.source_ip) {
        (Security::Plaintext, _, None) => String::new(),
        (_, Some(principal), _) => format!(" as {principal}"),
        (_, None, Some(address)) => format!(" from address {address}"),
        (_, None, None) => " with TLS".to_owned(),
    };
    let fields: Vec<String> =
        call.fields.iter().map(|(name, value)| format!(" -H '{name}: {value}'")).collect();
    let user = match call.claims.is_empty() {
        true => String::new(),
        false => format!(" with a token that claims {}", Value::Object(call.claims.clone())),
    };
    let (method, host, port, path) = (&call.method, &call.host, call.port, &call.path);
    format!("{origin}{who}{user}: {method} {host}:{port}{path}{}", fields.concat())
}
