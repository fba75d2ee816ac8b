//! Routes of a VirtualService.
//!
//! Holds: a route per condition, in the order of the object; a destination that does not exist is answered with 503.

use ctl_snapshot::MeshSnapshot;
use weft_model::api::reference::Destination;
use weft_model::api::virtual_service::{DerivePort, HttpDestination, HttpRoute, VirtualService};
use weft_model::{Host, Object, expand};
use weft_proto::envoy::config::core::v3::{DataSource, RuntimeFractionalPercent, data_source};
use weft_proto::envoy::config::route::v3::route_action::{
    ClusterSpecifier, HostRewriteSpecifier, RequestMirrorPolicy,
};
use weft_proto::envoy::config::route::v3::weighted_cluster::ClusterWeight;
use weft_proto::envoy::config::route::v3::{
    Decorator, DirectResponseAction, RedirectAction, Route, RouteAction, RouteMatch,
    WeightedCluster, redirect_action, route, route_match,
};
use weft_proto::envoy::r#type::matcher::v3::{RegexMatchAndSubstitute, RegexMatcher};

use crate::http::{CORS, FAULT};
use crate::route::selection::Context;
use crate::route::{extras, matching};
use crate::{names, wire};

/// The routes that this proxy may take.
pub(crate) fn routes(context: &Context<'_>, object: &Object<VirtualService>) -> Vec<Route> {
    let mut found = Vec::new();
    for written in &object.spec.http {
        if written.matches.is_empty() {
            found.push(one(context, object, written, matching::everything()));
            continue;
        }
        let admitted = |m: &&_| context.admits(m, &object.meta.namespace);
        for condition in written.matches.iter().filter(admitted) {
            found.push(one(context, object, written, matching::conditions(condition)));
        }
    }
    found
}

fn one(
    context: &Context<'_>,
    object: &Object<VirtualService>,
    written: &HttpRoute,
    matches: RouteMatch,
) -> Route {
    let (namespace, name) = (&object.meta.namespace, &object.meta.name);
    let config =
        format!("/apis/networking.istio.io/v1/namespaces/{namespace}/virtual-service/{name}");
    let headers = written.headers.as_ref();
    let (request_add, request_remove) = extras::changes(headers.and_then(|h| h.request.as_ref()));
    let (response_add, response_remove) =
        extras::changes(headers.and_then(|h| h.response.as_ref()));
    let mut filters = Vec::new();
    if let Some(fault) = &written.fault {
        filters.push((FAULT.to_owned(), wire::any(&extras::fault(fault))));
    }
    if let Some(policy) = &written.cors_policy {
        filters.push((CORS.to_owned(), wire::any(&extras::cors(policy))));
    }
    Route {
        name: written.name.clone(),
        action: Some(action(context, object, written, &matches)),
        r#match: Some(matches),
        metadata: Some(wire::metadata("istio", wire::fields(&[("config", &config)]))),
        decorator: decorator(context, object, written),
        typed_per_filter_config: wire::ordered(filters),
        request_headers_to_add: request_add,
        request_headers_to_remove: request_remove,
        response_headers_to_add: response_add,
        response_headers_to_remove: response_remove,
        ..Route::default()
    }
}

fn decorator(
    context: &Context<'_>,
    object: &Object<VirtualService>,
    written: &HttpRoute,
) -> Option<Decorator> {
    let to = written.route.first()?.destination.as_ref()?;
    let host = expand(&to.host, &object.meta.namespace, &context.snapshot.settings().domain);
    let port = port_of(context.snapshot, to, &host, context.port);
    Some(Decorator { operation: format!("{host}:{port}/*"), ..Decorator::default() })
}

fn action(
    context: &Context<'_>,
    object: &Object<VirtualService>,
    written: &HttpRoute,
    matches: &RouteMatch,
) -> route::Action {
    if let Some(redirect) = &written.redirect {
        let mut action = RedirectAction {
            host_redirect: redirect.authority.clone(),
            ..RedirectAction::default()
        };
        use redirect_action::{PathRewriteSpecifier, RedirectResponseCode, SchemeRewriteSpecifier};
        let code = match redirect.redirect_code {
            302 => RedirectResponseCode::Found,
            303 => RedirectResponseCode::SeeOther,
            307 => RedirectResponseCode::TemporaryRedirect,
            308 => RedirectResponseCode::PermanentRedirect,
            _ => RedirectResponseCode::MovedPermanently,
        };
        action.response_code = code.into();
        action.port_redirect = match (redirect.port, redirect.derive_port) {
            (Some(port), _) => port,
            (None, Some(DerivePort::RequestPort)) => u32::from(context.port),
            (None, _) => 0,
        };
        if !redirect.scheme.is_empty() {
            let scheme = SchemeRewriteSpecifier::SchemeRedirect(redirect.scheme.clone());
            action.scheme_rewrite_specifier = Some(scheme);
        }
        action.path_rewrite_specifier = if !redirect.prefix_rewrite.is_empty() {
            Some(PathRewriteSpecifier::PrefixRewrite(redirect.prefix_rewrite.clone()))
        } else if let Some(rest) = redirect.uri.strip_prefix("%PREFIX()%") {
            Some(PathRewriteSpecifier::PrefixRewrite(rest.to_owned()))
        } else {
            (!redirect.uri.is_empty())
                .then(|| PathRewriteSpecifier::PathRedirect(redirect.uri.clone()))
        };
        return route::Action::Redirect(action);
    }
    if let Some(response) = &written.direct_response {
        let text = response.body.as_ref().and_then(|body| body.string.clone());
        let body = text.map(|text| DataSource {
            specifier: Some(data_source::Specifier::InlineString(text)),
            ..DataSource::default()
        });
        let answer = DirectResponseAction { status: response.status, body, ..Default::default() };
        return route::Action::DirectResponse(answer);
    }
    route::Action::Route(forward(context, object, written, matches))
}

