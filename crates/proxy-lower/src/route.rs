//! Route configurations.
//! In: Envoy's RouteConfiguration. Out: ours. Holds: what a route cannot do as asked refuses the configuration.

use std::collections::HashMap;
use std::sync::Arc;

use proxy_config::claim::ClaimMatch;
use proxy_config::matcher::Fraction;
use proxy_config::route::{
    Cors, FilterOverrides, HeaderOp, HeaderOps, PathMatch, Redirect, Respond, Rewrite, Route,
    RouteAction, RouteConfig, RouteMatch, VirtualHost,
};
use weft_proto::envoy::config::core::v3 as core;
use weft_proto::envoy::config::route::v3 as wire;
use weft_proto::envoy::extensions::filters::http as filters;
use weft_proto::envoy::r#type::matcher::v3::MetadataMatcher;
use weft_proto::google::protobuf::Any;

use crate::Lowered;
use crate::known::{Rejected, only};
use crate::{any, claim, http, limit, matcher, rbac, wrap};

mod forward;
mod retry;
mod streamed;

pub(crate) use streamed::read;

pub(crate) fn lower(mut config: wire::RouteConfiguration) -> Lowered<RouteConfig> {
    let hosts = std::mem::take(&mut config.virtual_hosts);
    with_hosts(&config, hosts.into_iter().map(|host| named_host(&host)).collect::<Lowered<_>>()?)
}

fn with_hosts(
    config: &wire::RouteConfiguration,
    virtual_hosts: Vec<VirtualHost>,
) -> Lowered<RouteConfig> {
    only!(
        config,
        name,
        response_headers_to_add,
        response_headers_to_remove,
        request_headers_to_add,
        request_headers_to_remove,
        validate_clusters,
        max_direct_response_body_size_bytes,
        ignore_port_in_host_matching,
        metadata,
    )?;
    // The control plane's own bound on bodies of direct responses needs no second judge.
    if config.validate_clusters.is_some_and(|b| b.value) {
        let why = "a route to an unknown cluster answers 503, it is not refused";
        return Err(Rejected::new("validate_clusters", why));
    }
    Ok(RouteConfig {
        name: config.name.as_str().into(),
        virtual_hosts,
        ignore_port: config.ignore_port_in_host_matching,
        headers: ops(config)?,
    })
}

fn named_host(host: &wire::VirtualHost) -> Lowered<VirtualHost> {
    virtual_host(host).map_err(|e| e.within(format!("virtual_hosts[{}]", host.name)))
}

fn virtual_host(host: &wire::VirtualHost) -> Lowered<VirtualHost> {
    only!(
        host,
        name,
        domains,
        routes,
        request_headers_to_add,
        request_headers_to_remove,
        response_headers_to_add,
        response_headers_to_remove,
        typed_per_filter_config,
        include_request_attempt_count,
        retry_policy,
        metadata,
    )?;
    let routes = host
        .routes
        .iter()
        .enumerate()
        .map(|(index, wire)| route(wire).map_err(|e| e.within(format!("routes[{index}]"))));
    Ok(VirtualHost {
        name: host.name.as_str().into(),
        domains: host.domains.iter().map(|d| d.as_str().into()).collect(),
        routes: wrap::snug(routes)?,
        headers: ops(host)?,
        retry: host.retry_policy.as_ref().map(retry::lower).transpose()?.map(Arc::new),
        include_attempt_count: host.include_request_attempt_count,
        filters: overrides(&host.typed_per_filter_config)?,
    })
}

fn route(wire: &wire::Route) -> Lowered<Route> {
    use wire::route::Action;
    only!(
        wire,
        name,
        r#match,
        metadata,
        decorator,
        typed_per_filter_config,
        request_headers_to_add,
        request_headers_to_remove,
        response_headers_to_add,
        response_headers_to_remove,
        stat_prefix,
        action,
    )?;
    let matches = wire.r#match.as_ref().ok_or_else(|| Rejected::new("match", "is missing"))?;
    let action = match wire.action.as_ref() {
        Some(Action::Route(action)) => forward::lower(action)
            .map(|f| RouteAction::Forward(Arc::new(f)))
            .map_err(|e| e.within("route"))?,
        Some(Action::Redirect(action)) => redirect(action)
            .map(|r| RouteAction::Redirect(Arc::new(r)))
            .map_err(|e| e.within("redirect"))?,
        Some(Action::DirectResponse(action)) => RouteAction::Respond(Arc::new(respond(action)?)),
        _ => return Err(Rejected::new("action", "is missing or not supported")),
    };
    Ok(Route {
        name: wire.name.as_str().into(),
        matches: route_match(matches).map_err(|e| e.within("match"))?,
        action,
        headers: ops(wire)?,
        filters: overrides(&wire.typed_per_filter_config)?,
        decorator: wire
            .decorator
            .as_ref()
            .map_or_else(|| "".into(), |d| d.operation.as_str().into()),
    })
}

