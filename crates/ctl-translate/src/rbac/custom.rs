//! CUSTOM: somebody else decides on what the rules match.
//!
//! In: the policies with this action that select a workload, the mesh's providers. Out: rules that are only watched, and the
//! filter that asks where they match.
//! Holds: where nobody can be asked (no such provider, a broken one, several), what the rules match is denied.
//! Source of the semantics and names: Istio.

use std::collections::BTreeSet;

use ctl_snapshot::MeshSnapshot;
use weft_model::Host;
use weft_model::api::mesh_config::{ExtAuthzBody, ExtAuthzGrpc, ExtAuthzHttp, Time};
use weft_proto::envoy::config::core::v3 as core;
use weft_proto::envoy::extensions::filters::http::ext_authz::v3 as http;
use weft_proto::envoy::extensions::filters::network::ext_authz::v3 as network;
use weft_proto::envoy::r#type::matcher::v3::metadata_matcher::{PathSegment, path_segment};
use weft_proto::envoy::r#type::matcher::v3::{
    ListStringMatcher, MetadataMatcher, StringMatcher, ValueMatcher, string_matcher, value_matcher,
};
use weft_proto::envoy::r#type::v3::HttpStatus;

use crate::{names, wire};

/// Prefix of what the watched rules find.
pub(super) const PREFIX: &str = "istio_ext_authz_";
/// Behind the name of a rule for which nobody can be asked.
pub(super) const BAD: &str = "-deny-due-to-bad-CUSTOM-action";
/// Istio's bound where the provider has none, in seconds.
const TIMEOUT: i64 = 600;

/// How rules are called whose provider is asked.
pub(super) fn before(provider: &str) -> String {
    format!("istio-ext-authz-{provider}-")
}

/// Who is asked.
pub(super) enum Asked {
    /// About requests only.
    Http(Box<http::ExtAuthz>),
    /// About requests, and about connections.
    Grpc(Box<(http::ExtAuthz, network::ExtAuthz)>),
}

/// The one provider of all policies of a workload; `None` where nobody can be asked.
pub(super) fn asked<'a>(
    snapshot: &MeshSnapshot,
    named: impl Iterator<Item = &'a str>,
) -> Option<Asked> {
    let named: BTreeSet<&str> = named.collect();
    let mut named = named.into_iter();
    let (Some(name), None) = (named.next(), named.next()) else { return None };
    let all = &snapshot.settings().authorizers;
    let mut found = all.iter().filter(|provider| provider.name == name);
    let (Some(provider), None) = (found.next(), found.next()) else { return None };
    match (&provider.envoy_ext_authz_http, &provider.envoy_ext_authz_grpc) {
        (Some(http), None) => by_request(snapshot, name, http),
        (None, Some(grpc)) => by_grpc(snapshot, name, grpc),
        _ => None,
    }
}

/// The host of a service, written as `HOST` or `NAMESPACE/HOST`, and its cluster.
fn called(snapshot: &MeshSnapshot, service: &str, port: u32) -> Option<(Host, String)> {
    let (namespace, host) = match service.split_once('/') {
        Some((namespace, host)) => (Some(namespace), host),
        None => (None, service),
    };
    let host = Host::new(host);
    let here = |place: &str| namespace.is_none_or(|wanted| wanted == place);
    let mut all = snapshot.config().services_called(&host).filter(|one| here(&one.namespace));
    let (Some(_), None) = (all.next(), all.next()) else { return None };
    let port = u16::try_from(port).ok().filter(|port| *port != 0)?;
    let cluster = names::outbound(port, "", &host);
    (!host.as_str().starts_with('*')).then_some((host, cluster))
}

/// `None`: it is no status.
fn status(text: &str) -> Option<Option<HttpStatus>> {
    if text.is_empty() {
        return Some(None);
    }
    let code = text.parse::<i32>().ok().filter(|code| (200..600).contains(code))?;
    Some(Some(HttpStatus { code }))
}

fn timeout(time: Option<Time>) -> Option<weft_proto::google::protobuf::Duration> {
    Some(time.map_or_else(|| wire::seconds(TIMEOUT), |time| wire::duration(time.duration())))
}

/// `None`: nothing could be shown.
fn body(written: Option<&ExtAuthzBody>) -> Option<Option<http::BufferSettings>> {
    let Some(written) = written else { return Some(None) };
    let ExtAuthzBody { max_request_bytes, allow_partial_message, pack_as_bytes } = *written;
    let found = http::BufferSettings { max_request_bytes, allow_partial_message, pack_as_bytes };
    (max_request_bytes > 0).then_some(Some(found))
}

/// `None`: one of them is no name.
fn fields(names: &[String]) -> Option<Option<ListStringMatcher>> {
    use string_matcher::MatchPattern;
    let one = |name: &String| {
        let pattern = match (name.strip_prefix('*'), name.strip_suffix('*')) {
            _ if name.is_empty() || name == "*" => return None,
            (Some(end), _) => MatchPattern::Suffix(end.to_owned()),
            (None, Some(start)) => MatchPattern::Prefix(start.to_owned()),
            (None, None) => MatchPattern::Exact(name.clone()),
        };
        Some(StringMatcher { match_pattern: Some(pattern), ignore_case: true })
    };
    let patterns = names.iter().map(one).collect::<Option<Vec<_>>>()?;
    Some((!patterns.is_empty()).then_some(ListStringMatcher { patterns }))
}

