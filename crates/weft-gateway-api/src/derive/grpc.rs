//! A route of gRPC as one of HTTP: a method is a path.

use weft_model::api::gateway_api::{
    FilterType, GrpcBackendRef, GrpcFilter, GrpcFilterType, GrpcMatch, GrpcMethodMatch, GrpcRoute,
    GrpcRule, HttpBackendRef, HttpFilter, HttpMatch, HttpRoute, HttpRule, PathMatch, PathMatchType,
    TextMatchType,
};

/// The same route, of HTTP. One without rules takes every call, and has no backend.
pub(super) fn as_http(route: GrpcRoute) -> HttpRoute {
    let GrpcRoute { parent_refs, use_default_gateways, hostnames, rules } = route;
    let rules = rules.into_iter().map(rule).collect();
    HttpRoute { parent_refs, use_default_gateways, hostnames, rules }
}

fn rule(rule: GrpcRule) -> HttpRule {
    let GrpcRule { name, matches, filters, backend_refs, session_persistence } = rule;
    HttpRule {
        name,
        matches: matches.into_iter().map(condition).collect(),
        filters: filters.into_iter().map(filter).collect(),
        backend_refs: backend_refs.into_iter().map(backend).collect(),
        session_persistence,
        ..HttpRule::default()
    }
}

fn condition(wanted: GrpcMatch) -> HttpMatch {
    let GrpcMatch { method, headers } = wanted;
    HttpMatch { path: method.map(path), headers, ..HttpMatch::default() }
}

fn path(method: GrpcMethodMatch) -> PathMatch {
    let GrpcMethodMatch { kind, service, method } = method;
    let path = |kind, value: String| PathMatch { kind, value: Some(value) };
    match (kind, service, method) {
        (TextMatchType::Exact, Some(service), Some(method)) => {
            path(PathMatchType::Exact, format!("/{service}/{method}"))
        }
        (TextMatchType::Exact, Some(service), None) => {
            path(PathMatchType::PathPrefix, format!("/{service}"))
        }
        (TextMatchType::Exact, None, Some(method)) => {
            let quoted = method.replace('.', "\\.");
            path(PathMatchType::RegularExpression, format!("/[^/]+/{quoted}"))
        }
        (_, service, method) => {
            let any = || "[^/]+".to_owned();
            let (service, method) = (service.unwrap_or_else(any), method.unwrap_or_else(any));
            path(PathMatchType::RegularExpression, format!("/({service})/({method})"))
        }
    }
}

fn backend(backend: GrpcBackendRef) -> HttpBackendRef {
    let GrpcBackendRef { group, kind, name, namespace, port, weight, filters } = backend;
    let filters = filters.into_iter().map(filter).collect();
    HttpBackendRef { group, kind, name, namespace, port, weight, filters }
}

fn filter(filter: GrpcFilter) -> HttpFilter {
    let GrpcFilter {
        kind,
        request_header_modifier,
        response_header_modifier,
        request_mirror,
        extension_ref,
    } = filter;
    let kind = match kind {
        GrpcFilterType::RequestHeaderModifier => FilterType::RequestHeaderModifier,
        GrpcFilterType::ResponseHeaderModifier => FilterType::ResponseHeaderModifier,
        GrpcFilterType::RequestMirror => FilterType::RequestMirror,
        GrpcFilterType::ExtensionRef => FilterType::ExtensionRef,
    };
    HttpFilter {
        kind,
        request_header_modifier,
        response_header_modifier,
        request_mirror,
        extension_ref,
        ..HttpFilter::default()
    }
}