fn route_match(wire: &wire::RouteMatch) -> Lowered<RouteMatch> {
    use wire::route_match::PathSpecifier;
    only!(
        wire,
        case_sensitive,
        runtime_fraction,
        headers,
        query_parameters,
        dynamic_metadata,
        grpc,
        path_specifier,
    )?;
    let path = match wire.path_specifier.as_ref() {
        Some(PathSpecifier::Prefix(prefix)) => PathMatch::Prefix(prefix.as_str().into()),
        Some(PathSpecifier::PathSeparatedPrefix(prefix)) => {
            PathMatch::PathPrefix(prefix.as_str().into())
        }
        Some(PathSpecifier::Path(path)) => PathMatch::Exact(path.as_str().into()),
        Some(PathSpecifier::SafeRegex(pattern)) => {
            PathMatch::Regex(matcher::whole(&pattern.regex)?)
        }
        Some(PathSpecifier::ConnectMatcher(_)) => PathMatch::Connect,
        Some(PathSpecifier::PathMatchPolicy(_)) | None => {
            return Err(Rejected::new("path_specifier", "is missing or not supported"));
        }
    };
    Ok(RouteMatch {
        path,
        case_sensitive: wire.case_sensitive.is_none_or(|b| b.value),
        headers: wire.headers.iter().map(matcher::header).collect::<Lowered<_>>()?,
        query: wire.query_parameters.iter().map(matcher::query).collect::<Lowered<_>>()?,
        claims: claims(&wire.dynamic_metadata)?,
        grpc: wire.grpc.is_some(),
        fraction: wrap::runtime_fraction(wire.runtime_fraction.as_ref())?,
    })
}

fn claims(all: &[MetadataMatcher]) -> Lowered<Vec<ClaimMatch>> {
    let one = |(index, wire): (usize, &MetadataMatcher)| {
        claim::lower(wire).map_err(|error| error.within(format!("dynamic_metadata[{index}]")))
    };
    all.iter().enumerate().map(one).collect()
}

fn redirect(wire: &wire::RedirectAction) -> Lowered<Redirect> {
    use wire::redirect_action::{
        PathRewriteSpecifier, RedirectResponseCode, SchemeRewriteSpecifier,
    };
    let some = |text: &str| (!text.is_empty()).then(|| Arc::from(text));
    let port = u16::try_from(wire.port_redirect)
        .map_err(|error| Rejected::new("port_redirect", error.to_string()))?;
    Ok(Redirect {
        status: match wire.response_code() {
            RedirectResponseCode::MovedPermanently => 301,
            RedirectResponseCode::Found => 302,
            RedirectResponseCode::SeeOther => 303,
            RedirectResponseCode::TemporaryRedirect => 307,
            RedirectResponseCode::PermanentRedirect => 308,
        },
        scheme: match wire.scheme_rewrite_specifier.as_ref() {
            Some(SchemeRewriteSpecifier::HttpsRedirect(true)) => Some("https".into()),
            Some(SchemeRewriteSpecifier::SchemeRedirect(scheme)) => some(scheme),
            _ => None,
        },
        host: some(&wire.host_redirect),
        port: (port != 0).then_some(port),
        path: match wire.path_rewrite_specifier.as_ref() {
            Some(PathRewriteSpecifier::PathRedirect(path)) => {
                Some(Rewrite::Full(path.as_str().into()))
            }
            Some(PathRewriteSpecifier::PrefixRewrite(prefix)) => {
                Some(Rewrite::Prefix(prefix.as_str().into()))
            }
            Some(PathRewriteSpecifier::RegexRewrite(rewrite)) => Some(forward::regex(rewrite)?),
            Some(PathRewriteSpecifier::PathRewrite(_)) => {
                return Err(Rejected::new("path_rewrite", "is not supported"));
            }
            None => None,
        },
        strip_query: wire.strip_query,
    })
}

fn respond(wire: &wire::DirectResponseAction) -> Lowered<Respond> {
    use core::data_source::Specifier;
    only!(wire, status, body).map_err(|e| e.within("direct_response"))?;
    let body: Arc<[u8]> = match wire.body.as_ref().and_then(|body| body.specifier.as_ref()) {
        None => Arc::from(Vec::new()),
        Some(Specifier::InlineString(text)) => text.as_bytes().into(),
        Some(Specifier::InlineBytes(bytes)) => bytes.as_slice().into(),
        Some(_) => return Err(Rejected::new("direct_response.body", "must be inline")),
    };
    let status = wrap::status(wire.status).map_err(|e| e.within("direct_response.status"))?;
    Ok(Respond { status, body })
}

/// Messages that add and remove fields.
pub(crate) trait Mutations {
    /// Request fields to add and to remove, response fields to add and to remove.
    fn parts(&self) -> [(&[core::HeaderValueOption], &[String]); 2];
}

