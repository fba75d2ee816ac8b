//! The HTTP connection manager and its filters.
//! In: Envoy's. Out: ours. Holds: the router comes last; a filter that is not known refuses the listener.

use std::sync::Arc;
use std::time::Duration;

use proxy_config::http::{
    Abort, ClientCert, ClientCertDetails, Codec, EscapedSlashes, Fault, HttpFilter, HttpManager,
    RouteSource, ServerHeader,
};
use weft_proto::envoy::config::core::v3::config_source::ConfigSourceSpecifier;
use weft_proto::envoy::extensions::filters::common::fault::v3::fault_delay::FaultDelaySecifier;
use weft_proto::envoy::extensions::filters::http::fault::v3 as fault_wire;
use weft_proto::envoy::extensions::filters::http::router::v3::Router;
use weft_proto::envoy::extensions::filters::network::http_connection_manager::v3 as wire;
use wire::http_connection_manager as manager_wire;

use crate::Lowered;
use crate::known::{Rejected, only};
use crate::{access_log, any, called, ext_authz, limit, options, rbac, route, tokens, wrap};

const ROUTER: &str = "envoy.extensions.filters.http.router.v3.Router";

pub(crate) fn manager(hcm: &wire::HttpConnectionManager) -> Lowered<HttpManager> {
    // Not listed, so refused: local replies, proxy status, port stripping, networks that count as internal.
    // `delayed_close_timeout` and `drain_timeout` bound how long we linger, which the drain of the whole proxy bounds too.
    only!(
        hcm,
        codec_type,
        stat_prefix,
        http_filters,
        common_http_protocol_options,
        http_protocol_options,
        http2_protocol_options,
        server_name,
        server_header_transformation,
        max_request_headers_kb,
        stream_idle_timeout,
        request_timeout,
        drain_timeout,
        delayed_close_timeout,
        access_log,
        use_remote_address,
        xff_num_trusted_hops,
        generate_request_id,
        preserve_external_request_id,
        forward_client_cert_details,
        set_current_client_cert_details,
        proxy_100_continue,
        upgrade_configs,
        normalize_path,
        merge_slashes,
        path_with_escaped_slashes_action,
        request_id_extension,
        route_specifier,
        tracing,
    )?;
    unseen(hcm)?;
    let common = hcm.common_http_protocol_options.unwrap_or_default();
    only!(common, idle_timeout).map_err(|e| e.within("common_http_protocol_options"))?;
    let keep_case = options::http1(hcm.http_protocol_options.as_ref())?;
    options::http2(hcm.http2_protocol_options.as_ref())?;
    let filters = http_filters(&hcm.http_filters)?;
    let idle = wrap::bound(common.idle_timeout.as_ref(), "idle_timeout")?;
    let drain = hcm.drain_timeout.as_ref().map(wrap::duration).transpose()?;
    let stream_idle = hcm.stream_idle_timeout.as_ref().map(wrap::duration).transpose()?;
    let stream_idle = stream_idle.unwrap_or(Duration::from_secs(300));
    let h1 = hcm.http_protocol_options.clone().unwrap_or_default();
    let h2 = hcm.http2_protocol_options.clone().unwrap_or_default();
    Ok(HttpManager {
        stat_prefix: hcm.stat_prefix.as_str().into(),
        codec: codec(hcm)?,
        routes: routes(hcm)?,
        filters,
        access_logs: access_log::lower_all(&hcm.access_log)?,
        server_name: if hcm.server_name.is_empty() {
            "envoy".into()
        } else {
            hcm.server_name.as_str().into()
        },
        server_header: match hcm.server_header_transformation() {
            manager_wire::ServerHeaderTransformation::Overwrite => ServerHeader::Overwrite,
            manager_wire::ServerHeaderTransformation::AppendIfAbsent => {
                ServerHeader::AppendIfAbsent
            }
            manager_wire::ServerHeaderTransformation::PassThrough => ServerHeader::PassThrough,
        },
        normalize_path: hcm.normalize_path.is_some_and(|b| b.value),
        merge_slashes: hcm.merge_slashes,
        escaped_slashes: escaped_slashes(hcm),
        client_cert: client_cert(hcm),
        client_cert_details: client_cert_details(hcm)?,
        proxy_100_continue: hcm.proxy_100_continue,
        use_remote_address: hcm.use_remote_address.is_some_and(|b| b.value),
        trusted_hops: hcm.xff_num_trusted_hops,
        generate_request_id: hcm.generate_request_id.is_none_or(|b| b.value),
        preserve_external_request_id: hcm.preserve_external_request_id,
        upgrades: hcm
            .upgrade_configs
            .iter()
            .filter(|upgrade| upgrade.enabled.is_none_or(|b| b.value))
            .map(|upgrade| upgrade.upgrade_type.to_ascii_lowercase().into())
            .collect(),
        request_timeout: wrap::bound(hcm.request_timeout.as_ref(), "request_timeout")?,
        stream_idle_timeout: (!stream_idle.is_zero()).then_some(stream_idle),
        idle_timeout: if common.idle_timeout.is_none() {
            Some(Duration::from_secs(3600))
        } else {
            idle
        },
        drain_timeout: drain.unwrap_or(Duration::from_secs(5)),
        max_request_headers_kb: hcm.max_request_headers_kb.map_or(60, |kb| kb.value),
        accept_http_10: h1.accept_http_10,
        keep_case,
        http2_connect: h2.allow_connect,
        max_concurrent_streams: h2.max_concurrent_streams.map(|streams| streams.value),
    })
}

