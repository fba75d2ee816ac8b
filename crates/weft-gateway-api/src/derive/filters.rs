//! What becomes of the requests that a rule takes.
//!
//! Holds: without a backend that can be called, and without a redirect, the answer is 500.

use std::collections::BTreeMap;

use weft_model::ObjectRef;
use weft_model::api::gateway_api as api;
use weft_model::api::gateway_api::{HttpRule, PathModifierType};
use weft_model::api::reference::{Percent, StringMatch};
use weft_model::api::virtual_service as mesh;
use weft_model::api::virtual_service::{HeaderOperations, Headers, HttpDestination, HttpRoute};

use super::{Context, backends, matches};

/// The routes that one condition of a rule becomes: one, or two where a prefix gives way to `/`.
pub(super) fn routes(
    context: Context<'_>,
    owner: &ObjectRef,
    rule: &HttpRule,
    wanted: &api::HttpMatch,
) -> Vec<HttpRoute> {
    let base = HttpRoute {
        matches: vec![matches::condition(wanted)],
        headers: headers(&rule.filters),
        mirrors: mirrors(context, owner, &rule.filters),
        cors_policy: rule.filters.iter().find_map(|one| one.cors.as_ref()).map(cors),
        ..HttpRoute::default()
    };
    let (_, prefix) = matches::path(wanted);
    if let Some(written) = rule.filters.iter().find_map(|one| one.request_redirect.as_ref()) {
        let ways = ways(written.path.as_ref(), prefix);
        let redirect = |way: &Way| redirect(written, way);
        return ways
            .iter()
            .map(|way| way.on(&base, |one| one.redirect = Some(redirect(way))))
            .collect();
    }
    let route = destinations(context, owner, rule);
    if route.is_empty() {
        let answer = mesh::DirectResponse { status: 500, ..mesh::DirectResponse::default() };
        return vec![HttpRoute { direct_response: Some(answer), ..base }];
    }
    let base = HttpRoute {
        route,
        timeout: rule.timeouts.as_ref().and_then(|limits| limits.request),
        retries: retries(rule),
        ..base
    };
    match rule.filters.iter().find_map(|one| one.url_rewrite.as_ref()) {
        None => vec![base],
        Some(written) => ways(written.path.as_ref(), prefix)
            .iter()
            .map(|way| way.on(&base, |one| one.rewrite = Some(rewrite(written, way))))
            .collect(),
    }
}

/// A way to change a path.
#[derive(Debug, Default)]
struct Way {
    /// In place of the condition's own path.
    uri: Option<StringMatch>,
    whole: Option<String>,
    prefix: Option<String>,
}

impl Way {
    fn on(&self, base: &HttpRoute, change: impl FnOnce(&mut HttpRoute)) -> HttpRoute {
        let mut route = base.clone();
        if self.uri.is_some() {
            route.matches.iter_mut().for_each(|one| one.uri.clone_from(&self.uri));
        }
        change(&mut route);
        route
    }
}

/// A prefix of whole segments is replaced: `/a` by `/b` in `/a` and `/a/c`. Proxies replace letters, so that `/` for a prefix
/// takes two routes, and a prefix for `/` a slash.
fn ways(path: Option<&api::PathModifier>, prefix: &str) -> Vec<Way> {
    let Some(path) = path else { return vec![Way::default()] };
    if path.kind == PathModifierType::ReplaceFullPath {
        let whole = path.replace_full_path.clone().filter(|path| !path.is_empty());
        return vec![Way { whole: whole.or_else(|| Some("/".to_owned())), ..Way::default() }];
    }
    let to = path.replace_prefix_match.as_deref().unwrap_or_default();
    let to = to.strip_suffix('/').unwrap_or(to);
    let to_root = || Some("/".to_owned());
    match (prefix, to) {
        ("", to) => vec![Way { prefix: Some(format!("{to}/")), ..Way::default() }],
        (prefix, "") => vec![
            Way { uri: Some(matches::exact(prefix)), whole: to_root(), ..Way::default() },
            Way {
                uri: Some(matches::prefix(&format!("{prefix}/"))),
                prefix: to_root(),
                ..Way::default()
            },
        ],
        (_, to) => vec![Way { prefix: Some(to.to_owned()), ..Way::default() }],
    }
}

fn redirect(written: &api::Redirect, way: &Way) -> mesh::Redirect {
    let scheme = match written.scheme {
        Some(api::Scheme::Http) => "http",
        Some(api::Scheme::Https) => "https",
        None => "",
    };
    // Without a scheme the listener's own port stays; with one its usual port is meant.
    let own = written.port.is_none() && scheme.is_empty();
    mesh::Redirect {
        uri: way.whole.clone().unwrap_or_default(),
        prefix_rewrite: way.prefix.clone().unwrap_or_default(),
        authority: written.hostname.clone().unwrap_or_default(),
        port: written.port,
        derive_port: own.then_some(mesh::DerivePort::RequestPort),
        scheme: scheme.to_owned(),
        redirect_code: written.status_code.unwrap_or(302),
    }
}

