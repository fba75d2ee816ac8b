//! What a token claims.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

/// Claims that are lists separated by spaces, whoever issues them: `scope` by RFC 8693, `permission` as in Istio.
const SPACED: [&str; 2] = ["scope", "permission"];

/// A claim, as conditions look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim<'a> {
    /// A text.
    Text(&'a str),
    /// The texts of a list.
    List(Vec<&'a str>),
    /// Neither: a number, a truth, an object, nothing.
    Other,
}

/// The claims of a token.
#[derive(Debug, Clone, PartialEq)]
pub struct Claims {
    all: Map<String, Value>,
}

impl Claims {
    pub(crate) const fn new(all: Map<String, Value>) -> Self {
        Self { all }
    }

    /// Claims of no token, for questions about what would be: nothing of them was verified.
    #[must_use]
    pub const fn supposed(all: Map<String, Value>) -> Self {
        Self::new(all)
    }

    /// A claim that is a text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.all.get(name)?.as_str()
    }

    /// A time in seconds, which may have parts of seconds.
    pub(crate) fn seconds(&self, name: &str) -> Option<f64> {
        self.all.get(name)?.as_f64()
    }

    /// Whether the claim is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.all.contains_key(name)
    }

    /// `aud`, which may be one or many.
    pub fn audiences(&self) -> impl Iterator<Item = &str> {
        let found = self.all.get("aud");
        let one = found.and_then(Value::as_str);
        let many = found.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        one.into_iter().chain(many)
    }

    /// `iss/sub`, which Istio calls the request's principal.
    #[must_use]
    pub fn principal(&self) -> Option<String> {
        Some(format!("{}/{}", self.text("iss")?, self.text("sub")?))
    }

    /// A claim by its path, if it is there. `spaced` are claims that are lists separated by spaces, beside `scope` and `permission`.
    #[must_use]
    pub fn claim(&self, path: &[&str], spaced: &BTreeSet<String>) -> Option<Claim<'_>> {
        let is_spaced = matches!(path, [name] if SPACED.contains(name) || spaced.contains(*name));
        Some(match self.find(path)? {
            Value::String(text) if is_spaced => {
                Claim::List(text.split(' ').filter(|word| !word.is_empty()).collect())
            }
            Value::String(text) => Claim::Text(text),
            Value::Array(items) => Claim::List(items.iter().filter_map(Value::as_str).collect()),
            _ => Claim::Other,
        })
    }

    /// A claim by its path as a header field can say it: texts, numbers and truths as they are, lists and objects as base64 of
    /// their JSON. Nothing where the text could not stand in a field, since it would end it.
    #[must_use]
    pub fn written(&self, path: &[&str]) -> Option<String> {
        let text = match self.find(path)? {
            Value::Null => return None,
            Value::String(text) => text.clone(),
            Value::Bool(truth) => truth.to_string(),
            Value::Number(number) => number.to_string(),
            value @ (Value::Array(_) | Value::Object(_)) => STANDARD.encode(value.to_string()),
        };
        let fits = !text.is_empty() && !text.chars().any(char::is_control);
        fits.then_some(text)
    }

    fn find(&self, path: &[&str]) -> Option<&Value> {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(self.all.get(*first)?, |value, name| value.get(*name))
    }

    /// All of them.
    #[must_use]
    pub const fn all(&self) -> &Map<String, Value> {
        &self.all
    }
}
