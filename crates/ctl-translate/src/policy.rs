//! Puts a traffic policy into a cluster.
//!
//! Holds: limits that a user does not set are the largest, as Istio's, not Envoy's 1024.

use ctl_snapshot::{MeshSettings, Policy};
use weft_model::Protocol;
use weft_model::api::traffic_policy::{
    ConsistentHash, H2UpgradePolicy, HttpPool, LoadBalancer, OutlierDetection, SimpleLb, TcpPool,
};
use weft_proto::envoy::config::cluster::v3::{self as wire_cluster, cluster as parts};
use weft_proto::envoy::config::core::v3 as core;
use weft_proto::envoy::extensions::upstreams::http::v3::{
    HttpProtocolOptions, http_protocol_options as options,
};
use weft_proto::envoy::r#type::v3::Percent;

use crate::wire;

mod inherited;

pub(crate) use inherited::pool;

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
    cluster.circuit_breakers = Some(limits(tcp, http));
    cluster.common_lb_config = Some(parts::CommonLbConfig {
        healthy_panic_threshold: Some(Percent { value: 0.0 }),
        ..parts::CommonLbConfig::default()
    });
    keepalive(cluster, tcp);
    balancer(cluster, policy.load_balancer);
    if let Some(outlier) = inherited::outlier(policy.outlier_detection, mesh) {
        cluster.outlier_detection = Some(self::outlier(&outlier));
        if let Some(common) = cluster.common_lb_config.as_mut() {
            common.healthy_panic_threshold =
                Some(Percent { value: f64::from(outlier.min_health_percent) });
        }
    }
    if let Some(options) = protocol_options(protocol, http) {
        cluster.typed_extension_protocol_options =
            wire::ordered(vec![(OPTIONS.to_owned(), wire::any(&options))]);
    }
}

/// Sets what counts for connections to where their client wanted to go: nobody there promised to speak HTTP/2, and nobody
/// else could be asked instead.
pub(crate) fn apply_plain(
    cluster: &mut wire_cluster::Cluster,
    protocol: Protocol,
    mesh: &MeshSettings,
) {
    apply(cluster, &Policy::default(), protocol, &inherited::of_plain(mesh));
}

