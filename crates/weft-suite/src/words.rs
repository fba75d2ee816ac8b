//! The words in which a suite says what it expects.
//!
//! In: a word and its value. Out: [`Wanted`]. Holds: a word is one of these, or a part of the answer's JSON by its name;
//! whatever else is written is refused with what was probably meant.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Map, Value};
use weft_types::{duration, similar};

use crate::target::Target;

/// What one word asks for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Wanted {
    /// A part of the answer, by its name there.
    Part(String, Value),
    /// It reaches somebody who answers, or (`false`) is refused.
    Allowed(bool),
    /// All destinations, each once.
    To(Vec<Target>),
    /// Destinations with their shares in percent.
    Shares(Vec<(Target, f64)>),
    /// Subsets with their shares in percent; a lone one may go without.
    Subsets(BTreeMap<String, Option<f64>>),
    /// The policy that denies; `None` when no rule that allows takes it.
    DeniedBy(Option<Policy>),
    /// Milliseconds; 0 is none.
    Timeout(u64),
    /// Tries after the first.
    Retries(u64),
    /// Fields of the request as the server gets it; `None`: it gets none of that name.
    RequestFields(BTreeMap<String, Option<String>>),
    /// Fields that the response is given; `None`: they are taken off.
    ResponseFields(BTreeMap<String, Option<String>>),
    /// Path as the server sees it.
    Path(String),
    /// Host as the server sees it.
    Host(String),
    /// Where copies go.
    Mirror(Vec<Target>),
    /// Injected delay in milliseconds; `None` is none.
    Delay(Option<u64>),
    /// Status that is injected; `None` is none.
    Abort(Option<u64>),
    /// `location` of a redirect.
    RedirectTo(String),
    /// Status of a redirect.
    RedirectCode(u64),
    /// Body of an answer that the proxy gives by itself.
    Body(String),
    /// An object that is named by a step of the way.
    DecidedBy(String),
}

/// A policy, or one rule of it, in the words of a suite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Policy {
    pub(crate) namespace: Option<String>,
    pub(crate) name: String,
    pub(crate) rule: Option<usize>,
}

/// Words that the JSON of an answer does not have.
const OWN: [&str; 14] = [
    "abort",
    "allowed",
    "body",
    "decided_by",
    "delay",
    "denied_by",
    "host",
    "mirror",
    "path",
    "request_headers",
    "response_headers",
    "subset",
    "timeout",
    "to",
];

/// Names of the parts of an answer, from the answer itself.
static PARTS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let empty = serde_json::to_value(weft_explain::Answer::default()).unwrap_or_default();
    empty.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
});

/// Every word there is.
fn known() -> impl Iterator<Item = &'static str> + Clone {
    OWN.into_iter().chain(PARTS.iter().map(String::as_str))
}

/// What a word asks for.
///
/// # Errors
/// When there is no such word, or its value has another form; what is wrong and what to do.
pub(crate) fn read(word: &str, value: &Value) -> Result<Wanted, String> {
    let form = |wanted: &str| format!("{word} has another form; write {wanted}");
    let number = |value: &Value| value.as_u64().ok_or_else(|| form("a whole number"));
    let text = |value: &Value| value.as_str().map(str::to_owned).ok_or_else(|| form("a text"));
    let none = value.is_null() || value == "none";
    Ok(match word {
        "allowed" => Wanted::Allowed(value.as_bool().ok_or_else(|| form("true or false"))?),
        "to" => Wanted::To(targets(value).ok_or_else(|| form("HOST[:PORT][/SUBSET]"))?),
        "cluster" if value.is_string() => Wanted::To(vec![Target::new(&text(value)?)]),
        "clusters" if value.is_object() => Wanted::Shares(
            shares(value).ok_or_else(|| form("{\"HOST[:PORT][/SUBSET]\": PERCENT, …}"))?,
        ),
        "subset" => {
            Wanted::Subsets(subsets(value).ok_or_else(|| form("NAME or {NAME: PERCENT, …}"))?)
        }
        "denied_by" if none => Wanted::DeniedBy(None),
        "denied_by" => {
            let wanted = "NAMESPACE/NAME or NAMESPACE/NAME rules[NUMBER], or none";
            Wanted::DeniedBy(Some(policy(&text(value)?).ok_or_else(|| form(wanted))?))
        }
        "timeout" if none => Wanted::Timeout(0),
        "timeout" => Wanted::Timeout(millis(value).ok_or_else(|| form("a time such as 500ms"))?),
        "retries" if none => Wanted::Retries(0),
        "retries" if value.is_number() => Wanted::Retries(number(value)?),
        "request_headers" | "response_headers" => {
            let fields = fields(value).ok_or_else(|| form("{NAME: VALUE, …}, null for none"))?;
            match word {
                "request_headers" => Wanted::RequestFields(fields),
                _ => Wanted::ResponseFields(fields),
            }
        }
        "path" => Wanted::Path(text(value)?),
        "host" => Wanted::Host(text(value)?),
        "mirror" if none => Wanted::Mirror(Vec::new()),
        "mirror" => Wanted::Mirror(targets(value).ok_or_else(|| form("HOST[:PORT][/SUBSET]"))?),
        "delay" if none => Wanted::Delay(None),
        "delay" => Wanted::Delay(Some(millis(value).ok_or_else(|| form("a time such as 5s"))?)),
        "abort" if none => Wanted::Abort(None),
        "abort" => Wanted::Abort(Some(number(value)?)),
        "redirect" if value.is_string() && !none => Wanted::RedirectTo(text(value)?),
        "redirect" if value.is_number() => Wanted::RedirectCode(number(value)?),
        "body" => Wanted::Body(text(value)?),
        "decided_by" => Wanted::DecidedBy(text(value)?),
        part if PARTS.iter().any(|known| known == part) => {
            let value = if none { Value::Null } else { value.clone() };
            Wanted::Part(part.to_owned(), value)
        }
        other => return Err(unknown(other, "an expectation", known())),
    })
}

