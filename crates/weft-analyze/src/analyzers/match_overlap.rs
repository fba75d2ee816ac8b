//! Matches by a path's prefix, where an earlier and shorter prefix takes the same requests.
//!
//! Holds: prefixes are looked up, so that many routes are compared only with those that can overlap.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::unreachable_rules::{name, request_name, without_name};
use crate::code;
use crate::report::Report;
use crate::view::{Json, Object};

/// Overlaps of one match that are told; more say nothing new.
const MOST_TOLD: usize = 8;

/// A match by prefix, reduced to what is compared.
struct Prefixed<'a> {
    prefix: &'a str,
    port: Option<i64>,
    method: String,
    authority: String,
    maps: [Conditions<'a>; 3],
    /// Of the rule and of the match.
    at: (usize, usize),
}

type Conditions<'a> = HashMap<&'a str, String>;

pub(super) fn look(service: &Object<'_>, report: &mut Report) {
    let rules = service.spec().list("http");
    let mut seen = HashSet::new();
    let mut earlier: HashMap<&str, Vec<Prefixed<'_>>> = HashMap::new();
    for (rule, route) in rules.iter().enumerate() {
        if route.list("match").is_empty() {
            // What follows is told to be unreachable.
            break;
        }
        for (index, request) in route.list("match").iter().enumerate() {
            // What repeats an earlier match is told to.
            let is_new = seen.insert(without_name(request));
            let later = Prefixed::read(request, (rule, index)).filter(|_| is_new);
            let Some(later) = later else { continue };
            let shorter =
                later.prefix.char_indices().filter_map(|(end, _)| later.prefix.get(..end));
            let rivals = shorter.filter_map(|prefix| earlier.get(prefix)).flatten();
            for first in rivals.filter(|first| first.covers(&later)).take(MOST_TOLD) {
                tell(service, rules, first, &later, report);
            }
            earlier.entry(later.prefix).or_default().push(later);
        }
    }
}

fn tell(
    service: &Object<'_>,
    rules: &[Value],
    first: &Prefixed<'_>,
    later: &Prefixed<'_>,
    report: &mut Report,
) {
    let request = |at: (usize, usize)| {
        let request = rules.get(at.0).and_then(|rule| rule.list("match").get(at.1));
        request_name(request.unwrap_or(&Value::Null), at.1)
    };
    let what = format!(
        "match {} by prefix {} is taken by match {} of rule {}, by prefix {}",
        request(later.at),
        later.prefix,
        request(first.at),
        name(rules, first.at.0),
        first.prefix
    );
    let field = format!("/spec/http/{}/match/{}/uri/prefix", later.at.0, later.at.1);
    report.add(code::IST0131, service, field, what, "put the longer prefix first");
}

impl<'a> Prefixed<'a> {
    fn read(request: &'a Value, at: (usize, usize)) -> Option<Self> {
        let prefix = request.text("uri.prefix");
        let method = said(request.at("method"));
        (!prefix.is_empty()).then(|| Self {
            prefix,
            port: request.number("port"),
            method: if method.is_empty() { "=GET".to_owned() } else { method },
            authority: said(request.at("authority")),
            maps: ["headers", "queryParams", "withoutHeaders"]
                .map(|map| request.entries(map).map(|(key, value)| (key, said(value))).collect()),
            at,
        })
    }

    /// Whether it takes what `later` asks for; the shorter prefix is known.
    fn covers(&self, later: &Self) -> bool {
        let mut maps = self.maps.iter().zip(&later.maps);
        self.port == later.port
            && self.method.starts_with(&later.method)
            && self.authority.starts_with(&later.authority)
            && maps.all(|(own, others)| {
                let fits = |(key, value): (&&str, &String)| {
                    others.get(key).is_some_and(|other| value.starts_with(other.as_str()))
                };
                own.len() == others.len() && own.iter().all(fits)
            })
    }
}

/// A match of text by its whole or its beginning; empty for others.
fn said(value: &Value) -> String {
    match (value.text("exact"), value.text("prefix")) {
        ("", "") => String::new(),
        ("", prefix) => format!("^{prefix}"),
        (exact, _) => format!("={exact}"),
    }
}
