//! Rules of an AuthorizationPolicy, and what a policy is attached to.

use serde_json::Value;

use super::{Json, Object};

/// One rule and its place in the list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule<'a> {
    pub(crate) index: usize,
    pub(crate) raw: &'a Value,
}

impl<'a> Rule<'a> {
    /// Each `from[].source`, with its JSON pointer.
    pub(crate) fn sources(&self) -> impl Iterator<Item = (String, &'a Value)> + use<'a> {
        let rule = self.index;
        self.raw.list("from").iter().enumerate().map(move |(index, from)| {
            (format!("/spec/rules/{rule}/from/{index}/source"), from.at("source"))
        })
    }

    /// Each `to[].operation`, with its JSON pointer.
    pub(crate) fn operations(&self) -> impl Iterator<Item = (String, &'a Value)> + use<'a> {
        let rule = self.index;
        self.raw.list("to").iter().enumerate().map(move |(index, to)| {
            (format!("/spec/rules/{rule}/to/{index}/operation"), to.at("operation"))
        })
    }

    /// Each condition, with its JSON pointer.
    pub(crate) fn conditions(&self) -> impl Iterator<Item = (String, &'a Value)> + use<'a> {
        let rule = self.index;
        let conditions = self.raw.list("when").iter().enumerate();
        conditions.map(move |(index, when)| (format!("/spec/rules/{rule}/when/{index}"), when))
    }

    /// JSON pointer of the first field that only means something for HTTP.
    pub(crate) fn http_field(&self) -> Option<String> {
        let in_source = self.sources().find_map(|(at, source)| set(source, SOURCE).map(|f| at + f));
        let in_operation = || {
            self.operations().find_map(|(at, operation)| set(operation, OPERATION).map(|f| at + f))
        };
        let in_condition = || {
            self.conditions()
                .find(|(_, when)| is_http_only(when.text("key")))
                .map(|(at, _)| at + "/key")
        };
        in_source.or_else(in_operation).or_else(in_condition)
    }
}

const SOURCE: &[&str] = &["/requestPrincipals", "/notRequestPrincipals"];
const OPERATION: &[&str] =
    &["/hosts", "/notHosts", "/methods", "/notMethods", "/paths", "/notPaths"];

fn set(value: &Value, fields: &'static [&'static str]) -> Option<&'static str> {
    fields.iter().find(|field| !value.list(field.trim_start_matches('/')).is_empty()).copied()
}

/// Whether the key of a condition only means something for HTTP.
fn is_http_only(key: &str) -> bool {
    key.starts_with("request.")
}

/// The rules of a policy.
pub(crate) fn rules<'a>(policy: &Object<'a>) -> impl Iterator<Item = Rule<'a>> + use<'a> {
    policy.spec().list("rules").iter().enumerate().map(|(index, raw)| Rule { index, raw })
}

/// What a policy is attached to by `targetRef` or `targetRefs`, with the field of each.
pub(crate) fn target_refs<'a>(policy: &Object<'a>) -> Vec<(String, &'a Value)> {
    let one = policy.spec().at("targetRef");
    let one = (!one.is_null()).then(|| ("/spec/targetRef".to_owned(), one));
    let many = policy.spec().list("targetRefs").iter().enumerate();
    one.into_iter().chain(many.map(|(at, raw)| (format!("/spec/targetRefs/{at}"), raw))).collect()
}