/// What to say of a word that is not known.
pub(crate) fn unknown<'a>(
    word: &str,
    of: &str,
    words: impl Iterator<Item = &'a str> + Clone,
) -> String {
    match similar(word, words.clone()) {
        Some(near) => format!("{of} has no {word:?}; did you mean {near}?"),
        None => {
            let mut all: Vec<&str> = words.collect();
            all.sort_unstable();
            format!("{of} has no {word:?}; use {}", all.join(", "))
        }
    }
}

fn targets(value: &Value) -> Option<Vec<Target>> {
    let one = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(Target::new);
    match value {
        Value::Array(list) => list.iter().map(one).collect(),
        single => Some(vec![one(single)?]),
    }
}

fn percent(value: &Value) -> Option<f64> {
    value.as_f64().filter(|share| (0.0..=100.0).contains(share))
}

fn shares(value: &Value) -> Option<Vec<(Target, f64)>> {
    let one = |(name, share): (&String, &Value)| Some((Target::new(name), percent(share)?));
    value.as_object()?.iter().map(one).collect()
}

fn subsets(value: &Value) -> Option<BTreeMap<String, Option<f64>>> {
    let name = |name: &str| if name == "none" { String::new() } else { name.to_owned() };
    match value {
        Value::Null => Some(BTreeMap::from([(String::new(), None)])),
        Value::String(text) => Some(BTreeMap::from([(name(text), None)])),
        Value::Object(all) => {
            let one = |(text, share): (&String, &Value)| Some((name(text), Some(percent(share)?)));
            all.iter().map(one).collect()
        }
        _ => None,
    }
}

fn millis(value: &Value) -> Option<u64> {
    let length = duration::parse(value.as_str()?).ok()?;
    u64::try_from(length.as_millis()).ok()
}

fn fields(value: &Value) -> Option<BTreeMap<String, Option<String>>> {
    let one = |(name, value): (&String, &Value)| {
        let value = match value {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(truth) => Some(truth.to_string()),
            Value::Array(_) | Value::Object(_) => return None,
        };
        Some((name.to_ascii_lowercase(), value))
    };
    let all: &Map<String, Value> = value.as_object()?;
    all.iter().map(one).collect()
}

/// `[AuthorizationPolicy ][NAMESPACE/]NAME[ rules[NUMBER]]`
fn policy(text: &str) -> Option<Policy> {
    let text = text.strip_prefix("AuthorizationPolicy ").unwrap_or(text);
    let (name, rule) = match text.split_once(" rules[") {
        Some((name, rest)) => (name, Some(rest.strip_suffix(']')?.parse().ok()?)),
        None => (text, None),
    };
    let (namespace, name) = match name.split_once('/') {
        Some((namespace, name)) => (Some(namespace.to_owned()), name),
        None => (None, name),
    };
    let plain = !name.is_empty() && !name.contains([' ', '/', '[']);
    plain.then(|| Policy { namespace, name: name.to_owned(), rule })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(word: &str, value: Value, told: &str) {
        let error = read(word, &value).unwrap_err();
        assert!(error.contains(told), "{error}");
    }

    #[test]
    fn what_is_not_known_or_has_another_form_is_refused() {
        check("outcom", json!("routed"), "did you mean outcome?");
        check("denied-by", json!("a"), "did you mean denied_by?");
        check("zzzzzzzzzz", json!(1), "use abort, allowed");
        check("allowed", json!("maybe"), "write true or false");
        check("timeout", json!("5 parsecs"), "write a time");
        check("subset", json!({"v1": 120}), "PERCENT");
        check("denied_by", json!("a/b rules[x]"), "rules[NUMBER]");
    }

    #[test]
    fn common_words_have_short_forms() {
        assert_eq!(read("timeout", &json!("1.5s")), Ok(Wanted::Timeout(1500)));
        assert_eq!(read("timeout", &json!("none")), Ok(Wanted::Timeout(0)));
        assert_eq!(read("status", &json!("none")), Ok(Wanted::Part("status".into(), json!(null))));
        assert_eq!(read("abort", &json!(503)), Ok(Wanted::Abort(Some(503))));
        let whole = policy("AuthorizationPolicy pay/authz rules[2]").unwrap();
        assert_eq!((whole.namespace.as_deref(), whole.rule), (Some("pay"), Some(2)));
        assert_eq!(policy("authz").unwrap().namespace, None);
    }
}