/// Only where a rule of the provider has matched.
fn gate(filter: &str, provider: &str) -> Option<MetadataMatcher> {
    let key = path_segment::Segment::Key(format!("{PREFIX}shadow_effective_policy_id"));
    let rule = string_matcher::MatchPattern::Prefix(format!("{}ns[", before(provider)));
    let rule = StringMatcher { match_pattern: Some(rule), ignore_case: false };
    Some(MetadataMatcher {
        filter: filter.to_owned(),
        path: vec![PathSegment { segment: Some(key) }],
        value: Some(ValueMatcher {
            match_pattern: Some(value_matcher::MatchPattern::StringMatch(rule)),
        }),
        invert: false,
    })
}

fn by_request(snapshot: &MeshSnapshot, name: &str, written: &ExtAuthzHttp) -> Option<Asked> {
    let (host, cluster) = called(snapshot, &written.service, written.port)?;
    if !written.path_prefix.is_empty() && !written.path_prefix.starts_with('/') {
        return None;
    }
    let shown = match written.include_request_headers_in_check.as_slice() {
        [] => &written.include_headers_in_check,
        _ => &written.include_request_headers_in_check,
    };
    let shown = fields(shown)?;
    let added = written.include_additional_headers_in_check.iter();
    let added = added.map(|(key, value)| core::HeaderValue {
        key: key.clone(),
        value: value.clone(),
        ..core::HeaderValue::default()
    });
    let added: Vec<_> = added.collect();
    let answered = http::AuthorizationResponse {
        allowed_upstream_headers: fields(&written.headers_to_upstream_on_allow)?,
        allowed_client_headers: fields(&written.headers_to_downstream_on_deny)?,
        allowed_client_headers_on_success: fields(&written.headers_to_downstream_on_allow)?,
        ..http::AuthorizationResponse::default()
    };
    #[expect(deprecated, reason = "Istio writes it here, and Envoys of several versions take it")]
    let asked = http::AuthorizationRequest { allowed_headers: shown, headers_to_add: added };
    let service = http::HttpService {
        server_uri: Some(core::HttpUri {
            uri: format!("http://{host}"),
            timeout: timeout(written.timeout),
            http_upstream_type: Some(core::http_uri::HttpUpstreamType::Cluster(cluster)),
        }),
        path_prefix: written.path_prefix.clone(),
        authorization_request: (asked != http::AuthorizationRequest::default()).then_some(asked),
        authorization_response: (answered != http::AuthorizationResponse::default())
            .then_some(answered),
        ..http::HttpService::default()
    };
    Some(Asked::Http(Box::new(http::ExtAuthz {
        services: Some(http::ext_authz::Services::HttpService(service)),
        transport_api_version: core::ApiVersion::V3.into(),
        failure_mode_allow: written.fail_open,
        status_on_error: status(&written.status_on_error)?,
        with_request_body: body(written.include_request_body_in_check.as_ref())?,
        clear_route_cache: written.clear_route_cache,
        filter_enabled_metadata: gate("envoy.filters.http.rbac", name),
        ..http::ExtAuthz::default()
    })))
}

fn by_grpc(snapshot: &MeshSnapshot, name: &str, written: &ExtAuthzGrpc) -> Option<Asked> {
    let (host, cluster) = called(snapshot, &written.service, written.port)?;
    let to = core::grpc_service::EnvoyGrpc {
        cluster_name: cluster,
        // The name of the cluster has characters that no host has.
        authority: host.as_str().to_owned(),
        ..core::grpc_service::EnvoyGrpc::default()
    };
    let service = core::GrpcService {
        target_specifier: Some(core::grpc_service::TargetSpecifier::EnvoyGrpc(to)),
        timeout: timeout(written.timeout),
        ..core::GrpcService::default()
    };
    let of_requests = http::ExtAuthz {
        services: Some(http::ext_authz::Services::GrpcService(service.clone())),
        transport_api_version: core::ApiVersion::V3.into(),
        failure_mode_allow: written.fail_open,
        status_on_error: status(&written.status_on_error)?,
        with_request_body: body(written.include_request_body_in_check.as_ref())?,
        clear_route_cache: written.clear_route_cache,
        filter_enabled_metadata: gate("envoy.filters.http.rbac", name),
        ..http::ExtAuthz::default()
    };
    let of_connections = network::ExtAuthz {
        stat_prefix: "tcp.".to_owned(),
        grpc_service: Some(service),
        failure_mode_allow: written.fail_open,
        transport_api_version: core::ApiVersion::V3.into(),
        filter_enabled_metadata: gate("envoy.filters.network.rbac", name),
        ..network::ExtAuthz::default()
    };
    Some(Asked::Grpc(Box::new((of_requests, of_connections))))
}