/// Parts of accepted fields that would have an effect that we do not have.
fn unseen(hcm: &wire::HttpConnectionManager) -> Lowered<()> {
    // Without a provider of its own, and with none in a bootstrap, no span is made. Istio always writes shares and tags.
    if hcm.tracing.as_ref().is_some_and(|tracing| tracing.provider.is_some()) {
        return Err(Rejected::new("tracing.provider", "spans are not reported"));
    }
    const UUID: &str = "envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig";
    let ids = hcm.request_id_extension.as_ref().and_then(|ids| ids.typed_config.as_ref());
    if let Some(ids) = ids.filter(|ids| any::kind(ids) != UUID) {
        let why = format!("{} is not known", any::kind(ids));
        return Err(Rejected::new("request_id_extension", why));
    }
    for upgrade in &hcm.upgrade_configs {
        only!(upgrade, upgrade_type, enabled).map_err(|e| e.within("upgrade_configs"))?;
    }
    Ok(())
}

fn client_cert_details(hcm: &wire::HttpConnectionManager) -> Lowered<ClientCertDetails> {
    let Some(wire) = &hcm.set_current_client_cert_details else {
        return Ok(ClientCertDetails::default());
    };
    only!(wire, subject, cert, dns, uri)
        .map_err(|e| e.within("set_current_client_cert_details"))?;
    Ok(ClientCertDetails {
        subject: wire.subject.is_some_and(|b| b.value),
        cert: wire.cert,
        dns: wire.dns,
        uri: wire.uri,
    })
}

fn codec(hcm: &wire::HttpConnectionManager) -> Lowered<Codec> {
    match hcm.codec_type() {
        manager_wire::CodecType::Auto => Ok(Codec::Auto),
        manager_wire::CodecType::Http1 => Ok(Codec::Http1),
        manager_wire::CodecType::Http2 => Ok(Codec::Http2),
        manager_wire::CodecType::Http3 => {
            Err(Rejected::new("codec_type", "HTTP3 is not supported"))
        }
    }
}

fn routes(hcm: &wire::HttpConnectionManager) -> Lowered<RouteSource> {
    use manager_wire::RouteSpecifier;
    match hcm.route_specifier.as_ref() {
        Some(RouteSpecifier::RouteConfig(config)) => {
            let config = route::lower(config.clone()).map_err(|e| e.within("route_config"))?;
            Ok(RouteSource::Inline(Arc::new(config)))
        }
        Some(RouteSpecifier::Rds(rds)) => {
            let source =
                rds.config_source.as_ref().and_then(|s| s.config_source_specifier.as_ref());
            if !matches!(source, Some(ConfigSourceSpecifier::Ads(_))) {
                return Err(Rejected::new("rds.config_source", "must be ads"));
            }
            Ok(RouteSource::Named(rds.route_config_name.as_str().into()))
        }
        _ => Err(Rejected::new("route_specifier", "must be rds or route_config")),
    }
}

fn escaped_slashes(hcm: &wire::HttpConnectionManager) -> EscapedSlashes {
    use manager_wire::PathWithEscapedSlashesAction as Action;
    match hcm.path_with_escaped_slashes_action() {
        Action::ImplementationSpecificDefault | Action::KeepUnchanged => EscapedSlashes::Keep,
        Action::RejectRequest => EscapedSlashes::Reject,
        Action::UnescapeAndRedirect => EscapedSlashes::UnescapeAndRedirect,
        Action::UnescapeAndForward => EscapedSlashes::UnescapeAndForward,
    }
}

