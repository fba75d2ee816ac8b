//! Holds what is wanted against what an answer says.
//!
//! In: a wish, a call, an answer as JSON. Out: every difference, in words. Holds: a part that is not named is not compared;
//! an outcome that is not known counts as a refusal, so that a case which wants a call allowed cannot pass by it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};
use weft_explain::Call;
use weft_model::Place;
use weft_types::similar;

use crate::calling;
use crate::policies;
use crate::target::{Named, Target};
use crate::words::{Policy, Wanted};

/// One thing that is not as expected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Where the expectation is written.
    #[serde(serialize_with = "as_text")]
    pub place: Place,
    /// Which part of the answer.
    pub field: String,
    /// What the case says.
    pub expected: String,
    /// What the answer says.
    pub got: String,
    /// Steps of the way that tell why.
    pub trace: Vec<String>,
}

pub(crate) fn as_text<S: serde::Serializer>(place: &Place, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(place)
}

/// Field, expected, got.
type Told = (String, String, String);

/// What of a wish is not met.
pub(crate) fn differences(word: &str, wanted: &Wanted, call: &Call, answer: &Value) -> Vec<Told> {
    if let Wanted::Part(name, value) = wanted {
        return parts(value, answer.get(name.as_str()).unwrap_or(&Value::Null), name);
    }
    let (is_met, expected, got) = met(wanted, call, answer);
    if is_met && asks_where(wanted) && goes_nowhere(answer) {
        let got = format!("{got}, of which the first does not exist: requests fail with 503");
        return vec![(word.to_owned(), expected, got)];
    }
    if is_met { Vec::new() } else { vec![(word.to_owned(), expected, got)] }
}

/// Whether it is met; the wish and what is there, in words.
fn met(wanted: &Wanted, call: &Call, answer: &Value) -> (bool, String, String) {
    let plain = |wanted: &Value, got: &Value| (same(wanted, got), word(wanted), word(got));
    match wanted {
        Wanted::Part(..) => (true, String::new(), String::new()),
        Wanted::Allowed(wanted) => allowed(*wanted, answer),
        Wanted::To(targets) => destinations(targets, &clusters(answer)),
        Wanted::Mirror(targets) => {
            let copies = list(answer, "mirrors").filter_map(|copy| copy["cluster"].as_str());
            destinations(targets, &copies.map(|name| (name, 1.0)).collect::<Vec<_>>())
        }
        Wanted::Shares(wanted) => shares(wanted, &clusters(answer)),
        Wanted::Subsets(wanted) => subsets(wanted, &clusters(answer)),
        Wanted::DeniedBy(wanted) => denied(wanted.as_ref(), answer),
        Wanted::Timeout(wanted) => {
            let got = answer["timeout_ms"].as_u64();
            (got == Some(*wanted), time(Some(*wanted)), time(got))
        }
        Wanted::Retries(wanted) => {
            let got = answer["retries"]["attempts"].as_u64().unwrap_or(0);
            (got == *wanted, wanted.to_string(), got.to_string())
        }
        Wanted::RequestFields(wanted) => fields(wanted, &calling::request_fields(call, answer)),
        Wanted::ResponseFields(wanted) => fields(wanted, &calling::response_fields(answer)),
        Wanted::Path(wanted) => plain(&json!(wanted), &json!(calling::path(call, answer))),
        Wanted::Host(wanted) => plain(&json!(wanted), &json!(calling::host(call, answer))),
        Wanted::Delay(wanted) => {
            let got = answer["faults"]["delay"]["fixed_ms"].as_u64();
            (got == *wanted, time(*wanted), time(got))
        }
        Wanted::Abort(wanted) => plain(&json!(wanted), &answer["faults"]["abort"]["http_status"]),
        Wanted::RedirectTo(wanted) => plain(&json!(wanted), &answer["redirect"]["location"]),
        Wanted::RedirectCode(wanted) => plain(&json!(wanted), &answer["redirect"]["code"]),
        Wanted::Body(wanted) => plain(&json!(wanted), &answer["direct_response"]["body"]),
        Wanted::DecidedBy(wanted) => {
            let named = list(answer, "trace").filter_map(|step| step["object"].as_str());
            let named: Vec<&str> = named.filter(|object| !object.is_empty()).collect();
            (named.contains(&wanted.as_str()), wanted.clone(), words(&named))
        }
    }
}

fn asks_where(wanted: &Wanted) -> bool {
    matches!(wanted, Wanted::Allowed(true) | Wanted::To(_) | Wanted::Shares(_) | Wanted::Subsets(_))
}

/// Whether it is sent to a cluster that the proxy does not have, such as a subset that no DestinationRule names.
fn goes_nowhere(answer: &Value) -> bool {
    ["routed", "tcp"].iter().any(|outcome| answer["outcome"] == *outcome)
        && answer["cluster"].is_null()
}

