//! Which answers are failures to outlier detection.
//!
//! In: the statuses of a policy. Out: Envoy's matcher. Holds: no status is no matcher, with which 500 to 599 are failures.

use weft_proto::envoy::config::common::matcher::v3::{
    HttpHeadersMatch, MatchPredicate,
    match_predicate::{MatchSet, Rule},
};
use weft_proto::envoy::config::route::v3::{HeaderMatcher, header_matcher::HeaderMatchSpecifier};
use weft_proto::envoy::extensions::upstreams::http::v3::http_protocol_options::OutlierDetection;
use weft_proto::envoy::r#type::matcher::v3::{StringMatcher, string_matcher::MatchPattern};

pub(super) fn matcher(statuses: &[u32]) -> Option<OutlierDetection> {
    let mut rules: Vec<MatchPredicate> = statuses.iter().copied().map(status).collect();
    let only = rules.pop()?;
    let all = if rules.is_empty() {
        only
    } else {
        rules.push(only);
        MatchPredicate { rule: Some(Rule::OrMatch(MatchSet { rules })) }
    };
    Some(OutlierDetection { error_matcher: Some(all) })
}

fn status(status: u32) -> MatchPredicate {
    let exact = StringMatcher {
        match_pattern: Some(MatchPattern::Exact(status.to_string())),
        ..StringMatcher::default()
    };
    let field = HeaderMatcher {
        name: ":status".to_owned(),
        header_match_specifier: Some(HeaderMatchSpecifier::StringMatch(exact)),
        ..HeaderMatcher::default()
    };
    let fields = HttpHeadersMatch { headers: vec![field] };
    MatchPredicate { rule: Some(Rule::HttpResponseHeadersMatch(fields)) }
}