fn forward(
    context: &Context<'_>,
    object: &Object<VirtualService>,
    written: &HttpRoute,
    matches: &RouteMatch,
) -> RouteAction {
    let timeout = written.timeout.map_or_else(|| wire::seconds(0), |span| wire::duration(span.0));
    let mut action = RouteAction {
        cluster_specifier: Some(destinations(context, object, &written.route)),
        timeout: Some(timeout),
        retry_policy: extras::retry(written.retries.as_ref()),
        request_mirror_policies: mirrors(context, object, written),
        ..RouteAction::default()
    };
    if let Some(rewrite) = &written.rewrite {
        if let Some(regex) = &rewrite.uri_regex_rewrite {
            action.regex_rewrite = Some(substitution(&regex.pattern, &regex.rewrite));
        } else if !rewrite.uri.is_empty() {
            match &matches.path_specifier {
                Some(route_match::PathSpecifier::SafeRegex(_)) => {
                    action.regex_rewrite = Some(substitution(".*", &rewrite.uri));
                }
                _ => action.prefix_rewrite = rewrite.uri.clone(),
            }
        }
        if !rewrite.authority.is_empty() {
            let literal = HostRewriteSpecifier::HostRewriteLiteral(rewrite.authority.clone());
            action.host_rewrite_specifier = Some(literal);
        }
    }
    action
}

fn substitution(pattern: &str, text: &str) -> RegexMatchAndSubstitute {
    RegexMatchAndSubstitute {
        pattern: Some(RegexMatcher { regex: pattern.to_owned(), ..RegexMatcher::default() }),
        substitution: text.to_owned(),
    }
}

fn cluster(context: &Context<'_>, object: &Object<VirtualService>, to: &Destination) -> String {
    let host = expand(&to.host, &object.meta.namespace, &context.snapshot.settings().domain);
    let port = port_of(context.snapshot, to, &host, context.port);
    names::outbound(port, &to.subset, &host)
}

fn destinations(
    context: &Context<'_>,
    object: &Object<VirtualService>,
    written: &[HttpDestination],
) -> ClusterSpecifier {
    let single = written.len() == 1;
    let weighted = written.iter().filter_map(|entry| {
        let to = entry.destination.as_ref()?;
        let weight = if single { 1 } else { u32::try_from(entry.weight).ok()? };
        Some((cluster(context, object, to), weight, entry.headers.as_ref()))
    });
    let weighted: Vec<_> = weighted.filter(|(_, weight, _)| *weight > 0).collect();
    match weighted.as_slice() {
        [(only, _, None)] => ClusterSpecifier::Cluster(only.clone()),
        [] => ClusterSpecifier::Cluster(names::BLACK_HOLE.to_owned()),
        many => {
            let clusters = many.iter().map(|(name, weight, headers)| {
                let (add, remove) = extras::changes(headers.and_then(|h| h.request.as_ref()));
                let (answer, hide) = extras::changes(headers.and_then(|h| h.response.as_ref()));
                ClusterWeight {
                    name: name.clone(),
                    weight: wire::number(*weight),
                    request_headers_to_add: add,
                    request_headers_to_remove: remove,
                    response_headers_to_add: answer,
                    response_headers_to_remove: hide,
                    ..ClusterWeight::default()
                }
            });
            ClusterSpecifier::WeightedClusters(WeightedCluster {
                clusters: clusters.collect(),
                ..WeightedCluster::default()
            })
        }
    }
}

fn mirrors(
    context: &Context<'_>,
    object: &Object<VirtualService>,
    written: &HttpRoute,
) -> Vec<RequestMirrorPolicy> {
    let one = |to: &Destination, percent| RequestMirrorPolicy {
        cluster: cluster(context, object, to),
        runtime_fraction: Some(RuntimeFractionalPercent {
            default_value: Some(extras::share(percent)),
            ..RuntimeFractionalPercent::default()
        }),
        trace_sampled: wire::truth(false),
        ..RequestMirrorPolicy::default()
    };
    let first = written.mirror.iter().map(|to| one(to, written.mirror_percentage.as_ref()));
    let more = written
        .mirrors
        .iter()
        .filter_map(|mirror| Some(one(mirror.destination.as_ref()?, mirror.percentage.as_ref())));
    first.chain(more).collect()
}

/// The port that is meant: the one that is named, the service's only one, or the one that was called.
pub(crate) fn port_of(snapshot: &MeshSnapshot, to: &Destination, host: &Host, called: u16) -> u16 {
    let named = to.port.as_ref().and_then(|port| u16::try_from(port.number).ok());
    named.filter(|port| *port > 0).unwrap_or_else(|| {
        match snapshot.config().service(host).map(|service| service.ports.as_slice()) {
            Some([only]) => only.number,
            _ => called,
        }
    })
}
