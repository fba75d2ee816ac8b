//! Routes of which every match is taken by an earlier route with a wider match.
//! Why beside IST0130: that one sees only matches that are written alike.

use serde_json::Value;

use crate::analyzers::Analyzer;
use crate::code;
use crate::mesh::Mesh;
use crate::report::Report;
use crate::view::{Json, Labels, Object, kind};

pub(in crate::analyzers) const ANALYZER: Analyzer = Analyzer::new(
    "weft.RouteShadowed",
    "Routes of which every match is taken by an earlier route with a wider match.",
    &[code::WEFT0101],
    look,
);

/// Earlier matches that one is compared with, so that time stays linear in the routes of one object.
const MOST_COMPARED: usize = 512;

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    for service in mesh.all(kind::VIRTUAL_SERVICE) {
        judge(service, report);
    }
}

fn judge(service: &Object<'_>, report: &mut Report) {
    let mut earlier: Vec<(usize, &Value)> = Vec::new();
    for (at, route) in service.spec().list("http").iter().enumerate() {
        let matches = route.list("match");
        if matches.is_empty() {
            // What follows is told as IST0130.
            return;
        }
        if let Some(taker) = taker(&earlier, matches) {
            let what =
                format!("no request reaches this route: route #{taker} takes all that it matches");
            let field = format!("/spec/http/{at}");
            report.add(
                code::WEFT0101,
                service,
                field,
                what,
                "put it before that route, or remove it",
            );
        }
        // A delegate has matches of its own, and may let some requests pass.
        if !route.has("delegate") && earlier.len() < MOST_COMPARED {
            earlier.extend(matches.iter().map(|request| (at, request)));
        }
    }
}

/// The first route that takes requests of these matches, when each of them is taken and one by a wider match.
fn taker(earlier: &[(usize, &Value)], matches: &[Value]) -> Option<usize> {
    let takers: Option<Vec<&(usize, &Value)>> = matches
        .iter()
        .map(|request| earlier.iter().find(|(_, first)| covers(first, request)))
        .collect();
    let takers = takers?;
    let mut pairs = takers.iter().zip(matches);
    let is_told_here = pairs.any(|((_, first), request)| !is_alike(first, request));
    takers.first().map(|(route, _)| *route).filter(|_| is_told_here)
}

/// Whether both are the same but for their names.
fn is_alike(first: &Value, later: &Value) -> bool {
    let fields = first.entries("").filter(|(key, _)| *key != "name");
    fields.eq(later.entries("").filter(|(key, _)| *key != "name"))
}

/// Whether a match takes every request that another would.
pub(super) fn covers(first: &Value, later: &Value) -> bool {
    let same_case = first.is_true("ignoreUriCase") || !later.is_true("ignoreUriCase");
    let uri = first.at("uri");
    (same_case || uri.is_null() || takes_any_path(uri))
        && first.entries("").all(|(field, asked)| field_covers(field, asked, later))
}

fn field_covers(field: &str, asked: &Value, later: &Value) -> bool {
    let given = later.at(field);
    match field {
        "name" | "statPrefix" | "ignoreUriCase" => true,
        "uri" => takes_any_path(asked) || text_covers(asked, given),
        "scheme" | "method" | "authority" => text_covers(asked, given),
        "headers" | "queryParams" => {
            let mut asked = asked.entries("");
            asked.all(|(key, asked)| given.get(key).is_some_and(|given| text_covers(asked, given)))
        }
        "withoutHeaders" => asked.entries("").all(|(key, asked)| given.get(key) == Some(asked)),
        "sourceLabels" => Labels::at(asked, "").selects(Labels::at(given, "")),
        "gateways" => {
            let own: Vec<&str> = asked.texts("").collect();
            given.has("") && given.texts("").all(|name| own.contains(&name))
        }
        _ => asked == given,
    }
}

fn takes_any_path(uri: &Value) -> bool {
    uri.text("prefix") == "/" || matches!(uri.text("regex"), ".*" | "/.*")
}

/// Whether every text of one match fits another; a match of nothing asks only that there is a text.
fn text_covers(asked: &Value, given: &Value) -> bool {
    let (exact, regex) = (asked.at("exact"), asked.text("regex"));
    if given.is_null() {
        false
    } else if exact.is_string() {
        given.at("exact") == exact
    } else if let Some(prefix) = prefix_of(asked) {
        let begins = |field: &str| given.text(field).starts_with(prefix);
        begins("exact") || begins("prefix") || regex_lead(given.text("regex")).starts_with(prefix)
    } else {
        regex.is_empty() || regex == ".*" || given.text("regex") == regex
    }
}

/// The beginning that a match asks for, when it asks for nothing else.
fn prefix_of(asked: &Value) -> Option<&str> {
    let regex = asked.text("regex");
    let before = regex.strip_suffix(".*").filter(|before| regex_lead(before) == *before);
    Some(asked.text("prefix"))
        .filter(|prefix| !prefix.is_empty())
        .or(before.filter(|b| !b.is_empty()))
}

/// What every text begins with that a regular expression matches.
fn regex_lead(regex: &str) -> &str {
    let is_special = |c: char| "\\.+*?()[]{}|^$".contains(c);
    match regex.find(is_special) {
        _ if regex.contains('|') => "",
        None => regex,
        Some(end) => {
            let lead = regex.get(..end).unwrap_or_default();
            let is_repeated =
                regex.get(end..).is_some_and(|rest| rest.starts_with(['*', '?', '{']));
            let last = lead.chars().next_back().map_or(0, char::len_utf8);
            if is_repeated { lead.get(..end - last).unwrap_or_default() } else { lead }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_wider_match_covers_a_narrower_one() {
        let wide = json!({"uri": {"prefix": "/api"}});
        let narrow = json!({"uri": {"prefix": "/api/v1"}, "method": {"exact": "GET"}});
        assert!(covers(&wide, &narrow) && !covers(&narrow, &wide));
        let header = json!({"headers": {"x-a": {"prefix": "be"}}});
        assert!(covers(&header, &json!({"headers": {"x-a": {"exact": "beta"}, "x-b": {}}})));
        assert!(!covers(&header, &json!({"uri": {"exact": "/"}})));
        assert!(covers(&json!({"uri": {"prefix": "/"}}), &json!({"port": 80})));
        assert!(!covers(&json!({"port": 80}), &json!({"uri": {"prefix": "/"}})));
        let regex = json!({"uri": {"regex": "/api/.*"}});
        assert!(covers(&regex, &json!({"uri": {"prefix": "/api/v1"}})));
        assert!(covers(&wide, &json!({"uri": {"regex": "/api/v[12]/.*"}})));
        assert!(!covers(&wide, &json!({"uri": {"regex": "/api?/x"}})));
        assert!(!covers(&wide, &json!({"uri": {"regex": "/api/x|/y"}})));
        let sensitive = json!({"uri": {"exact": "/a"}});
        assert!(!covers(&sensitive, &json!({"uri": {"exact": "/a"}, "ignoreUriCase": true})));
    }
}
