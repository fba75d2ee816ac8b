//! Conditions on claims of a verified token.
//! In: Envoy's matchers of dynamic metadata. Out: ours. Holds: metadata that is no claim, and a value of a kind that is not known,
//! refuse the resource: a condition is never left out.

use std::sync::Arc;

use proxy_config::claim::{ClaimMatch, ClaimValue};
use weft_proto::envoy::r#type::matcher::v3::metadata_matcher::path_segment::Segment;
use weft_proto::envoy::r#type::matcher::v3::value_matcher::MatchPattern;
use weft_proto::envoy::r#type::matcher::v3::{
    ListMatcher, MetadataMatcher, ValueMatcher, list_matcher,
};

use crate::Lowered;
use crate::known::{Rejected, only};
use crate::matcher;
use crate::tokens::{FILTER, PAYLOAD};

pub(crate) fn lower(wire: &MetadataMatcher) -> Lowered<ClaimMatch> {
    only!(wire, filter, path, value, invert)?;
    let other = || Rejected::new("metadata", "must be a claim of a token");
    let (of_payload, path) = wire.path.split_first().ok_or_else(other)?;
    let payload = Some(Segment::Key(PAYLOAD.to_owned()));
    if wire.filter != FILTER || of_payload.segment != payload || path.is_empty() {
        return Err(other());
    }
    let path = path.iter().map(|part| match part.segment.as_ref() {
        Some(Segment::Key(key)) => Ok(Arc::from(key.as_str())),
        None => Err(other()),
    });
    let path = path.collect::<Lowered<Vec<Arc<str>>>>()?;
    let wanted = wire.value.as_ref().ok_or_else(unknown)?;
    let value = value(wanted).map_err(|error| error.within("value"))?;
    Ok(ClaimMatch { path, value, invert: wire.invert })
}

fn unknown() -> Rejected {
    Rejected::new("", "is missing or of a kind that weft-proxy does not know")
}

fn value(wire: &ValueMatcher) -> Lowered<ClaimValue> {
    match wire.match_pattern.as_ref() {
        Some(MatchPattern::StringMatch(wanted)) => matcher::text(wanted).map(ClaimValue::Text),
        Some(MatchPattern::ListMatch(list)) => member(list),
        Some(MatchPattern::OrMatch(any)) => {
            any.value_matchers.iter().map(value).collect::<Lowered<_>>().map(ClaimValue::Any)
        }
        Some(MatchPattern::PresentMatch(true)) => Ok(ClaimValue::Present),
        _ => Err(unknown()),
    }
}

/// Members are texts: lists of lists are nothing that anybody asks for.
fn member(list: &ListMatcher) -> Lowered<ClaimValue> {
    let Some(list_matcher::MatchPattern::OneOf(one)) = list.match_pattern.as_ref() else {
        return Err(unknown());
    };
    match one.match_pattern.as_ref() {
        Some(MatchPattern::StringMatch(wanted)) => matcher::text(wanted).map(ClaimValue::Member),
        _ => Err(unknown()),
    }
}