fn rewrite(written: &api::Rewrite, way: &Way) -> mesh::Rewrite {
    // A whole path: everything of it gives way.
    let whole = way.whole.as_ref().map(|path| mesh::RegexRewrite {
        pattern: "^.*$".to_owned(),
        rewrite: path.replace('\\', "\\\\"),
    });
    mesh::Rewrite {
        uri: way.prefix.clone().unwrap_or_default(),
        authority: written.hostname.clone().unwrap_or_default(),
        uri_regex_rewrite: whole,
    }
}

/// Where requests go; nothing when nobody can be called.
fn destinations(context: Context<'_>, owner: &ObjectRef, rule: &HttpRule) -> Vec<HttpDestination> {
    let all = rule.backend_refs.iter().filter(|one| one.target().weight > 0);
    let found = all.map(|one| (backends::destination(context, owner, one.target()), one));
    let found: Vec<_> = found.collect();
    if found.iter().all(|(to, _)| to.is_none()) {
        return Vec::new();
    }
    let destination = |(to, one): (_, &api::HttpBackendRef)| HttpDestination {
        destination: Some(Option::unwrap_or_else(to, backends::nobody)),
        weight: one.target().weight,
        headers: headers(&one.filters),
    };
    found.into_iter().map(destination).collect()
}

fn headers(filters: &[api::HttpFilter]) -> Option<Headers> {
    let request = filters.iter().find_map(|one| one.request_header_modifier.as_ref());
    let response = filters.iter().find_map(|one| one.response_header_modifier.as_ref());
    (request.is_some() || response.is_some())
        .then(|| Headers { request: request.map(operations), response: response.map(operations) })
}

fn operations(written: &api::HeaderModifier) -> HeaderOperations {
    let entries = |all: &[api::Header]| -> BTreeMap<String, String> {
        all.iter().rev().map(|one| (one.name.clone(), one.value.clone())).collect()
    };
    let api::HeaderModifier { set, add, remove } = written;
    HeaderOperations { set: entries(set), add: entries(add), remove: remove.clone() }
}

fn mirrors(
    context: Context<'_>,
    owner: &ObjectRef,
    filters: &[api::HttpFilter],
) -> Vec<mesh::Mirror> {
    let all = filters.iter().filter_map(|one| one.request_mirror.as_ref());
    all.filter_map(|one| {
        let to = backends::destination(context, owner, one.backend_ref.as_ref()?.target())?;
        let part = one.fraction.as_ref().map(|part| {
            f64::from(part.numerator) * 100.0 / f64::from(part.denominator.unwrap_or(100).max(1))
        });
        let share = part.or(one.percent.map(f64::from)).unwrap_or(100.0);
        Some(mesh::Mirror { destination: Some(to), percentage: Some(Percent { value: share }) })
    })
    .collect()
}

/// A limit of one try needs a policy of retries to stand in; without one there is a single try.
fn retries(rule: &HttpRule) -> Option<mesh::Retries> {
    let limit = rule.timeouts.as_ref().and_then(|limits| limits.backend_request);
    let limit = limit.filter(|limit| !limit.0.is_zero());
    let Some(api::Retry { codes, attempts, backoff }) = &rule.retry else {
        return limit.map(|limit| mesh::Retries {
            attempts: 1,
            per_try_timeout: Some(limit),
            retry_on: "connect-failure,refused-stream".to_owned(),
            ..mesh::Retries::default()
        });
    };
    let on = ["connect-failure", "refused-stream", "unavailable", "cancelled"].map(str::to_owned);
    let on: Vec<String> = on.into_iter().chain(codes.iter().map(u32::to_string)).collect();
    Some(mesh::Retries {
        attempts: attempts.unwrap_or(1),
        per_try_timeout: limit,
        retry_on: on.join(","),
        backoff: backoff.filter(|pause| !pause.0.is_zero()),
        ..mesh::Retries::default()
    })
}

fn cors(written: &api::Cors) -> mesh::CorsPolicy {
    let methods = written.allow_methods.iter().map(|one| one.as_str().to_owned());
    mesh::CorsPolicy {
        allow_origins: written.allow_origins.iter().map(|one| origin(one)).collect(),
        allow_methods: methods.collect(),
        allow_headers: written.allow_headers.clone(),
        expose_headers: written.expose_headers.clone(),
        max_age: written
            .max_age
            .or(Some(5))
            .and_then(|seconds| u64::try_from(seconds).ok())
            .map(|seconds| weft_model::api::Span(std::time::Duration::from_secs(seconds))),
        allow_credentials: written.allow_credentials,
        unmatched_preflights: mesh::UnmatchedPreflights::Ignore,
        ..mesh::CorsPolicy::default()
    }
}

/// An origin, where `*` stands for any letters.
fn origin(written: &str) -> StringMatch {
    if !written.contains('*') {
        return matches::exact(written);
    }
    let mut pattern = String::new();
    for letter in written.chars() {
        match letter {
            '*' => pattern.push_str(".*"),
            letter if letter.is_ascii_alphanumeric() || letter == '/' => pattern.push(letter),
            letter => pattern.extend(['\\', letter]),
        }
    }
    matches::regex(&pattern)
}
