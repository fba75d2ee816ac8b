//! Conditions on a verified token, of access rules and of routes.
//! In: names and values as users write them. Out: Envoy's matchers of what its JWT authentication has put into metadata.

use weft_proto::envoy::config::rbac::v3::Principal;
use weft_proto::envoy::config::rbac::v3::principal::{Identifier, Set};
use weft_proto::envoy::r#type::matcher::v3::metadata_matcher::{PathSegment, path_segment};
use weft_proto::envoy::r#type::matcher::v3::value_matcher::MatchPattern;
use weft_proto::envoy::r#type::matcher::v3::{
    ListMatcher, MetadataMatcher, OrMatcher, StringMatcher, ValueMatcher, list_matcher,
};

use crate::origination::exactly;
use crate::rbac::text;
use crate::tokens::{FILTER, PAYLOAD};

/// What a field of a VirtualService that stands for a claim begins with, in any case of letters.
const FIELD: &str = "@request.auth.claims";

fn matcher(path: &[&str], value: ValueMatcher) -> MetadataMatcher {
    let key =
        |name: &str| PathSegment { segment: Some(path_segment::Segment::Key(name.to_owned())) };
    MetadataMatcher {
        filter: FILTER.to_owned(),
        path: std::iter::once(PAYLOAD).chain(path.iter().copied()).map(key).collect(),
        value: Some(value),
        ..MetadataMatcher::default()
    }
}

fn value(pattern: MatchPattern) -> ValueMatcher {
    ValueMatcher { match_pattern: Some(pattern) }
}

/// A list with such a text.
fn member(wanted: StringMatcher) -> ValueMatcher {
    let one = Box::new(value(MatchPattern::StringMatch(wanted)));
    let list = ListMatcher { match_pattern: Some(list_matcher::MatchPattern::OneOf(one)) };
    value(MatchPattern::ListMatch(Box::new(list)))
}

fn claim(path: &[&str], value: ValueMatcher) -> Identifier {
    #[expect(deprecated, reason = "what Istio sends")]
    Identifier::Metadata(matcher(path, value))
}

/// A route's condition on a claim: a text, or a list with one such; `None`: the claim only has to be there.
pub(crate) fn condition(path: &[&str], wanted: Option<StringMatcher>) -> MetadataMatcher {
    let Some(wanted) = wanted else {
        return matcher(path, value(MatchPattern::PresentMatch(true)));
    };
    let either = [member(wanted.clone()), value(MatchPattern::StringMatch(wanted))];
    matcher(path, value(MatchPattern::OrMatch(OrMatcher { value_matchers: either.into() })))
}

/// The claim that a field of a VirtualService stands for: `@request.auth.claims.a.b`, or `@request.auth.claims[a][b]`.
pub(crate) fn routed(name: &str) -> Option<Vec<&str>> {
    let (start, rest) = name.split_at_checked(FIELD.len())?;
    if !start.eq_ignore_ascii_case(FIELD) {
        return None;
    }
    match rest.strip_prefix('.') {
        Some(dotted) => named(dotted.split('.')),
        None => path(rest),
    }
}

/// Parts of a path, none of which is empty.
fn named<'a>(parts: impl Iterator<Item = &'a str>) -> Option<Vec<&'a str>> {
    parts.map(|part| (!part.is_empty()).then_some(part)).collect()
}

fn single(path: &[&str], value: StringMatcher) -> Identifier {
    claim(path, self::value(MatchPattern::StringMatch(value)))
}

/// A claim that is a text, or a list with one such.
pub(crate) fn listed(path: &[&str], value: &str) -> Option<Identifier> {
    let either = [claim(path, member(text(value))), single(path, text(value))];
    let ids = either.map(|one| Principal { identifier: Some(one) }).into();
    Some(Identifier::OrIds(Set { ids }))
}

/// `issuer/subject`, where a wildcard at one end stands for any part of it. One at the other end of its half is no wildcard.
pub(crate) fn principal(value: &str) -> Option<Identifier> {
    let (issuer, subject) = match value.rsplit_once('/') {
        Some((issuer, subject)) if value.starts_with('*') => (text(issuer), exactly(subject)),
        Some((issuer, subject)) if value.ends_with('*') => (exactly(issuer), text(subject)),
        Some((issuer, subject)) => (exactly(issuer), exactly(subject)),
        // Whose subject ends so, or whose issuer begins so.
        None if value.starts_with('*') => (text("*"), text(value)),
        None if value.ends_with('*') => (text(value), text("*")),
        None => return None,
    };
    let both = [single(&["iss"], issuer), single(&["sub"], subject)];
    let ids = both.map(|one| Principal { identifier: Some(one) }).into();
    Some(Identifier::AndIds(Set { ids }))
}

/// `[name][name]…`
pub(crate) fn path(written: &str) -> Option<Vec<&str>> {
    named(written.strip_prefix('[')?.strip_suffix(']')?.split("]["))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_routes_name_claims() {
        assert_eq!(routed("@request.auth.claims.a.b").unwrap(), ["a", "b"]);
        assert_eq!(routed("@Request.Auth.Claims[a][b.c]").unwrap(), ["a", "b.c"]);
        let others =
            ["x-a", "@request.auth.claims", "@request.auth.claims.", "@request.auth.claims[]"];
        for other in others.into_iter().chain(["@request.auth.claims-a"]) {
            assert_eq!(routed(other), None, "{other}");
        }
    }

    #[test]
    fn a_wildcard_stands_at_one_end_of_a_principal_only() {
        let both = |issuer, subject| {
            let both = [single(&["iss"], issuer), single(&["sub"], subject)];
            let ids = both.map(|one| Principal { identifier: Some(one) }).into();
            Some(Identifier::AndIds(Set { ids }))
        };
        assert_eq!(principal("*.example/a*"), both(text("*.example"), exactly("a*")));
        assert_eq!(principal("https*/a"), both(exactly("https*"), exactly("a")));
        assert_eq!(principal("https*/a*"), both(exactly("https*"), text("a*")));
        assert_eq!(principal("*a"), both(text("*"), text("*a")));
        assert_eq!(principal("a*"), both(text("a*"), text("*")));
        assert_eq!(principal("a"), None, "no principal is without a slash");
    }
}
