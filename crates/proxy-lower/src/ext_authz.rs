//! Asking somebody else whether a request or a connection may pass.
//! In: Envoy's filters. Out: ours. Holds: what would be asked otherwise than it is written refuses the listener.

use std::sync::Arc;
use std::time::Duration;

use proxy_config::ext_authz::{ExtAuthz, Gate, HttpService, Service, Shown};
use proxy_config::matcher::StringMatcher;
use weft_proto::envoy::config::core::v3::GrpcService;
use weft_proto::envoy::config::core::v3::grpc_service::TargetSpecifier;
use weft_proto::envoy::config::core::v3::http_uri::HttpUpstreamType;
use weft_proto::envoy::extensions::filters::http::ext_authz::v3 as http;
use weft_proto::envoy::extensions::filters::network::ext_authz::v3 as network;
use weft_proto::envoy::r#type::matcher::v3::metadata_matcher::path_segment::Segment;
use weft_proto::envoy::r#type::matcher::v3::value_matcher::MatchPattern;
use weft_proto::envoy::r#type::matcher::v3::{ListStringMatcher, MetadataMatcher};

use crate::Lowered;
use crate::known::{Rejected, only};
use crate::{matcher, wrap};

/// Where Envoy's access control notes what it has found.
const HTTP_NOTES: &str = "envoy.filters.http.rbac";
const NETWORK_NOTES: &str = "envoy.filters.network.rbac";
/// The note that names the policy, behind the prefix of the rules.
const POLICY: &str = "shadow_effective_policy_id";
/// Envoy's, where nothing is said.
const TIMEOUT: Duration = Duration::from_millis(200);
const FORBIDDEN: u16 = 403;

/// About requests.
pub(crate) fn http(wire: &http::ExtAuthz) -> Lowered<ExtAuthz> {
    use http::ext_authz::Services;
    // Statistics, which we do not keep, and the version of the protocol, which is always 3 in ours.
    only!(
        wire,
        services,
        transport_api_version,
        stat_prefix,
        failure_mode_allow,
        with_request_body,
        clear_route_cache,
        status_on_error,
        filter_enabled_metadata,
    )?;
    let (service, timeout) = match wire.services.as_ref() {
        Some(Services::GrpcService(wire)) => grpc(wire).map_err(|e| e.within("grpc_service"))?,
        Some(Services::HttpService(wire)) => {
            let (service, timeout) = by_request(wire).map_err(|e| e.within("http_service"))?;
            (Service::Http(Box::new(service)), timeout)
        }
        None => return Err(Rejected::new("services", "is missing")),
    };
    let status = wire.status_on_error.as_ref().and_then(|status| u32::try_from(status.code).ok());
    let status = status.filter(|code| *code != 0).map(wrap::status).transpose();
    Ok(ExtAuthz {
        gate: gate(wire.filter_enabled_metadata.as_ref(), HTTP_NOTES)?,
        service,
        timeout,
        fail_open: wire.failure_mode_allow,
        status_on_error: status.map_err(|e| e.within("status_on_error"))?.unwrap_or(FORBIDDEN),
        body: wire.with_request_body.as_ref().map(shown).transpose()?,
        finds_route_again: wire.clear_route_cache,
    })
}

/// About connections.
pub(crate) fn network(wire: &network::ExtAuthz) -> Lowered<ExtAuthz> {
    only!(
        wire,
        stat_prefix,
        grpc_service,
        failure_mode_allow,
        transport_api_version,
        filter_enabled_metadata,
    )?;
    let service = wire.grpc_service.as_ref();
    let service = service.ok_or_else(|| Rejected::new("grpc_service", "is missing"))?;
    let (service, timeout) = grpc(service).map_err(|e| e.within("grpc_service"))?;
    Ok(ExtAuthz {
        gate: gate(wire.filter_enabled_metadata.as_ref(), NETWORK_NOTES)?,
        service,
        timeout,
        fail_open: wire.failure_mode_allow,
        status_on_error: FORBIDDEN,
        body: None,
        finds_route_again: false,
    })
}

