//! Which answers are failures to outlier detection.
//! In: Envoy's matcher of answers. Out: a set of statuses. Holds: a matcher that asks for more than the status is refused.

use proxy_config::route::HeaderValueMatch;
use proxy_config::statuses::Statuses;
use weft_proto::envoy::config::common::matcher::v3::{self as wire, match_predicate::Rule};
use weft_proto::envoy::config::route::v3::HeaderMatcher;
use weft_proto::envoy::extensions::upstreams::http::v3::{
    HttpProtocolOptions, http_protocol_options::OutlierDetection,
};

use crate::Lowered;
use crate::known::{Rejected, only};
use crate::matcher;

/// More nested than this is refused.
const DEEPEST: u32 = 32;

pub(super) fn errors(options: Option<&HttpProtocolOptions>) -> Lowered<Option<Statuses>> {
    let Some(found) = options.and_then(|options| options.outlier_detection.as_ref()) else {
        return Ok(None);
    };
    let OutlierDetection { error_matcher } = found;
    let at = |e: Rejected| e.within("outlier_detection.error_matcher");
    let missing = || at(Rejected::new("", "is missing"));
    predicate(error_matcher.as_ref().ok_or_else(missing)?, DEEPEST).map(Some).map_err(at)
}

fn predicate(predicate: &wire::MatchPredicate, depth: u32) -> Lowered<Statuses> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(Rejected::new("", "is nested too deep"));
    };
    let all = |set: &wire::match_predicate::MatchSet| {
        set.rules.iter().map(|rule| self::predicate(rule, depth)).collect::<Lowered<Vec<_>>>()
    };
    match predicate.rule.as_ref() {
        None => Err(Rejected::new("rule", "is missing")),
        Some(Rule::OrMatch(set)) => {
            let sets = all(set).map_err(|e| e.within("or_match"))?;
            Ok(Statuses::where_(|status| sets.iter().any(|set| set.contains(status))))
        }
        Some(Rule::AndMatch(set)) => {
            let sets = all(set).map_err(|e| e.within("and_match"))?;
            Ok(Statuses::where_(|status| sets.iter().all(|set| set.contains(status))))
        }
        Some(Rule::NotMatch(inner)) => {
            let set = self::predicate(inner, depth).map_err(|e| e.within("not_match"))?;
            Ok(Statuses::where_(|status| !set.contains(status)))
        }
        Some(Rule::AnyMatch(any)) => Ok(Statuses::where_(|_| *any)),
        Some(Rule::HttpResponseHeadersMatch(fields)) => {
            let sets = fields.headers.iter().map(field).collect::<Lowered<Vec<_>>>();
            let sets = sets.map_err(|e| e.within("http_response_headers_match"))?;
            Ok(Statuses::where_(|status| sets.iter().all(|set| set.contains(status))))
        }
        Some(
            Rule::HttpRequestHeadersMatch(_)
            | Rule::HttpRequestTrailersMatch(_)
            | Rule::HttpResponseTrailersMatch(_)
            | Rule::HttpRequestGenericBodyMatch(_)
            | Rule::HttpResponseGenericBodyMatch(_),
        ) => Err(Rejected::new("rule", "must be about the head of the answer")),
    }
}

fn field(wire: &HeaderMatcher) -> Lowered<Statuses> {
    let why = "only :status tells failures";
    if wire.name != ":status" {
        return Err(Rejected::new("name", format!("is {:?}, and {why}", wire.name)));
    }
    only!(wire, name, invert_match, treat_missing_header_as_empty, header_match_specifier)?;
    let found = matcher::header(wire)?;
    Ok(Statuses::where_(|status| {
        let holds = match &found.value {
            HeaderValueMatch::Present => true,
            HeaderValueMatch::Absent => false,
            HeaderValueMatch::Text(text) => text.matches(&status.to_string()),
            HeaderValueMatch::Range(start, end) => (*start..*end).contains(&i64::from(status)),
        };
        holds != found.invert
    }))
}
