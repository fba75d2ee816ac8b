//! Kubernetes' selectors with expressions.

use serde_json::Value;

use crate::view::{Json, Labels};

/// Whether a selector fits labels; an absent one fits all, one that cannot be read fits none.
pub(super) fn selects<'v>(selector: &Value, get: impl Fn(&str) -> Option<&'v str>) -> bool {
    let mut equal = Labels::at(selector, "matchLabels").iter();
    let equal = equal.all(|(key, value)| get(key) == Some(value));
    equal
        && selector.list("matchExpressions").iter().all(|expression| {
            let value = get(expression.text("key"));
            let is_listed =
                value.is_some_and(|value| expression.texts("values").any(|one| one == value));
            match expression.text("operator") {
                "In" => is_listed,
                "NotIn" => !is_listed,
                "Exists" => value.is_some(),
                "DoesNotExist" => value.is_none(),
                _ => false,
            }
        })
}