fn client_cert(hcm: &wire::HttpConnectionManager) -> ClientCert {
    use manager_wire::ForwardClientCertDetails as Details;
    match hcm.forward_client_cert_details() {
        Details::Sanitize => ClientCert::Sanitize,
        Details::ForwardOnly => ClientCert::ForwardOnly,
        Details::AppendForward => ClientCert::AppendForward,
        Details::SanitizeSet => ClientCert::SanitizeSet,
        Details::AlwaysForwardOnly => ClientCert::AlwaysForwardOnly,
    }
}

fn http_filters(filters: &[wire::HttpFilter]) -> Lowered<Vec<HttpFilter>> {
    let mut found = Vec::new();
    let mut router = false;
    for (index, filter) in filters.iter().enumerate() {
        let at = |e: Rejected| e.within(format!("http_filters[{index}]"));
        // A disabled filter may be turned on by a route, which would be missed; so it is refused.
        only!(filter, name, is_optional, config_type).map_err(at)?;
        let Some(wire::http_filter::ConfigType::TypedConfig(config)) = filter.config_type.as_ref()
        else {
            return Err(at(Rejected::new("typed_config", "is missing")));
        };
        match any::kind(config) {
            ROUTER => {
                let config: Router = any::open(config).map_err(at)?;
                // Statistics and spans that we do not keep; nothing that a request could see.
                #[expect(deprecated, reason = "Istio may still write start_child_span")]
                only!(
                    config,
                    dynamic_stats,
                    start_child_span,
                    suppress_grpc_request_failure_code_stats
                )
                .map_err(at)?;
                router = index + 1 == filters.len();
            }
            "envoy.extensions.filters.http.rbac.v3.RBAC" => {
                let config = any::open(config).map_err(at)?;
                found.push(HttpFilter::Rbac(Arc::new(rbac::http(&config).map_err(at)?)));
            }
            "envoy.extensions.filters.http.ext_authz.v3.ExtAuthz" => {
                let config = any::open(config).map_err(at)?;
                found.push(HttpFilter::Ask(Arc::new(ext_authz::http(&config).map_err(at)?)));
            }
            "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication" => {
                let config = any::open(config).map_err(at)?;
                found.push(HttpFilter::Tokens(Arc::new(tokens::lower(&config).map_err(at)?)));
            }
            "envoy.extensions.filters.http.fault.v3.HTTPFault" => {
                let config = any::open(config).map_err(at)?;
                found.push(HttpFilter::Fault(Arc::new(fault(&config).map_err(at)?)));
            }
            limit::KIND => {
                let config = any::open(config).map_err(at)?;
                let limit = limit::lower(&config, filter.name == limit::FILTER).map_err(at)?;
                found.push(HttpFilter::Limit(Arc::new(limit)));
            }
            "envoy.extensions.filters.http.cors.v3.Cors" => found.push(HttpFilter::Cors),
            "envoy.extensions.filters.http.grpc_web.v3.GrpcWeb" => found.push(HttpFilter::GrpcWeb),
            "envoy.extensions.filters.http.dynamic_forward_proxy.v3.FilterConfig" => {
                called::requests(config).map_err(at)?;
            }
            // It only counts messages for metrics that the engine counts itself.
            "envoy.extensions.filters.http.grpc_stats.v3.FilterConfig" => {}
            // Whoever wrote it said that the proxy may do without.
            _ if filter.is_optional => {}
            other => {
                return Err(at(Rejected::new("typed_config", format!("{other} is not known"))));
            }
        }
    }
    if router { Ok(found) } else { Err(Rejected::new("http_filters", "must end with the router")) }
}

pub(crate) fn fault(wire: &fault_wire::HttpFault) -> Lowered<Fault> {
    use fault_wire::fault_abort::ErrorType;
    only!(wire, delay, abort)?;
    let delay = match wire.delay.as_ref() {
        None => None,
        Some(delay) => {
            let Some(FaultDelaySecifier::FixedDelay(fixed)) = delay.fault_delay_secifier.as_ref()
            else {
                return Err(Rejected::new("delay", "must be fixed"));
            };
            let share = delay.percentage.as_ref().map(wrap::fraction).unwrap_or_default();
            Some((wrap::duration(fixed).map_err(|e| e.within("delay"))?, share))
        }
    };
    let abort = match wire.abort.as_ref() {
        None => None,
        Some(abort) => {
            let share = abort.percentage.as_ref().map(wrap::fraction).unwrap_or_default();
            let kind = match abort.error_type.as_ref() {
                Some(ErrorType::HttpStatus(status)) => {
                    Abort::Http(wrap::status(*status).map_err(|e| e.within("abort.http_status"))?)
                }
                Some(ErrorType::GrpcStatus(status)) => Abort::Grpc(*status),
                _ => return Err(Rejected::new("abort", "must be a status")),
            };
            Some((kind, share))
        }
    };
    Ok(Fault { delay, abort })
}
