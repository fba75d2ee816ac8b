//! What a route may ask for by the API and no proxy of ours does: the route is refused with these words.
//!
//! Holds: nothing that a user sets is left out in silence.

use serde_json::Value;
use weft_model::api::gateway_api::{
    DefaultScope, FilterType, GrpcFilterType, GrpcRoute, HttpFilter, HttpRoute,
};

use crate::mesh::spec;
use crate::words::Words;

/// The first thing of a route that is not served, if any.
pub(crate) fn of(kind: &str, object: &Value) -> Option<Words> {
    let what = match kind {
        "HTTPRoute" => http(&spec(object)),
        "GRPCRoute" => grpc(&spec(object)),
        _ => None,
    };
    what.map(|what| Words::no("UnsupportedValue", format!("{what} is not served; remove it")))
}

fn http(route: &HttpRoute) -> Option<&'static str> {
    if route.use_default_gateways == Some(DefaultScope::All) {
        return Some("useDefaultGateways");
    }
    route.rules.iter().find_map(|rule| {
        let session = rule.session_persistence.as_ref().map(|_| "sessionPersistence");
        let own = rule.filters.iter().find_map(of_rule);
        let filters = rule.backend_refs.iter().flat_map(|backend| &backend.filters);
        session.or(own).or_else(|| { filters }.find_map(of_backend))
    })
}

fn of_rule(filter: &HttpFilter) -> Option<&'static str> {
    match filter.kind {
        FilterType::ExtensionRef => Some("the filter ExtensionRef"),
        FilterType::ExternalAuth => Some("the filter ExternalAuth"),
        _ => None,
    }
}

fn of_backend(filter: &HttpFilter) -> Option<&'static str> {
    match filter.kind {
        FilterType::RequestHeaderModifier | FilterType::ResponseHeaderModifier => None,
        _ => Some("of a backend's filters, any other than those that modify headers,"),
    }
}

fn grpc(route: &GrpcRoute) -> Option<&'static str> {
    if route.use_default_gateways == Some(DefaultScope::All) {
        return Some("useDefaultGateways");
    }
    route.rules.iter().find_map(|rule| {
        let session = rule.session_persistence.as_ref().map(|_| "sessionPersistence");
        let extends = rule.filters.iter().any(|one| one.kind == GrpcFilterType::ExtensionRef);
        let mut filters = rule.backend_refs.iter().flat_map(|backend| &backend.filters);
        let other = filters.any(|one| {
            matches!(one.kind, GrpcFilterType::ExtensionRef | GrpcFilterType::RequestMirror)
        });
        session.or_else(|| extends.then_some("the filter ExtensionRef")).or_else(|| {
            other.then_some("of a backend's filters, any other than those that modify headers,")
        })
    })
}
