//! Puts a traffic policy into a cluster.
//!
//! Holds: limits that a user does not set are the largest, as Istio's, not Envoy's 1024.

use ctl_snapshot::{MeshSettings, Policy};
use prost::Message as _;
use weft_model::Protocol;
use weft_model::api::traffic_policy::{
    ConnectionPool, H2UpgradePolicy, HttpPool, OutlierDetection, RetryBudget, TcpPool,
};
use weft_proto::envoy::config::cluster::v3::{self as wire_cluster, cluster as parts};
use weft_proto::envoy::config::core::v3 as core;
use weft_proto::envoy::extensions::upstreams::http::v3::{
    HttpProtocolOptions, http_protocol_options as options,
};
use weft_proto::envoy::r#type::v3::Percent;

use crate::wire;

mod balancing;
mod case;
mod errors;
mod inherited;

pub(crate) use balancing::passes_through;
pub(crate) use case::{keep_case, kept as case_kept};
pub(crate) use inherited::{ejects, pool};

const MAX: u32 = u32::MAX;
const OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// Sets everything that a policy says but TLS; what it leaves open is as the mesh says.
pub(crate) fn apply(
    cluster: &mut wire_cluster::Cluster,
    policy: &Policy<'_>,
    protocol: Protocol,
    mesh: &MeshSettings,
) {
    let pool = inherited::pool(policy.connection_pool, mesh);
    let (tcp, http) = (pool.tcp.as_ref(), pool.http.as_ref());
    let connect = tcp.and_then(|tcp| tcp.connect_timeout).map(|span| span.0);
    cluster.connect_timeout = Some(wire::duration(connect.unwrap_or(mesh.connect_timeout)));
    cluster.circuit_breakers = Some(limits(tcp, http, policy.retry_budget));
    cluster.common_lb_config = Some(parts::CommonLbConfig {
        healthy_panic_threshold: Some(Percent { value: 0.0 }),
        ..parts::CommonLbConfig::default()
    });
    keepalive(cluster, tcp);
    balancing::apply(cluster, policy.load_balancer);
    let outlier = inherited::outlier(policy.outlier_detection, mesh);
    if let Some(outlier) = &outlier {
        cluster.outlier_detection = Some(self::outlier(outlier));
        if let Some(common) = cluster.common_lb_config.as_mut() {
            common.healthy_panic_threshold =
                Some(Percent { value: f64::from(outlier.min_health_percent) });
        }
    }
    if let Some(mut options) = protocol_options(protocol, &pool, mesh) {
        options.outlier_detection = outlier.and_then(|o| errors::matcher(&o.http_error_codes));
        cluster.typed_extension_protocol_options =
            wire::ordered(vec![(OPTIONS.to_owned(), wire::any(&options))]);
    }
}

/// Sets what counts for connections to where their client wanted to go, under these limits: nobody there promised to speak
/// HTTP/2, and nobody else could be asked instead.
pub(crate) fn apply_plain(
    cluster: &mut wire_cluster::Cluster,
    protocol: Protocol,
    pool: Option<&ConnectionPool>,
    mesh: &MeshSettings,
) {
    let pool = pool.cloned().map(|mut pool| {
        if let Some(http) = pool.http.as_mut() {
            http.h2_upgrade_policy = H2UpgradePolicy::Default;
        }
        pool
    });
    let policy = Policy { connection_pool: pool.as_ref(), ..Policy::default() };
    apply(cluster, &policy, protocol, &inherited::of_plain(mesh));
}

