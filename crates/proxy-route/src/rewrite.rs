//! New paths and redirects.
//! In: a route and a request. Out: the path that goes on, or where the client is sent.
//! Holds: the query is kept unless it is to be dropped. Source of the semantics: Envoy's RouteAction and RedirectAction.

use proxy_config::RequestFacts;
use proxy_config::route::{PathMatch, Redirect, Rewrite, RouteMatch};

/// Where a client is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedirectTo {
    /// Status of the answer.
    pub status: u16,
    /// Value of `location`.
    pub location: String,
}

/// The path (with query) after rewriting.
#[must_use]
pub fn rewrite_path(rewrite: &Rewrite, matched: &RouteMatch, path: &str) -> String {
    let end = path.find(['?', '#']).unwrap_or(path.len());
    let (bare, rest) = path.split_at(end);
    let fresh = match rewrite {
        Rewrite::Full(text) => return with_rest(text, rest),
        Rewrite::Regex(pattern, substitution) => {
            pattern.replace_all(bare, substitution.as_ref()).into_owned()
        }
        Rewrite::Prefix(prefix) => {
            let kept = bare.get(matched_length(matched, bare)..).unwrap_or_default();
            format!("{prefix}{kept}")
        }
    };
    fresh + rest
}

fn with_rest(text: &str, rest: &str) -> String {
    if text.contains('?') { text.to_owned() } else { format!("{text}{rest}") }
}

/// How much of the path the route's condition stands for.
fn matched_length(matched: &RouteMatch, bare: &str) -> usize {
    match &matched.path {
        PathMatch::Prefix(text) | PathMatch::PathPrefix(text) => text.len().min(bare.len()),
        PathMatch::Exact(_) | PathMatch::Regex(_) | PathMatch::Connect => bare.len(),
    }
}

/// Where the client is sent.
#[must_use]
pub fn redirect(
    redirect: &Redirect,
    matched: &RouteMatch,
    request: &dyn RequestFacts,
) -> RedirectTo {
    let scheme = redirect.scheme.as_deref().unwrap_or_else(|| request.scheme());
    let (host, old_port) = split_port(request.authority());
    let host = redirect.host.as_deref().unwrap_or(host);
    let port = match (redirect.port, old_port) {
        (Some(port), _) => Some(port.to_string()),
        (None, Some(port)) if redirect.scheme.is_none() && redirect.host.is_none() => {
            Some(port.to_owned())
        }
        // Another scheme drops a port that stood for the old one.
        (None, Some(port)) if redirect.host.is_none() && !default_port(request.scheme(), port) => {
            Some(port.to_owned())
        }
        (None, _) => None,
    };
    let port = port.filter(|port| !default_port(scheme, port));
    let mut path = match &redirect.path {
        Some(rewrite) => rewrite_path(rewrite, matched, request.path()),
        None => request.path().to_owned(),
    };
    if redirect.strip_query {
        path.truncate(path.find('?').unwrap_or(path.len()));
    }
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    RedirectTo { status: redirect.status, location: format!("{scheme}://{host}{port}{path}") }
}

fn default_port(scheme: &str, port: &str) -> bool {
    matches!((scheme, port), ("http", "80") | ("https", "443"))
}

fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => {
            (host, Some(port))
        }
        _ => (authority, None),
    }
}
