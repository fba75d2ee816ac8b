//! Whether a route takes a request.
//! In: a route's conditions, a request, a random number. Out: nothing, or the first condition that fails.
//! Holds: all conditions must hold. Why not yes or no: whoever explains a decision asks the same code as who takes it.

use proxy_config::RequestFacts;
use proxy_config::claim::ClaimMatch;
use proxy_config::facts::parameters;
use proxy_config::route::{HeaderMatch, PathMatch, QueryMatch, RouteMatch};

/// The first condition of a route that a request does not meet.
#[derive(Debug, Clone, Copy)]
pub enum Unmet<'a> {
    /// On the path.
    Path(&'a PathMatch),
    /// On a field.
    Header(&'a HeaderMatch),
    /// On a query parameter.
    Query(&'a QueryMatch),
    /// On a claim of a verified token.
    Claim(&'a ClaimMatch),
    /// It is no gRPC request.
    Grpc,
    /// It is not among the share that the route takes.
    Fraction,
}

/// Why a route does not take a request; `None` when it does. `random` decides routes that take a share.
#[must_use]
pub fn unmet<'a>(
    wanted: &'a RouteMatch,
    request: &dyn RequestFacts,
    random: u64,
) -> Option<Unmet<'a>> {
    if !path(wanted, request) {
        return Some(Unmet::Path(&wanted.path));
    }
    if let Some(header) = wanted.headers.iter().find(|header| !header.holds(request)) {
        return Some(Unmet::Header(header));
    }
    let asked = request.query();
    if let Some(parameter) = wanted.query.iter().find(|parameter| !query(parameter, asked)) {
        return Some(Unmet::Query(parameter));
    }
    if let Some(claim) = wanted.claims.iter().find(|claim| !claim.holds(request)) {
        return Some(Unmet::Claim(claim));
    }
    if wanted.grpc && !grpc(request) {
        return Some(Unmet::Grpc);
    }
    (!wanted.fraction.hits(random)).then_some(Unmet::Fraction)
}

fn path(wanted: &RouteMatch, request: &dyn RequestFacts) -> bool {
    let connect = request.method() == "CONNECT";
    let path = request.bare_path();
    let sensitive = wanted.case_sensitive;
    match &wanted.path {
        PathMatch::Connect => connect,
        _ if connect && path.is_empty() => false,
        PathMatch::Prefix(prefix) => begins(path, prefix, sensitive),
        PathMatch::PathPrefix(prefix) => {
            begins(path, prefix, sensitive)
                && matches!(path.as_bytes().get(prefix.len()), None | Some(b'/'))
        }
        PathMatch::Exact(exact) if sensitive => path == &**exact,
        PathMatch::Exact(exact) => path.eq_ignore_ascii_case(exact),
        PathMatch::Regex(pattern) => pattern.is_match(path),
    }
}

fn begins(path: &str, prefix: &str, sensitive: bool) -> bool {
    if sensitive {
        return path.starts_with(prefix);
    }
    path.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

fn query(wanted: &QueryMatch, query: &str) -> bool {
    let found = parameters(query).find(|(name, _)| *name == *wanted.name);
    match (found, &wanted.value) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some((_, value)), Some(matcher)) => matcher.matches(&value),
    }
}

fn grpc(request: &dyn RequestFacts) -> bool {
    let Some(kind) = request.field("content-type") else { return false };
    match kind.strip_prefix("application/grpc") {
        Some(rest) => rest.is_empty() || rest.starts_with(['+', ';']),
        None => false,
    }
}
