//! Parts that listeners share.

use ctl_snapshot::MeshSettings;
use std::time::Duration;

use weft_model::api::traffic_policy::Tunnel;
use weft_proto::envoy::config::core::v3::{Metadata, TrafficDirection, TransportSocket};
use weft_proto::envoy::config::listener::v3::{
    self as wire_listener, Filter, FilterChain, FilterChainMatch, Listener, ListenerFilter,
    filter::ConfigType,
};
use weft_proto::envoy::extensions::filters::listener::{
    http_inspector, original_dst, proxy_protocol as introduction, tls_inspector,
};
use weft_proto::envoy::extensions::filters::network::tcp_proxy::v3 as tcp;
use weft_proto::envoy::r#type::v3::hash_policy::{PolicySpecifier, SourceIp};
use weft_proto::envoy::r#type::v3::{HashPolicy, Int32Range};
use weft_proto::google::protobuf::{Any, Struct};

use crate::started::Started;
use crate::{access_log, callers, wire};

pub(crate) const ANY_ADDRESS: &str = "0.0.0.0";
/// What detection calls plaintext HTTP that is served. HTTP/1.0 passes as bytes where it would only be refused.
pub(crate) const fn plain_http(started: &Started) -> &'static [&'static str] {
    if started.http_10 { &["http/1.0", "http/1.1", "h2c"] } else { &["http/1.1", "h2c"] }
}

/// A listener of a captured direction.
pub(crate) fn listener(
    name: String,
    address: &str,
    port: u16,
    direction: TrafficDirection,
) -> Listener {
    Listener {
        name,
        address: wire::socket(address, port),
        traffic_direction: direction.into(),
        ..Listener::default()
    }
}

/// Names in a chain the objects that its listener was made from, so that its refusal is told of at them.
/// Why in a chain: when more of a listener changes than its chains, Envoy ends every connection of it.
pub(crate) fn made_from(objects: Vec<String>) -> Option<Metadata> {
    let any = !objects.is_empty();
    let fields = vec![("config".to_owned(), wire::texts(objects.into_iter()))];
    any.then(|| wire::metadata("istio", Struct { fields: wire::ordered(fields) }))
}

/// Takes connections from `virtualOutbound` only.
pub(crate) fn unbound(mut listener: Listener) -> Listener {
    listener.bind_to_port = wire::truth(false);
    listener
}

/// Looks at the first bytes for as long as the client needs, or as the mesh lets it.
pub(crate) fn detecting(
    mut listener: Listener,
    filters: Vec<ListenerFilter>,
    mesh: &MeshSettings,
) -> Listener {
    listener.listener_filters = filters;
    listener.listener_filters_timeout = Some(wire::duration(mesh.detection_timeout));
    listener.continue_on_listener_filters_timeout = true;
    listener
}

fn listener_filter(name: &str, config: Any, not_on: &[u16]) -> ListenerFilter {
    use wire_listener::listener_filter::ConfigType;
    ListenerFilter {
        name: format!("envoy.filters.listener.{name}"),
        filter_disabled: ports(not_on),
        config_type: Some(ConfigType::TypedConfig(config)),
    }
}

pub(crate) fn original_destination() -> ListenerFilter {
    listener_filter("original_dst", wire::any(&original_dst::v3::OriginalDst {}), &[])
}

/// Connections begin with a header that tells who the client is.
pub(crate) fn proxy_protocol() -> ListenerFilter {
    let config = wire::any(&introduction::v3::ProxyProtocol::default());
    listener_filter("proxy_protocol", config, &[])
}

pub(crate) fn tls_inspector(not_on: &[u16]) -> ListenerFilter {
    let config = wire::any(&tls_inspector::v3::TlsInspector::default());
    listener_filter("tls_inspector", config, not_on)
}

pub(crate) fn http_inspector(not_on: &[u16]) -> ListenerFilter {
    listener_filter("http_inspector", wire::any(&http_inspector::v3::HttpInspector {}), not_on)
}