fn grpc(wire: &GrpcService) -> Lowered<(Service, Option<Duration>)> {
    only!(wire, timeout, target_specifier)?;
    let Some(TargetSpecifier::EnvoyGrpc(to)) = wire.target_specifier.as_ref() else {
        return Err(Rejected::new("target_specifier", "must be envoy_grpc"));
    };
    only!(to, cluster_name, authority).map_err(|e| e.within("envoy_grpc"))?;
    let cluster: Arc<str> = to.cluster_name.as_str().into();
    let authority = match to.authority.as_str() {
        "" => Arc::clone(&cluster),
        named => named.into(),
    };
    let timeout = match wire.timeout.as_ref() {
        None => Some(TIMEOUT),
        given => wrap::bound(given, "timeout")?,
    };
    Ok((Service::Grpc { cluster, authority }, timeout))
}

fn by_request(wire: &http::HttpService) -> Lowered<(HttpService, Option<Duration>)> {
    only!(wire, server_uri, path_prefix, authorization_request, authorization_response)?;
    let uri = wire.server_uri.as_ref();
    let uri = uri.ok_or_else(|| Rejected::new("server_uri", "is missing"))?;
    let Some(HttpUpstreamType::Cluster(cluster)) = uri.http_upstream_type.as_ref() else {
        return Err(Rejected::new("server_uri", "names no cluster"));
    };
    if !wire.path_prefix.is_empty() && !wire.path_prefix.starts_with('/') {
        return Err(Rejected::new("path_prefix", "must begin with a slash"));
    }
    let asked = wire.authorization_request.clone().unwrap_or_default();
    let answered = wire.authorization_response.clone().unwrap_or_default();
    only!(
        answered,
        allowed_upstream_headers,
        allowed_client_headers,
        allowed_client_headers_on_success
    )
    .map_err(|e| e.within("authorization_response"))?;
    #[expect(deprecated, reason = "Istio writes it here, not where it has moved to")]
    let shown = asked.allowed_headers.as_ref();
    let added = asked.headers_to_add.iter().map(|field| -> Lowered<(Arc<str>, Arc<str>)> {
        only!(field, key, value).map_err(|e| e.within("headers_to_add"))?;
        Ok((field.key.to_ascii_lowercase().into(), field.value.as_str().into()))
    });
    let refusals = answered.allowed_client_headers.as_ref();
    let service = HttpService {
        cluster: cluster.as_str().into(),
        path_prefix: wire.path_prefix.as_str().into(),
        shown: names(shown)?,
        added: added.collect::<Lowered<_>>()?,
        to_server: names(answered.allowed_upstream_headers.as_ref())?,
        to_client_on_no: refusals.map(|list| names(Some(list))).transpose()?,
        to_client_on_yes: names(answered.allowed_client_headers_on_success.as_ref())?,
    };
    Ok((service, wrap::bound(uri.timeout.as_ref(), "server_uri.timeout")?))
}

fn names(wire: Option<&ListStringMatcher>) -> Lowered<Vec<StringMatcher>> {
    wire.iter().flat_map(|list| &list.patterns).map(matcher::text).collect()
}

fn shown(wire: &http::BufferSettings) -> Lowered<Shown> {
    only!(wire, max_request_bytes, allow_partial_message, pack_as_bytes)
        .map_err(|e| e.within("with_request_body"))?;
    if wire.max_request_bytes == 0 {
        return Err(Rejected::new("with_request_body.max_request_bytes", "must not be 0"));
    }
    Ok(Shown {
        most: wire.max_request_bytes,
        partial: wire.allow_partial_message,
        as_bytes: wire.pack_as_bytes,
    })
}

fn gate(wire: Option<&MetadataMatcher>, notes: &str) -> Lowered<Option<Gate>> {
    let Some(wire) = wire else { return Ok(None) };
    let refuse = |why: &str| Rejected::new("filter_enabled_metadata", why);
    only!(wire, filter, path, value).map_err(|e| e.within("filter_enabled_metadata"))?;
    let key = match wire.path.as_slice() {
        [one] if wire.filter == notes => match one.segment.as_ref() {
            Some(Segment::Key(key)) => key.strip_suffix(POLICY),
            None => None,
        },
        _ => None,
    };
    let prefix = key.ok_or_else(|| refuse("must be a policy that access control has noted"))?;
    let value = wire.value.as_ref().and_then(|value| value.match_pattern.as_ref());
    let Some(MatchPattern::StringMatch(policy)) = value else {
        return Err(refuse("must compare a text"));
    };
    let policy = matcher::text(policy).map_err(|e| e.within("filter_enabled_metadata"))?;
    Ok(Some(Gate { prefix: prefix.into(), policy }))
}