/// Outcomes of calls that somebody answers.
const ANSWERED: [&str; 5] = ["routed", "tcp", "redirect", "direct_response", "tls_redirect"];
/// Outcomes of calls that are lost on the way: no permission was asked for or refused.
const LOST: [&str; 4] = ["no_listener", "no_virtual_host", "no_route", "protocol_error"];

fn allowed(wanted: bool, answer: &Value) -> (bool, String, String) {
    let outcome = answer["outcome"].as_str().unwrap_or_default();
    let (answered, lost) = (ANSWERED.contains(&outcome), LOST.contains(&outcome));
    let is_met = if wanted { answered } else { !answered && !lost };
    let expected = if wanted { "allowed" } else { "refused" };
    (is_met, expected.to_owned(), outcome.to_owned())
}

fn list<'a>(answer: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    answer[name].as_array().into_iter().flatten()
}

/// Clusters with their shares in percent; such as get nothing are left out.
pub(crate) fn clusters(answer: &Value) -> Vec<(&str, f64)> {
    let one = |share: &'_ Value| share["weight"].as_f64().unwrap_or_default();
    let whole: f64 = list(answer, "clusters").map(one).sum();
    let all = list(answer, "clusters").filter_map(|share| Some((share["name"].as_str()?, share)));
    all.map(|(name, share)| (name, if whole > 0.0 { one(share) * 100.0 / whole } else { 0.0 }))
        .filter(|(_, share)| *share > 0.0)
        .collect()
}

fn close(one: f64, other: f64) -> bool {
    (one - other).abs() < 0.01
}

fn destinations(wanted: &[Target], got: &[(&str, f64)]) -> (bool, String, String) {
    let names: Vec<&str> = got.iter().map(|(name, _)| *name).collect();
    let every_wish = wanted.iter().all(|target| names.iter().any(|name| target.means(name)));
    let every_name = names.iter().all(|name| wanted.iter().any(|target| target.means(name)));
    let expected: Vec<String> = wanted.iter().map(ToString::to_string).collect();
    (every_wish && every_name, words(&expected), words(&names))
}

fn shares(wanted: &[(Target, f64)], got: &[(&str, f64)]) -> (bool, String, String) {
    let of = |target: &Target| -> f64 {
        got.iter().filter(|(name, _)| target.means(name)).map(|(_, share)| share).sum()
    };
    let is_met = wanted.iter().all(|(target, share)| close(of(target), *share))
        && got.iter().all(|(name, _)| wanted.iter().any(|(target, _)| target.means(name)));
    let expected: Vec<String> =
        wanted.iter().map(|(target, share)| format!("{target} {share}%")).collect();
    let told: Vec<String> = got.iter().map(|(name, share)| format!("{name} {share}%")).collect();
    (is_met, words(&expected), words(&told))
}

fn subsets(wanted: &BTreeMap<String, Option<f64>>, got: &[(&str, f64)]) -> (bool, String, String) {
    let mut found: BTreeMap<&str, f64> = BTreeMap::new();
    for (name, share) in got {
        let subset = Named::of(name).map_or("", |named| named.subset);
        *found.entry(subset).or_default() += share;
    }
    let meets = |(name, share): (&String, &Option<f64>)| {
        let got = found.get(name.as_str()).copied();
        match share {
            Some(share) => close(got.unwrap_or_default(), *share),
            None => got.is_some(),
        }
    };
    let is_met = wanted.iter().all(meets) && found.keys().all(|name| wanted.contains_key(*name));
    let named = |name: &str| if name.is_empty() { "no subset".to_owned() } else { name.to_owned() };
    let expected = wanted.iter().map(|(name, share)| match share {
        Some(share) => format!("{} {share}%", named(name)),
        None => named(name),
    });
    let told = found.iter().map(|(name, share)| format!("{} {share}%", named(name)));
    (is_met, words(&expected.collect::<Vec<_>>()), words(&told.collect::<Vec<_>>()))
}

fn denied(wanted: Option<&Policy>, answer: &Value) -> (bool, String, String) {
    let is_denied = answer["outcome"] == "denied";
    let rule = policies::denying(answer);
    let meant = |wanted: &Policy| {
        rule.as_ref().is_some_and(|rule| {
            wanted.name == rule.name
                && wanted.namespace.as_ref().is_none_or(|namespace| *namespace == rule.namespace)
                && wanted.rule.is_none_or(|number| number == rule.number)
        })
    };
    let expected = match wanted {
        None => "denied because no rule allows it".to_owned(),
        Some(Policy { namespace, name, rule }) => {
            let namespace = namespace.as_ref().map(|own| format!("{own}/")).unwrap_or_default();
            let rule = rule.map(|number| format!(" rules[{number}]")).unwrap_or_default();
            format!("denied by {namespace}{name}{rule}")
        }
    };
    let got = match &rule {
        Some(rule) => format!("denied by {rule}"),
        None if is_denied => "denied because no rule allows it".to_owned(),
        None => word(&answer["outcome"]),
    };
    (is_denied && wanted.map_or(rule.is_none(), meant), expected, got)
}

