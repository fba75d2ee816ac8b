//! Conditions on a verified token.

use weft_proto::envoy::config::rbac::v3::Principal;
use weft_proto::envoy::config::rbac::v3::principal::{Identifier, Set};
use weft_proto::envoy::r#type::matcher::v3::metadata_matcher::{PathSegment, path_segment};
use weft_proto::envoy::r#type::matcher::v3::{
    ListMatcher, MetadataMatcher, StringMatcher, ValueMatcher, list_matcher, value_matcher,
};

use super::values::text;
use crate::origination::exactly;
use crate::tokens::{FILTER, PAYLOAD};

/// The text of a claim is this.
fn claim(path: &[&str], value: value_matcher::MatchPattern) -> Identifier {
    let key =
        |name: &str| PathSegment { segment: Some(path_segment::Segment::Key(name.to_owned())) };
    #[expect(deprecated, reason = "what Istio sends")]
    Identifier::Metadata(MetadataMatcher {
        filter: FILTER.to_owned(),
        path: std::iter::once(PAYLOAD).chain(path.iter().copied()).map(key).collect(),
        value: Some(ValueMatcher { match_pattern: Some(value) }),
        ..MetadataMatcher::default()
    })
}

fn single(path: &[&str], value: StringMatcher) -> Identifier {
    claim(path, value_matcher::MatchPattern::StringMatch(value))
}

/// A claim that is a text, or a list with one such.
pub(super) fn listed(path: &[&str], value: &str) -> Option<Identifier> {
    let one =
        ValueMatcher { match_pattern: Some(value_matcher::MatchPattern::StringMatch(text(value))) };
    let list =
        ListMatcher { match_pattern: Some(list_matcher::MatchPattern::OneOf(Box::new(one))) };
    let either = [
        claim(path, value_matcher::MatchPattern::ListMatch(Box::new(list))),
        single(path, text(value)),
    ];
    let ids = either.map(|one| Principal { identifier: Some(one) }).into();
    Some(Identifier::OrIds(Set { ids }))
}

/// `issuer/subject`, where a wildcard at one end stands for any part of it. One at the other end of its half is no wildcard.
pub(super) fn principal(value: &str) -> Option<Identifier> {
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
pub(super) fn path(written: &str) -> Option<Vec<&str>> {
    let inner = written.strip_prefix('[')?.strip_suffix(']')?;
    let parts: Vec<&str> = inner.split("][").collect();
    parts.iter().all(|part| !part.is_empty()).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

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
