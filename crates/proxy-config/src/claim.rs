//! Conditions on a claim of a verified token, of access rules and of routes.
//! In: what a token says. Out: whether a condition holds. Holds: a text and a list with that text are told apart, as conditions are.
//! Source of the semantics: Envoy's metadata matchers on the payload of its JWT authentication.

use std::sync::Arc;

pub use weft_token::Claim;

use crate::RequestFacts;
use crate::matcher::StringMatcher;

/// What a claim must be.
#[derive(Debug, Clone)]
pub enum ClaimValue {
    /// There, whatever it is.
    Present,
    /// A text.
    Text(StringMatcher),
    /// A list with such a text.
    Member(StringMatcher),
    /// One of these.
    Any(Vec<ClaimValue>),
}

impl ClaimValue {
    /// Is it that? What is not there is nothing.
    #[must_use]
    pub fn matches(&self, found: Option<&Claim<'_>>) -> bool {
        match (self, found) {
            (Self::Any(any), found) => any.iter().any(|one| one.matches(found)),
            (Self::Present, found) => found.is_some(),
            (Self::Text(wanted), Some(Claim::Text(text))) => wanted.matches(text),
            (Self::Member(wanted), Some(Claim::List(list))) => {
                list.iter().any(|text| wanted.matches(text))
            }
            (Self::Text(_) | Self::Member(_), _) => false,
        }
    }
}

/// A condition on a claim.
#[derive(Debug, Clone)]
pub struct ClaimMatch {
    /// Its path.
    pub path: Vec<Arc<str>>,
    /// What it must be.
    pub value: ClaimValue,
    /// The condition must not hold.
    pub invert: bool,
}

impl ClaimMatch {
    /// Does the condition hold?
    #[must_use]
    pub fn holds(&self, request: &dyn RequestFacts) -> bool {
        self.value.matches(request.claim(&self.path).as_ref()) != self.invert
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_no_list_and_a_list_no_text() {
        let wanted = || StringMatcher::Exact("a".into());
        let (text, member) = (ClaimValue::Text(wanted()), ClaimValue::Member(wanted()));
        let either = ClaimValue::Any(vec![text.clone(), member.clone()]);
        let cases = [
            (Some(Claim::Text("a")), [true, true, false, true]),
            (Some(Claim::Text("b")), [true, false, false, false]),
            (Some(Claim::List(vec!["b", "a"])), [true, false, true, true]),
            (Some(Claim::List(vec!["b"])), [true, false, false, false]),
            (Some(Claim::Other), [true, false, false, false]),
            (None, [false; 4]),
        ];
        for (found, expected) in cases {
            let all = [&ClaimValue::Present, &text, &member, &either];
            assert_eq!(all.map(|value| value.matches(found.as_ref())), expected, "{found:?}");
        }
    }
}
