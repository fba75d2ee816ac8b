//! What this proxy decided about one request, for a client that may know.
//!
//! In: the field `x-weft-explain: 1` of a client that is named by its identity; decisions as they are made. Out: the same
//! field on the answer, as JSON in the words of `weft explain`.
//! Holds: nobody hears it who is not named, and where somebody is, the client's field does not reach the application, nor the
//! application's the client. Rules are traced by the facts that they were judged by.
//! Never: costs a request anything where nobody is named; not even the field is looked for.

use std::fmt::Write as _;
use std::sync::Arc;

use proxy_config::matcher::StringMatcher;
use proxy_config::rbac::{Action, Rules};
use proxy_filter::rbac::{self, RuleName};
use proxy_http::RequestHead;
use serde_json::{Map, Value, json};

use crate::connection::Facts;

/// Asks, and answers.
pub(crate) const FIELD: &str = "x-weft-explain";
/// What asks.
const ASKS: &[u8] = b"1";
/// Most bytes of an answer; the rules that were looked at are left out of a longer one, and then it is cut to what decided.
const LONGEST: usize = 4096;

/// Who may ask a proxy for its decisions: identities, as `principals` of an AuthorizationPolicy has them.
#[derive(Debug, Clone, Default)]
pub struct ExplainTo(Arc<[StringMatcher]>);

impl ExplainTo {
    /// Reads `cluster.local/ns/ops/sa/debug, *.../sa/admin`; nobody is named by an empty text.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        let one = |word: &str| match (word.strip_prefix('*'), word.strip_suffix('*')) {
            (Some(end), _) => StringMatcher::Suffix(end.into()),
            (None, Some(start)) => StringMatcher::Prefix(start.into()),
            (None, None) => StringMatcher::Exact(word.into()),
        };
        Self(words.map(one).collect())
    }

    /// Whether anybody is named.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn includes(&self, facts: &Facts) -> bool {
        let names = facts.peer.iter().flat_map(|peer| &peer.uris);
        let mut names = names.filter_map(|name| name.strip_prefix("spiffe://"));
        names.any(|name| self.0.iter().any(|known| known.matches(name)))
    }
}

/// What rules said of a request.
#[derive(Debug, Default)]
pub(crate) struct Explained {
    rule: Option<RuleName>,
    nearest: Option<Value>,
    policies: Vec<Value>,
    pub(crate) request_principal: Option<String>,
}

impl Explained {
    /// Begins when a client asks that may; takes the question out of the request in any case.
    pub(crate) fn asked(
        to: &ExplainTo,
        facts: &Facts,
        head: &mut RequestHead,
    ) -> Option<Box<Self>> {
        let asks = head.fields.get(FIELD)? == ASKS;
        head.fields.remove(FIELD);
        (asks && to.includes(facts)).then(Box::default)
    }

    /// Notes what rules say.
    pub(crate) fn judged(&mut self, rules: &Rules, facts: &rbac::Facts<'_>) {
        let (decision, tried) = rbac::trace(rules, facts);
        if let Some(policy) = decision.policy {
            self.rule = Some(RuleName::read(policy));
        }
        if !decision.allowed && rules.action != Action::Deny {
            self.nearest = rbac::nearest(&tried).map(told);
        }
        self.policies.extend(tried.iter().map(told));
    }

    /// The answer, with what else was decided.
    pub(crate) fn tell(&self, mut decided: Map<String, Value>) -> String {
        let rule = self.rule.as_ref();
        decided.insert("policy".into(), json!(rule.map(|rule| &rule.policy)));
        decided.insert("rule".into(), json!(rule.and_then(|rule| rule.rule)));
        decided.insert("nearest_miss".into(), json!(self.nearest));
        decided.insert("request_principal".into(), json!(self.request_principal));
        decided.insert("policies".into(), json!(self.policies));
        for long in ["policies", "nearest_miss"] {
            let text = ascii(&Value::Object(decided.clone()));
            if text.len() <= LONGEST {
                return text;
            }
            decided.insert(long.into(), Value::Null);
            decided.insert("shortened".into(), true.into());
        }
        ascii(&Value::Object(decided))
    }
}

/// A policy that was looked at.
fn told(tried: &rbac::Tried<'_>) -> Value {
    let RuleName { policy, rule } = RuleName::read(tried.policy);
    let conditions: Vec<String> = tried.misses.iter().map(ToString::to_string).collect();
    json!({ "policy": policy, "rule": rule, "conditions": conditions })
}

/// JSON that may stand in a field: other letters than ASCII's as `\uXXXX`.
fn ascii(value: &Value) -> String {
    let mut text = String::new();
    for letter in value.to_string().chars() {
        if letter.is_ascii() {
            text.push(letter);
            continue;
        }
        for unit in letter.encode_utf16(&mut [0; 2]) {
            // Writing to a String cannot fail.
            write!(text, "\\u{unit:04x}").ok();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_ascii_and_has_an_end() {
        let mut explained =
            Explained { request_principal: Some("bär😀".to_owned()), ..Explained::default() };
        let told = explained.tell(Map::new());
        assert!(told.is_ascii() && told.contains("b\\u00e4r\\ud83d\\ude00"), "{told}");
        let back: Value = serde_json::from_str(&told).unwrap();
        assert_eq!(back["request_principal"], "bär😀");
        explained.policies = vec![json!({"policy": "x".repeat(LONGEST)})];
        let told = explained.tell(Map::new());
        let back: Value = serde_json::from_str(&told).unwrap();
        assert!(told.len() < LONGEST && back["shortened"] == true && back["policies"].is_null());
    }
}
