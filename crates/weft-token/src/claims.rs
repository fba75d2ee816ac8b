//! What a token claims.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Claims that are lists separated by spaces, whoever issues them: `scope` by RFC 8693, `permission` as in Istio.
const SPACED: [&str; 2] = ["scope", "permission"];

/// The claims of a token.
#[derive(Debug, Clone, PartialEq)]
pub struct Claims {
    all: Map<String, Value>,
}

impl Claims {
    pub(crate) const fn new(all: Map<String, Value>) -> Self {
        Self { all }
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

    /// The texts of a claim by its path: itself, or the members of a list. `spaced` are claims that are lists separated by
    /// spaces, beside `scope` and `permission`.
    #[must_use]
    pub fn values(&self, path: &[&str], spaced: &BTreeSet<String>) -> Vec<String> {
        let Some((first, rest)) = path.split_first() else { return Vec::new() };
        let found = rest
            .iter()
            .try_fold(self.all.get(*first), |value, name| value.map(|value| value.get(*name)));
        let is_spaced = rest.is_empty() && (SPACED.contains(first) || spaced.contains(*first));
        match found.flatten() {
            Some(Value::String(text)) if is_spaced => {
                text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
            }
            Some(Value::String(text)) => vec![text.clone()],
            Some(Value::Array(items)) => {
                items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
            }
            _ => Vec::new(),
        }
    }

    /// All of them.
    #[must_use]
    pub const fn all(&self) -> &Map<String, Value> {
        &self.all
    }
}