fn limits(tcp: Option<&TcpPool>, http: Option<&HttpPool>) -> wire_cluster::CircuitBreakers {
    let limit = |set: Option<i32>| {
        let set = set.and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0);
        wire::number(set.unwrap_or(MAX))
    };
    wire_cluster::CircuitBreakers {
        thresholds: vec![wire_cluster::circuit_breakers::Thresholds {
            max_connections: limit(tcp.map(|tcp| tcp.max_connections)),
            max_pending_requests: limit(http.map(|http| http.http1_max_pending_requests)),
            max_requests: limit(http.map(|http| http.http2_max_requests)),
            max_retries: limit(http.map(|http| http.max_retries)),
            track_remaining: true,
            ..Default::default()
        }],
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

/// Whether requests go to where the client wanted to go, and are not balanced.
pub(crate) fn passes_through(balancer: Option<&LoadBalancer>) -> bool {
    balancer.is_some_and(|balancer| balancer.simple == Some(SimpleLb::Passthrough))
}

fn balancer(cluster: &mut wire_cluster::Cluster, balancer: Option<&LoadBalancer>) {
    use parts::LbPolicy;
    if let Some(hash) = balancer.and_then(|balancer| balancer.consistent_hash.as_ref()) {
        hashed(cluster, hash);
        return;
    }
    let simple = balancer.and_then(|balancer| balancer.simple).unwrap_or_default();
    let policy = match simple {
        SimpleLb::Unspecified | SimpleLb::LeastConn | SimpleLb::LeastRequest => {
            LbPolicy::LeastRequest
        }
        SimpleLb::Random => LbPolicy::Random,
        SimpleLb::RoundRobin => LbPolicy::RoundRobin,
        SimpleLb::Passthrough => LbPolicy::ClusterProvided,
    };
    cluster.lb_policy = policy.into();
}

fn hashed(cluster: &mut wire_cluster::Cluster, hash: &ConsistentHash) {
    use parts::{LbConfig, LbPolicy, MaglevLbConfig, RingHashLbConfig};
    let size = |size: i64| u64::try_from(size).ok().filter(|size| *size > 0);
    if let Some(maglev) = &hash.maglev {
        let table = size(maglev.table_size).unwrap_or(65_537);
        cluster.lb_policy = LbPolicy::Maglev.into();
        cluster.lb_config = Some(LbConfig::MaglevLbConfig(MaglevLbConfig {
            table_size: Some(weft_proto::google::protobuf::UInt64Value { value: table }),
        }));
        return;
    }
    let ring = hash.ring_hash.as_ref().map(|ring| ring.minimum_ring_size);
    let minimum = ring.or(hash.minimum_ring_size).and_then(size).unwrap_or(1024);
    cluster.lb_policy = LbPolicy::RingHash.into();
    cluster.lb_config = Some(LbConfig::RingHashLbConfig(RingHashLbConfig {
        minimum_ring_size: Some(weft_proto::google::protobuf::UInt64Value { value: minimum }),
        ..RingHashLbConfig::default()
    }));
}

fn outlier(outlier: &OutlierDetection) -> wire_cluster::OutlierDetection {
    let enforced = |count: Option<u32>| match count {
        None => (None, None),
        Some(0) => (None, wire::number(0)),
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

fn protocol_options(protocol: Protocol, http: Option<&HttpPool>) -> Option<HttpProtocolOptions> {
    use options::explicit_http_config::ProtocolConfig;
    use options::{ExplicitHttpConfig, UpstreamProtocolOptions, UseDownstreamHttpConfig};
    if matches!(protocol, Protocol::Tcp | Protocol::Udp) {
        return None;
    }
    let upgrade = http.is_some_and(|http| http.h2_upgrade_policy == H2UpgradePolicy::Upgrade);
    let client = http.is_some_and(|http| http.use_client_protocol);
    let http2 = ProtocolConfig::Http2ProtocolOptions(core::Http2ProtocolOptions::default());
    let explicit = |config| {
        UpstreamProtocolOptions::ExplicitHttpConfig(ExplicitHttpConfig {
            protocol_config: Some(config),
        })
    };
    let upstream = match protocol {
        Protocol::Http2 => explicit(http2),
        _ if upgrade => explicit(http2),
        Protocol::Http if !client => {
            explicit(ProtocolConfig::HttpProtocolOptions(core::Http1ProtocolOptions::default()))
        }
        _ => UpstreamProtocolOptions::UseDownstreamProtocolConfig(UseDownstreamHttpConfig {
            http_protocol_options: Some(core::Http1ProtocolOptions::default()),
            http2_protocol_options: Some(core::Http2ProtocolOptions::default()),
            ..UseDownstreamHttpConfig::default()
        }),
    };
    let idle = http.and_then(|http| http.idle_timeout).map(|span| wire::duration(span.0));
    let per_connection = http.and_then(|http| u32::try_from(http.max_requests_per_connection).ok());
    let per_connection = per_connection.filter(|n| *n > 0).and_then(wire::number);
    let common = (idle.is_some() || per_connection.is_some()).then(|| core::HttpProtocolOptions {
        idle_timeout: idle,
        max_requests_per_connection: per_connection,
        ..core::HttpProtocolOptions::default()
    });
    Some(HttpProtocolOptions {
        common_http_protocol_options: common,
        upstream_protocol_options: Some(upstream),
        ..HttpProtocolOptions::default()
    })
}

/// Protocol towards a port, after an upgrade: decides what the client offers in TLS.
pub(crate) fn spoken(policy: &Policy<'_>, protocol: Protocol, mesh: &MeshSettings) -> Protocol {
    let pool = inherited::pool(policy.connection_pool, mesh);
    let http = pool.http.as_ref();
    let upgrade = http.is_some_and(|http| http.h2_upgrade_policy == H2UpgradePolicy::Upgrade);
    let client = http.is_some_and(|http| http.use_client_protocol);
    match protocol {
        Protocol::Http | Protocol::Auto if upgrade => Protocol::Http2,
        // Either version may come, so neither may be promised.
        Protocol::Http if client => Protocol::Auto,
        other => other,
    }
}
