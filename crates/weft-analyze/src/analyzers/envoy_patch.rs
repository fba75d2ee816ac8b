//! EnvoyFilters whose patches do nothing, or depend on what other patches do.

use std::collections::HashSet;

use serde_json::Value;

use super::Analyzer;
use crate::code::{self, Code};
use crate::mesh::Mesh;
use crate::report::Report;
use crate::view::{Json, Object, kind};

pub(super) const ANALYZER: Analyzer = Analyzer::new(
    "envoyfilter.EnvoyPatchAnalyzer",
    "EnvoyFilters whose patches do nothing, or depend on what other patches do.",
    &[code::IST0151, code::IST0152, code::IST0153, code::IST0154, code::IST0155],
    look,
);

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    // Names of filters that an earlier patch places for some proxy versions only.
    let mut versioned = HashSet::new();
    for filter in mesh.all(kind::ENVOY_FILTER) {
        let mut told = HashSet::new();
        for (index, patch) in filter.spec().list("configPatches").iter().enumerate() {
            if !patch.has("patch") {
                break;
            }
            let name = filter_name(patch);
            let found = judge(filter, patch, versioned.contains(&name));
            // One of a kind is enough: all patches of a filter are read together.
            if let Some((code, what, fix)) = found.filter(|(code, ..)| told.insert(code.id)) {
                let field = format!("/spec/configPatches/{index}/patch/operation");
                report.add(code, filter, field, what, fix);
            }
            if !patch.text("match.proxy.proxyVersion").is_empty() {
                versioned.insert(name);
            }
        }
    }
}

/// The name of what is placed, or else of the filter beside which it is placed, and which of both it is; a patch that
/// places nothing has no name.
fn filter_name(patch: &Value) -> (bool, &str) {
    let value = patch.at("patch.value");
    match value.at("name") {
        _ if value.entries("").next().is_none() => (false, ""),
        Value::Null => (false, patch.text("match.listener.filterChain.filter.name")),
        name => (true, name.as_str().unwrap_or_default()),
    }
}

type Finding = (Code, String, &'static str);

fn judge(filter: &Object<'_>, patch: &Value, is_versioned: bool) -> Option<Finding> {
    let (operation, target) = (patch.text("patch.operation"), patch.text("applyTo"));
    let is_route = matches!(target, "ROUTE_CONFIGURATION" | "HTTP_ROUTE");
    let is_replaceable =
        matches!(target, "HTTP_FILTER" | "NETWORK_FILTER" | "LISTENER_FILTER" | "VIRTUAL_HOST");
    let ignored = |why| format!("{operation} of {target} has no effect: {why}");
    match operation {
        "ADD" if is_route => {
            Some((code::IST0153, ignored("there is one already"), "use MERGE or INSERT_FIRST"))
        }
        "REMOVE" if is_route => {
            Some((code::IST0154, ignored("it cannot be removed"), "change it by MERGE"))
        }
        "REPLACE" if !is_replaceable => {
            let why = "only filters and virtual hosts can be replaced";
            Some((code::IST0152, ignored(why), "use MERGE"))
        }
        "REMOVE" | "REPLACE" | "INSERT_BEFORE" | "INSERT_AFTER" => {
            relative(filter, operation, is_versioned)
        }
        _ => None,
    }
}

/// Such an operation needs a neighbour that may not be there yet.
fn relative(filter: &Object<'_>, operation: &str, is_versioned: bool) -> Option<Finding> {
    if filter.spec().number("priority").unwrap_or_default() != 0 {
        return None;
    }
    let fix = "set a priority, or use INSERT_FIRST or ADD";
    let what = format!(
        "{operation} depends on patches of other EnvoyFilters, and no priority orders them"
    );
    Some(if is_versioned {
        let what =
            format!("{what}; an earlier patch of the same filter is for some proxy versions only");
        (code::IST0155, what, fix)
    } else {
        (code::IST0151, what, fix)
    })
}