fn ports(ports: &[u16]) -> Option<wire_listener::ListenerFilterChainMatchPredicate> {
    use wire_listener::ListenerFilterChainMatchPredicate as Predicate;
    use wire_listener::listener_filter_chain_match_predicate::{MatchSet, Rule};
    let one = |port: &u16| Predicate {
        rule: Some(Rule::DestinationPortRange(Int32Range {
            start: i32::from(*port),
            end: i32::from(*port) + 1,
        })),
    };
    match ports {
        [] => None,
        [port] => Some(one(port)),
        // An "or" needs two parts at least.
        many => Some(Predicate {
            rule: Some(Rule::OrMatch(MatchSet { rules: many.iter().map(one).collect() })),
        }),
    }
}

/// A filter chain.
pub(crate) fn chain(
    name: &str,
    matches: Option<FilterChainMatch>,
    filters: Vec<Filter>,
    transport_socket: Option<TransportSocket>,
) -> FilterChain {
    FilterChain {
        name: name.to_owned(),
        filter_chain_match: matches,
        filters,
        transport_socket,
        metadata: None::<Metadata>,
        ..FilterChain::default()
    }
}

/// Sends bytes to clusters by weight.
pub(crate) fn tcp_proxy(clusters: &[(String, u32)], access_log: Option<&str>) -> Filter {
    tcp_proxy_under(clusters, TcpTerms::default(), access_log)
}

/// What a rule says of connections whose bytes are passed on.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct TcpTerms<'a> {
    /// They end when nothing came for so long; zero for never, none for an hour.
    pub(crate) idle: Option<Duration>,
    /// They end after so long in any case.
    pub(crate) longest: Option<Duration>,
    /// The client's address decides who is asked.
    pub(crate) by_source_ip: bool,
    /// They go on to somewhere behind the cluster.
    pub(crate) tunnel: Option<&'a Tunnel>,
    /// They come in plaintext, and the agent is told of them.
    pub(crate) tells_callers: bool,
}

/// The same, under these terms.
pub(crate) fn tcp_proxy_under(
    clusters: &[(String, u32)],
    terms: TcpTerms<'_>,
    access_log: Option<&str>,
) -> Filter {
    use tcp::tcp_proxy::{ClusterSpecifier, WeightedCluster, weighted_cluster::ClusterWeight};
    let specifier = match clusters {
        [(cluster, _)] => ClusterSpecifier::Cluster(cluster.clone()),
        many => ClusterSpecifier::WeightedClusters(WeightedCluster {
            clusters: many
                .iter()
                .map(|(name, weight)| ClusterWeight {
                    name: name.clone(),
                    weight: *weight,
                    ..ClusterWeight::default()
                })
                .collect(),
        }),
    };
    let prefix = match clusters {
        [(cluster, _)] => cluster.clone(),
        many => many.first().map_or_else(String::new, |(cluster, _)| cluster.clone()),
    };
    let mut proxy = tcp::TcpProxy {
        stat_prefix: prefix,
        cluster_specifier: Some(specifier),
        access_log: access_log::loggers(access_log),
        idle_timeout: terms.idle.map(wire::duration),
        max_downstream_connection_duration: terms.longest.map(wire::duration),
        hash_policy: terms.by_source_ip.then(by_source_ip).into_iter().collect(),
        tunneling_config: terms.tunnel.map(tunneling),
        ..tcp::TcpProxy::default()
    };
    if terms.tells_callers {
        callers::only_ended(&mut proxy.access_log);
        proxy.access_log.push(callers::of_connections());
        proxy.access_log_options = Some(callers::while_connected());
    }
    network_filter("tcp_proxy", wire::any(&proxy))
}

fn by_source_ip() -> HashPolicy {
    let source = PolicySpecifier::SourceIp(SourceIp {});
    HashPolicy { policy_specifier: Some(source) }
}

fn tunneling(tunnel: &Tunnel) -> tcp::tcp_proxy::TunnelingConfig {
    let Tunnel { protocol, target_host: host, target_port: port } = tunnel;
    let six = host.parse::<std::net::Ipv6Addr>().is_ok();
    tcp::tcp_proxy::TunnelingConfig {
        hostname: if six { format!("[{host}]:{port}") } else { format!("{host}:{port}") },
        use_post: protocol == "POST",
        ..tcp::tcp_proxy::TunnelingConfig::default()
    }
}

pub(crate) fn network_filter(name: &str, config: Any) -> Filter {
    Filter {
        name: format!("envoy.filters.network.{name}"),
        config_type: Some(ConfigType::TypedConfig(config)),
    }
}