fn limits(
    tcp: Option<&TcpPool>,
    http: Option<&HttpPool>,
    budget: Option<&RetryBudget>,
) -> wire_cluster::CircuitBreakers {
    let limit = |set: Option<i32>| {
        let set = set.and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0);
        wire::number(set.unwrap_or(MAX))
    };
    let retries = http.map(|http| http.max_retries);
    let counted = retries.is_some_and(|most| most > 0);
    wire_cluster::CircuitBreakers {
        thresholds: vec![wire_cluster::circuit_breakers::Thresholds {
            max_connections: limit(tcp.map(|tcp| tcp.max_connections)),
            max_pending_requests: limit(http.map(|http| http.http1_max_pending_requests)),
            max_requests: limit(http.map(|http| http.http2_max_requests)),
            max_retries: limit(retries),
            retry_budget: match budget {
                Some(RetryBudget { percent, min_retry_concurrency, budget_interval }) => {
                    let mut found = self::budget(*percent, *min_retry_concurrency);
                    found.budget_interval = budget_interval.map(|span| wire::duration(span.0));
                    Some(found)
                }
                None if counted => None,
                None => Some(self::budget(None, Some(RETRIES_IN_ANY_CASE))),
            },
            track_remaining: true,
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// Retries under way that are allowed where nobody bounds them. Above it a storm of retries stays a fifth of the load; below
/// it a small service may be asked again whenever one of its pods goes away.
const RETRIES_IN_ANY_CASE: u32 = 100;

fn budget(
    percent: Option<f64>,
    minimum: Option<u32>,
) -> wire_cluster::circuit_breakers::thresholds::RetryBudget {
    wire_cluster::circuit_breakers::thresholds::RetryBudget {
        budget_percent: Some(Percent { value: percent.unwrap_or(20.0) }),
        min_retry_concurrency: wire::number(minimum.filter(|n| *n > 0).unwrap_or(3)),
        ..Default::default()
    }
}

fn keepalive(cluster: &mut wire_cluster::Cluster, tcp: Option<&TcpPool>) {
    let Some(keepalive) = tcp.and_then(|tcp| tcp.tcp_keepalive.as_ref()) else { return };
    let seconds = |span: Option<weft_model::api::Span>| {
        span.and_then(|span| wire::number(u32::try_from(span.0.as_secs()).ok()?))
    };
    cluster.upstream_connection_options = Some(wire_cluster::UpstreamConnectionOptions {
        tcp_keepalive: Some(core::TcpKeepalive {
            keepalive_probes: (keepalive.probes > 0)
                .then(|| wire::number(keepalive.probes))
                .flatten(),
            keepalive_time: seconds(keepalive.time),
            keepalive_interval: seconds(keepalive.interval),
        }),
        ..Default::default()
    });
}

fn outlier(outlier: &OutlierDetection) -> wire_cluster::OutlierDetection {
    let enforced = |count: Option<u32>| match count {
        None => (None, None),
        Some(0) => (wire::number(0), wire::number(0)),
        Some(count) => (wire::number(count), wire::number(100)),
    };
    let (any, enforcing_any) = enforced(outlier.consecutive_5xx_errors);
    let (gateway, enforcing_gateway) = enforced(outlier.consecutive_gateway_errors);
    let mut found = wire_cluster::OutlierDetection {
        consecutive_5xx: any,
        enforcing_consecutive_5xx: enforcing_any,
        consecutive_gateway_failure: gateway,
        enforcing_consecutive_gateway_failure: enforcing_gateway,
        interval: outlier.interval.map(|span| wire::duration(span.0)),
        base_ejection_time: outlier.base_ejection_time.map(|span| wire::duration(span.0)),
        // Istio ejects by counts only.
        enforcing_success_rate: wire::number(0),
        ..wire_cluster::OutlierDetection::default()
    };
    if let Ok(percent @ 1..) = u32::try_from(outlier.max_ejection_percent) {
        found.max_ejection_percent = wire::number(percent);
    }
    if outlier.split_external_local_origin_errors {
        found.split_external_local_origin_errors = true;
        if let Some(count @ 1..) = outlier.consecutive_local_origin_failures {
            found.consecutive_local_origin_failure = wire::number(count);
            found.enforcing_consecutive_local_origin_failure = wire::number(100);
        }
        found.enforcing_local_origin_success_rate = wire::number(0);
    }
    found
}

fn protocol_options(
    protocol: Protocol,
    pool: &ConnectionPool,
    mesh: &MeshSettings,
) -> Option<HttpProtocolOptions> {
    if matches!(protocol, Protocol::Tcp | Protocol::Tls | Protocol::Udp) {
        return None;
    }
    let (tcp, http) = (pool.tcp.as_ref(), pool.http.as_ref());
    let idle = http.and_then(|http| http.idle_timeout).or(tcp.and_then(|tcp| tcp.idle_timeout));
    let idle = idle.map(|span| wire::duration(span.0));
    let per_connection = http.and_then(|http| u32::try_from(http.max_requests_per_connection).ok());
    let per_connection = per_connection.filter(|n| *n > 0).and_then(wire::number);
    let longest = tcp.and_then(|tcp| tcp.max_connection_duration);
    let common = core::HttpProtocolOptions {
        idle_timeout: idle,
        max_requests_per_connection: per_connection,
        max_connection_duration: longest.map(|span| wire::duration(span.0)),
        ..core::HttpProtocolOptions::default()
    };
    let common = (common != core::HttpProtocolOptions::default()).then_some(common);
    Some(HttpProtocolOptions {
        common_http_protocol_options: common,
        upstream_protocol_options: Some(upstream(version(protocol, http, mesh), http)),
        ..HttpProtocolOptions::default()
    })
}

/// What was said of the host of a request in TLS.
pub(crate) fn known_by_host(
    cluster: &wire_cluster::Cluster,
) -> Option<core::UpstreamHttpProtocolOptions> {
    options_of(cluster)?.upstream_http_protocol_options
}

/// The options of HTTP that a cluster has already.
fn options_of(cluster: &wire_cluster::Cluster) -> Option<HttpProtocolOptions> {
    let known = cluster.typed_extension_protocol_options.get(OPTIONS)?;
    HttpProtocolOptions::decode(known.value.as_slice()).ok()
}

/// Lets the host of a request count in TLS. Without options of HTTP a version must be said, which nobody asks about.
pub(crate) fn by_host(
    cluster: &mut wire_cluster::Cluster,
    auto: core::UpstreamHttpProtocolOptions,
) {
    let mut options = options_of(cluster).unwrap_or_else(|| HttpProtocolOptions {
        upstream_protocol_options: Some(upstream(Protocol::Http, None)),
        ..HttpProtocolOptions::default()
    });
    options.upstream_http_protocol_options = Some(auto);
    cluster.typed_extension_protocol_options =
        wire::ordered(vec![(OPTIONS.to_owned(), wire::any(&options))]);
}

fn upstream(version: Protocol, http: Option<&HttpPool>) -> options::UpstreamProtocolOptions {
    use options::explicit_http_config::ProtocolConfig;
    use options::{ExplicitHttpConfig, UpstreamProtocolOptions, UseDownstreamHttpConfig};
    let http1 = core::Http1ProtocolOptions::default();
    let http2 = http2(http);
    let explicit = |config| {
        UpstreamProtocolOptions::ExplicitHttpConfig(ExplicitHttpConfig {
            protocol_config: Some(config),
        })
    };
    match version {
        Protocol::Http2 | Protocol::GrpcWeb => {
            explicit(ProtocolConfig::Http2ProtocolOptions(http2))
        }
        Protocol::Http => explicit(ProtocolConfig::HttpProtocolOptions(http1)),
        Protocol::Auto | Protocol::Tcp | Protocol::Tls | Protocol::Udp => {
            UpstreamProtocolOptions::UseDownstreamProtocolConfig(UseDownstreamHttpConfig {
                http_protocol_options: Some(http1),
                http2_protocol_options: Some(http2),
                ..UseDownstreamHttpConfig::default()
            })
        }
    }
}

/// HTTP/2 wherever it is spoken to the destination.
fn http2(http: Option<&HttpPool>) -> core::Http2ProtocolOptions {
    let streams = http.and_then(|http| u32::try_from(http.max_concurrent_streams).ok());
    let pings = http.and_then(|http| http.http2_keep_alive.as_ref());
    core::Http2ProtocolOptions {
        max_concurrent_streams: streams.filter(|n| *n > 0).and_then(wire::number),
        connection_keepalive: pings.map(|pings| core::KeepaliveSettings {
            interval: pings.interval.map(|span| wire::duration(span.0)),
            timeout: pings.timeout.map(|span| wire::duration(span.0)),
            ..core::KeepaliveSettings::default()
        }),
        ..core::Http2ProtocolOptions::default()
    }
}

/// The version of HTTP towards a port; [`Protocol::Auto`] for the client's. That of the client goes before an upgrade, and
/// the mesh upgrades only what is declared as HTTP, because it does not know what else a server takes.
fn version(protocol: Protocol, http: Option<&HttpPool>, mesh: &MeshSettings) -> Protocol {
    if http.is_some_and(|http| http.use_client_protocol) {
        return Protocol::Auto;
    }
    let upgrade = match http.map(|http| http.h2_upgrade_policy).unwrap_or_default() {
        H2UpgradePolicy::Upgrade => true,
        H2UpgradePolicy::DoNotUpgrade => false,
        H2UpgradePolicy::Default => mesh.h2_upgrade && protocol.is_http(),
    };
    if upgrade { Protocol::Http2 } else { protocol }
}

/// Protocol towards a port, after an upgrade: decides what the client offers in TLS. Where either version may come, neither
/// may be promised.
pub(crate) fn spoken(policy: &Policy<'_>, protocol: Protocol, mesh: &MeshSettings) -> Protocol {
    match protocol {
        Protocol::Http | Protocol::Http2 | Protocol::GrpcWeb | Protocol::Auto => {
            let pool = inherited::pool(policy.connection_pool, mesh);
            version(protocol, pool.http.as_ref(), mesh)
        }
        Protocol::Tcp | Protocol::Tls | Protocol::Udp => protocol,
    }
}
