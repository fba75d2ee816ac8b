//! Calls at the boundaries of rules.
//!
//! In: both meshes and their proxies. Out: a call for each condition of each route, each rule of each policy, each issuer of tokens, and
//! for what none of them speaks of.
//! Holds: calls are made from the rules of both meshes, so that a rule that goes is asked about too; their number has a bound.
//! Never: guesses what a pattern matches; such a condition is named instead.

mod guards;
mod routes;
mod users;

use std::collections::BTreeSet;

use serde_json::Value;
use weft_explain::{Call, Mesh};

use crate::pods::Group;

/// Most calls that are made.
const MOST: usize = 5000;

/// Calls, and conditions without a call.
#[derive(Debug, Default)]
pub(crate) struct Shapes {
    pub(crate) calls: Vec<Call>,
    pub(crate) not_asked: Vec<String>,
    known: BTreeSet<String>,
}

impl Shapes {
    fn add(&mut self, call: Call) {
        if self.calls.len() >= MOST {
            let told = format!("more than {MOST} calls");
            if !self.not_asked.contains(&told) {
                self.not_asked.push(told);
            }
        } else if self.known.insert(format!("{call:?}")) {
            self.calls.push(call);
        }
    }

    fn leave_out(&mut self, what: String) {
        if !self.not_asked.contains(&what) {
            self.not_asked.push(what);
        }
    }
}

/// Makes them.
pub(crate) fn of(before: &Mesh, after: &Mesh, groups: &[Group]) -> Shapes {
    let mut shapes = Shapes::default();
    for mesh in [after, before] {
        let issuers = users::issuers(mesh);
        for object in mesh.objects() {
            match object["kind"].as_str() {
                Some("VirtualService") => {
                    routes::add(&mut shapes, (mesh, &issuers), object, groups);
                }
                Some("AuthorizationPolicy" | "PeerAuthentication" | "RequestAuthentication") => {
                    guards::add(&mut shapes, object, groups, &issuers);
                }
                _ => {}
            }
        }
    }
    shapes
}

pub(crate) fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value[field].as_array().map_or(&[], Vec::as_slice)
}

pub(crate) fn texts<'a>(value: &'a Value, field: &str) -> Vec<&'a str> {
    list(value, field).iter().filter_map(Value::as_str).collect()
}

/// A text that a pattern with one `*` takes.
pub(crate) fn example(written: &str) -> String {
    written.replace('*', "any").replace("{any}", "any").replace("{anyany}", "any/any")
}

/// Name and namespace.
pub(crate) fn named(object: &Value) -> (&str, &str) {
    let metadata = &object["metadata"];
    let namespace = metadata["namespace"].as_str().unwrap_or("default");
    (metadata["name"].as_str().unwrap_or_default(), namespace)
}
