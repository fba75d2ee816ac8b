//! Conditions of a route.

use weft_model::api::reference::StringMatch;
use weft_model::api::virtual_service::HttpMatch;
use weft_proto::envoy::config::route::v3::header_matcher::HeaderMatchSpecifier;
use weft_proto::envoy::config::route::v3::query_parameter_matcher::QueryParameterMatchSpecifier;
use weft_proto::envoy::config::route::v3::route_match::PathSpecifier;
use weft_proto::envoy::config::route::v3::{HeaderMatcher, QueryParameterMatcher, RouteMatch};
use weft_proto::envoy::r#type::matcher::v3::{
    MetadataMatcher, RegexMatcher, StringMatcher, string_matcher::MatchPattern,
};

use crate::{claims, wire};

/// Takes every request.
pub(crate) fn everything() -> RouteMatch {
    RouteMatch {
        path_specifier: Some(PathSpecifier::Prefix("/".to_owned())),
        ..RouteMatch::default()
    }
}

/// Whether no request passes by, so that what follows is never reached.
pub(crate) fn takes_all(found: &RouteMatch) -> bool {
    let path = match &found.path_specifier {
        Some(PathSpecifier::Prefix(prefix)) => prefix == "/",
        Some(PathSpecifier::SafeRegex(pattern)) => pattern.regex == ".*",
        _ => false,
    };
    path && found.headers.is_empty()
        && found.query_parameters.is_empty()
        && found.dynamic_metadata.is_empty()
}

pub(crate) fn conditions(found: &HttpMatch) -> RouteMatch {
    let mut wanted = everything();
    wanted.case_sensitive = wire::truth(!found.ignore_uri_case);
    if let Some(uri) = &found.uri {
        wanted.path_specifier = Some(path(uri));
    }
    for (name, value) in &found.headers {
        match claims::routed(name) {
            Some(path) => wanted.dynamic_metadata.push(claims::condition(&path, text(value))),
            None => wanted.headers.push(header(name, value)),
        }
    }
    for (name, value) in &found.without_headers {
        match claims::routed(name) {
            Some(path) => {
                let inverted =
                    MetadataMatcher { invert: true, ..claims::condition(&path, text(value)) };
                wanted.dynamic_metadata.push(inverted);
            }
            None => wanted.headers.push(without(name, value)),
        }
    }
    wanted.headers.sort_by(|a, b| a.name.cmp(&b.name));
    let pseudo =
        [(":method", &found.method), (":authority", &found.authority), (":scheme", &found.scheme)];
    for (name, value) in pseudo {
        wanted.headers.extend(value.as_ref().map(|value| header(name, value)));
    }
    wanted.query_parameters = found.query_params.iter().map(|(n, v)| query(n, v)).collect();
    wanted
}

/// The same condition, of which a prefix means whole segments, as in the Gateway API; one with a slash at its end does already.
pub(crate) fn by_segments(mut found: RouteMatch) -> RouteMatch {
    if let Some(PathSpecifier::Prefix(prefix)) = &found.path_specifier {
        if !prefix.ends_with('/') {
            found.path_specifier = Some(PathSpecifier::PathSeparatedPrefix(prefix.clone()));
        }
    }
    found
}

fn path(uri: &StringMatch) -> PathSpecifier {
    match (&uri.exact, &uri.prefix, &uri.regex) {
        (Some(exact), ..) => PathSpecifier::Path(exact.clone()),
        (None, Some(prefix), _) => PathSpecifier::Prefix(prefix.clone()),
        (None, None, Some(pattern)) => PathSpecifier::SafeRegex(regex(pattern)),
        (None, None, None) => PathSpecifier::Prefix("/".to_owned()),
    }
}

fn regex(pattern: &str) -> RegexMatcher {
    RegexMatcher { regex: pattern.to_owned(), ..RegexMatcher::default() }
}

/// `None`: the text only has to be there. Users write `*` as a pattern for that, which is none.
pub(crate) fn text(wanted: &StringMatch) -> Option<StringMatcher> {
    let pattern = match (&wanted.exact, &wanted.prefix, &wanted.regex) {
        (Some(exact), ..) => MatchPattern::Exact(exact.clone()),
        (None, Some(prefix), _) => MatchPattern::Prefix(prefix.clone()),
        (None, None, Some(pattern)) if pattern != "*" => MatchPattern::SafeRegex(regex(pattern)),
        (None, None, _) => return None,
    };
    Some(StringMatcher { match_pattern: Some(pattern), ignore_case: false })
}

/// A text that has to be exactly this.
pub(crate) fn exactly(wanted: &str) -> StringMatcher {
    let pattern = MatchPattern::Exact(wanted.to_owned());
    StringMatcher { match_pattern: Some(pattern), ignore_case: false }
}

fn header(name: &str, value: &StringMatch) -> HeaderMatcher {
    let specifier = text(value)
        .map_or(HeaderMatchSpecifier::PresentMatch(true), HeaderMatchSpecifier::StringMatch);
    HeaderMatcher {
        name: name.to_ascii_lowercase(),
        header_match_specifier: Some(specifier),
        ..HeaderMatcher::default()
    }
}

fn without(name: &str, value: &StringMatch) -> HeaderMatcher {
    HeaderMatcher {
        invert_match: true,
        // A request without the field is one "without" this value.
        treat_missing_header_as_empty: text(value).is_some(),
        ..header(name, value)
    }
}

fn query(name: &str, value: &StringMatch) -> QueryParameterMatcher {
    let specifier = text(value).map_or(
        QueryParameterMatchSpecifier::PresentMatch(true),
        QueryParameterMatchSpecifier::StringMatch,
    );
    QueryParameterMatcher {
        name: name.to_owned(),
        query_parameter_match_specifier: Some(specifier),
    }
}