fn fields(
    wanted: &BTreeMap<String, Option<String>>,
    got: &BTreeMap<String, Option<String>>,
) -> (bool, String, String) {
    let of = |name: &String| got.get(name).cloned().flatten();
    let wrong: Vec<&String> =
        wanted.iter().filter(|(name, value)| of(name) != **value).map(|(name, _)| name).collect();
    let told = |value: Option<&String>| value.map_or("none".to_owned(), |text| format!("{text:?}"));
    let expected: Vec<String> = wrong
        .iter()
        .map(|name| format!("{name}: {}", told(wanted.get(*name).and_then(Option::as_ref))))
        .collect();
    let found: Vec<String> =
        wrong.iter().map(|name| format!("{name}: {}", told(of(name).as_ref()))).collect();
    (wrong.is_empty(), words(&expected), words(&found))
}

/// What of a part of an answer is not as written.
fn parts(wanted: &Value, got: &Value, path: &str) -> Vec<Told> {
    match (wanted, got) {
        (Value::Object(fields), Value::Object(there)) => fields
            .iter()
            .flat_map(|(name, value)| match there.get(name) {
                Some(got) => parts(value, got, &format!("{path}.{name}")),
                None if value.is_null() => Vec::new(),
                None => {
                    let near = similar(name, there.keys().map(String::as_str));
                    let near = near.map(|near| format!("; did you mean {near}?"));
                    let got = format!("{path} has no {name:?}{}", near.unwrap_or_default());
                    vec![(format!("{path}.{name}"), word(value), got)]
                }
            })
            .collect(),
        (Value::Array(wanted), Value::Array(got)) if wanted.len() == got.len() => {
            let pairs = wanted.iter().zip(got).enumerate();
            pairs
                .flat_map(|(at, (one, other))| parts(one, other, &format!("{path}[{at}]")))
                .collect()
        }
        _ if same(wanted, got) => Vec::new(),
        _ => vec![(path.to_owned(), word(wanted), word(got))],
    }
}

/// Numbers are the same when they are worth the same.
fn same(wanted: &Value, got: &Value) -> bool {
    match (wanted.as_f64(), got.as_f64()) {
        (Some(one), Some(other)) => close(one, other),
        _ => wanted == got,
    }
}

fn time(millis: Option<u64>) -> String {
    match millis {
        None | Some(0) => "none".to_owned(),
        Some(millis) if millis % 1000 == 0 => format!("{}s", millis / 1000),
        Some(millis) => format!("{millis}ms"),
    }
}

fn word(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn words<T: AsRef<str>>(all: &[T]) -> String {
    if all.is_empty() {
        return "none".to_owned();
    }
    all.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ")
}

/// Most steps that are told of beside a difference.
const TOLD: usize = 6;

/// The steps that decided what a wish is about; without such, how it ended.
pub(crate) fn reasons(wanted: &Wanted, answer: &Value) -> Vec<String> {
    let kinds: &[&str] = match wanted {
        Wanted::Allowed(_) | Wanted::DeniedBy(_) => &["policy", "filter_chain"],
        Wanted::To(_) | Wanted::Shares(_) | Wanted::Subsets(_) | Wanted::Mirror(_) => {
            &["virtual_host", "route", "action"]
        }
        _ => &["virtual_host", "route", "policy"],
    };
    let of = |step: &&Value| kinds.iter().any(|kind| step["step"] == *kind);
    let all: Vec<&Value> = list(answer, "trace").collect();
    let mut told: Vec<&Value> = all.iter().copied().filter(of).collect();
    if let Some(last) = all.last().filter(|last| !told.iter().any(|step| step == *last)) {
        told.push(last);
    }
    let first = told.len().saturating_sub(TOLD);
    told.iter().skip(first).map(|step| line(step)).collect()
}

fn line(step: &Value) -> String {
    let place = match (step["object"].as_str(), step["file"].as_str(), &step["line"]) {
        (None, ..) => String::new(),
        (Some(object), Some(file), line) => format!(" [{object}, {file}:{line}]"),
        (Some(object), None, _) => format!(" [{object}]"),
    };
    format!("{}: {}{place}", word(&step["step"]), word(&step["why"]))
}