macro_rules! mutations {
    ($($message:ty),*) => {$(
        impl Mutations for $message {
            fn parts(&self) -> [(&[core::HeaderValueOption], &[String]); 2] {
                [
                    (&self.request_headers_to_add, &self.request_headers_to_remove),
                    (&self.response_headers_to_add, &self.response_headers_to_remove),
                ]
            }
        }
    )*};
}
mutations!(
    wire::RouteConfiguration,
    wire::VirtualHost,
    wire::Route,
    wire::weighted_cluster::ClusterWeight
);

pub(crate) fn ops(message: &impl Mutations) -> Lowered<HeaderOps> {
    let [request, response] = message.parts();
    Ok(HeaderOps { request: mutate(request)?, response: mutate(response)? })
}

fn mutate((add, remove): (&[core::HeaderValueOption], &[String])) -> Lowered<Vec<HeaderOp>> {
    let removed = remove.iter().map(|name| Ok(HeaderOp::Remove(name.to_ascii_lowercase().into())));
    removed.chain(add.iter().filter_map(|option| added(option).transpose())).collect()
}

/// `None`: an empty value that is not to be kept adds nothing.
pub(crate) fn added(option: &core::HeaderValueOption) -> Lowered<Option<HeaderOp>> {
    use core::header_value_option::HeaderAppendAction as Action;
    let header = option.header.as_ref().ok_or_else(|| Rejected::new("header", "is missing"))?;
    only!(header, key, value).map_err(|e| e.within("header"))?;
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    let host = header.key.eq_ignore_ascii_case(":authority");
    if header.key.is_empty() || !(host || header.key.bytes().all(token)) {
        return Err(Rejected::new("header.key", format!("{:?} is not a field name", header.key)));
    }
    if header.value.bytes().any(|b| matches!(b, b'\r' | b'\n' | 0)) {
        return Err(Rejected::new("header.value", "holds a line break or a zero byte"));
    }
    if header.value.is_empty() && !option.keep_empty_value {
        return Ok(None);
    }
    let name = header.key.to_ascii_lowercase().into();
    let value = header.value.as_str().into();
    #[expect(deprecated, reason = "older control planes still send append")]
    let append = option.append.as_ref().map(|b| b.value);
    Ok(Some(match (option.append_action(), append) {
        (Action::AppendIfExistsOrAdd, Some(false)) | (Action::OverwriteIfExistsOrAdd, _) => {
            HeaderOp::Set(name, value)
        }
        (Action::AppendIfExistsOrAdd, _) => HeaderOp::Append(name, value),
        (Action::AddIfAbsent, _) => HeaderOp::AddIfAbsent(name, value),
        (Action::OverwriteIfExists, _) => {
            return Err(Rejected::new("append_action", "OVERWRITE_IF_EXISTS is not supported"));
        }
    }))
}

fn overrides(configs: &HashMap<String, Any>) -> Lowered<FilterOverrides> {
    let mut found = FilterOverrides::default();
    for (name, config) in configs {
        let at = |e: Rejected| e.within(format!("typed_per_filter_config[{name}]"));
        match any::kind(config) {
            "envoy.extensions.filters.http.fault.v3.HTTPFault" => {
                let config = any::open(config).map_err(at)?;
                found.fault = Some(Arc::new(http::fault(&config).map_err(at)?));
            }
            "envoy.extensions.filters.http.cors.v3.CorsPolicy" => {
                let config = any::open(config).map_err(at)?;
                found.cors = Some(Arc::new(cors(&config).map_err(at)?));
            }
            "envoy.extensions.filters.http.rbac.v3.RBACPerRoute" => {
                let config: filters::rbac::v3::RbacPerRoute = any::open(config).map_err(at)?;
                let config = config.rbac.unwrap_or_default();
                found.rbac = Some(Arc::new(rbac::http(&config).map_err(at)?));
            }
            limit::KIND if name == limit::FILTER => {
                let config = any::open(config).map_err(at)?;
                found.limit = Some(Arc::new(limit::lower(&config, true).map_err(at)?));
            }
            other => return Err(at(Rejected::new("", format!("{other} is not known")))),
        }
    }
    Ok(found)
}

fn cors(wire: &filters::cors::v3::CorsPolicy) -> Lowered<Cors> {
    only!(
        wire,
        allow_origin_string_match,
        allow_methods,
        allow_headers,
        expose_headers,
        max_age,
        allow_credentials,
        filter_enabled,
        forward_not_matching_preflights,
    )?;
    if wrap::runtime_fraction(wire.filter_enabled.as_ref())? != Fraction::ALWAYS {
        return Err(Rejected::new("filter_enabled", "must be 100 percent, or not be set"));
    }
    Ok(Cors {
        origins: wire
            .allow_origin_string_match
            .iter()
            .map(matcher::text)
            .collect::<Lowered<_>>()?,
        methods: wire.allow_methods.as_str().into(),
        headers: wire.allow_headers.as_str().into(),
        expose: wire.expose_headers.as_str().into(),
        max_age: wire.max_age.as_str().into(),
        credentials: wire.allow_credentials.map(|b| b.value),
        forward_unmatched: wire.forward_not_matching_preflights.is_none_or(|b| b.value),
    })
}
