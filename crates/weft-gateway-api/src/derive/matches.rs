//! Which requests a rule takes.

use std::cmp::Reverse;

use weft_model::api::gateway_api as api;
use weft_model::api::gateway_api::{PathMatchType, TextMatchType};
use weft_model::api::reference::StringMatch;
use weft_model::api::virtual_service::HttpMatch;

use super::http::Rank;

/// The path of a condition, without a slash at the end of a prefix, which makes no difference; `/` is empty.
pub(super) fn path(wanted: &api::HttpMatch) -> (PathMatchType, &str) {
    let Some(path) = &wanted.path else { return (PathMatchType::PathPrefix, "") };
    let value = path.value.as_deref().unwrap_or("/");
    match path.kind {
        PathMatchType::PathPrefix => (path.kind, value.strip_suffix('/').unwrap_or(value)),
        kind => (kind, value),
    }
}

/// What comes first: the whole path, a pattern, the longest prefix; then a method, more fields, more parameters.
pub(super) fn rank(wanted: &api::HttpMatch) -> Rank {
    let (kind, path) = path(wanted);
    let kind = match kind {
        PathMatchType::Exact => 0,
        PathMatchType::RegularExpression => 1,
        PathMatchType::PathPrefix => 2,
    };
    let api::HttpMatch { headers, query_params, method, .. } = wanted;
    (
        kind,
        Reverse(path.len()),
        method.is_none(),
        Reverse(headers.len()),
        Reverse(query_params.len()),
    )
}

/// The condition.
pub(super) fn condition(wanted: &api::HttpMatch) -> HttpMatch {
    let uri = match path(wanted) {
        (PathMatchType::PathPrefix, "") => prefix("/"),
        (PathMatchType::PathPrefix, path) => prefix(path),
        (PathMatchType::Exact, path) => exact(path),
        (PathMatchType::RegularExpression, path) => regex(path),
    };
    let headers = wanted.headers.iter();
    let headers = headers.map(|one| (one.name.to_ascii_lowercase(), text(one.kind, &one.value)));
    let queries = wanted.query_params.iter();
    HttpMatch {
        uri: Some(uri),
        // Of one name written twice the first counts.
        headers: headers.rev().collect(),
        query_params: queries
            .rev()
            .map(|one| (one.name.clone(), text(one.kind, &one.value)))
            .collect(),
        method: wanted.method.map(|method| exact(method_name(method))),
        ..HttpMatch::default()
    }
}

fn method_name(method: api::Method) -> &'static str {
    use api::Method as M;
    match method {
        M::Get => "GET",
        M::Head => "HEAD",
        M::Post => "POST",
        M::Put => "PUT",
        M::Delete => "DELETE",
        M::Connect => "CONNECT",
        M::Options => "OPTIONS",
        M::Trace => "TRACE",
        M::Patch => "PATCH",
    }
}

fn text(kind: TextMatchType, value: &str) -> StringMatch {
    match kind {
        TextMatchType::Exact => exact(value),
        TextMatchType::RegularExpression => regex(value),
    }
}

pub(super) fn exact(value: &str) -> StringMatch {
    StringMatch { exact: Some(value.to_owned()), ..StringMatch::default() }
}

pub(super) fn prefix(value: &str) -> StringMatch {
    StringMatch { prefix: Some(value.to_owned()), ..StringMatch::default() }
}

pub(super) fn regex(value: &str) -> StringMatch {
    StringMatch { regex: Some(value.to_owned()), ..StringMatch::default() }
}
