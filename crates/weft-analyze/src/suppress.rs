//! Leaves out problems that a user knows and accepts.
//!
//! In: `CODE=Kind name.namespace`, or `CODE=Kind namespace/name`, with `*` in either part, and the annotation `galley.istio.io/analyze-suppress` of objects.

use std::str::FromStr;

use weft_model::{ObjectRef, Problem};

use crate::view::Object;

/// Problems of one code, of the objects that a pattern means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppression {
    code: String,
    objects: String,
}

/// Text that is no suppression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "suppression `{0}`: write CODE=OBJECT, such as `IST0103=Pod web.shop` or `IST0102=Namespace *`"
)]
pub struct NotASuppression(String);

impl FromStr for Suppression {
    type Err = NotASuppression;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((code, objects)) if !code.trim().is_empty() && !objects.trim().is_empty() => {
                Ok(Self { code: code.trim().to_owned(), objects: objects.trim().to_owned() })
            }
            _ => Err(NotASuppression(text.to_owned())),
        }
    }
}

impl Suppression {
    pub(crate) fn covers(&self, problem: &Problem) -> bool {
        let names = names(&problem.object);
        wildcard(&self.code, problem.code) && names.iter().any(|name| wildcard(&self.objects, name))
    }
}

/// `Kind name.namespace` and, as problems name it, `Kind namespace/name`; `Kind name` of an object without a namespace.
fn names(object: &ObjectRef) -> Vec<String> {
    let ObjectRef { group: _, kind, namespace, name } = object;
    if namespace.is_empty() {
        vec![format!("{kind} {name}")]
    } else {
        vec![format!("{kind} {name}.{namespace}"), format!("{kind} {namespace}/{name}")]
    }
}

/// Whether an object's own annotation lists the code.
pub(crate) fn is_annotated(object: &Object<'_>, code: &str) -> bool {
    let listed = object.annotations().get("galley.istio.io/analyze-suppress").unwrap_or_default();
    listed.split(',').map(str::trim).any(|pattern| pattern == "*" || pattern == code)
}

/// Whether a text fits a pattern in which each `*` stands for any text. Takes the product of both lengths at most.
fn wildcard(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut read, mut star) = (0, 0, None);
    while read < text.len() {
        if pattern.get(at) == Some(&b'*') {
            star = Some((at, read));
            at += 1;
        } else if pattern.get(at) == text.get(read) {
            at += 1;
            read += 1;
        } else if let Some((back, from)) = star {
            star = Some((back, from + 1));
            at = back + 1;
            read = from + 1;
        } else {
            return false;
        }
    }
    pattern.get(at..).is_some_and(|rest| rest.iter().all(|byte| *byte == b'*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_text() {
        assert!(wildcard("Pod web-*.shop", "Pod web-1.shop"));
        assert!(wildcard("*", "") && wildcard("IST01*", "IST0103") && wildcard("a*b*c", "aXbYbZc"));
        assert!(!wildcard("Pod web", "Pod web.shop") && !wildcard("a*b", "abc"));
    }

    #[test]
    fn text_without_a_code_or_an_object_is_refused() {
        for text in ["IST0103", "=Pod x", "IST0103="] {
            assert!(text.parse::<Suppression>().is_err(), "{text}");
        }
        assert!("IST0103=Pod x.y".parse::<Suppression>().is_ok());
    }
}
