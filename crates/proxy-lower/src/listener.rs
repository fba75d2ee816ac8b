//! Listeners and filter chains.
//! In: Envoy's Listener. Out: ours. Holds: a filter that is not known refuses the listener.

use std::sync::Arc;
use std::time::Duration;

use proxy_config::listener::{
    ChainMatch, Direction, FilterChain, Inspector, Listener, NetworkFilter, TcpProxy, Transport,
    Tunnel,
};
use weft_proto::envoy::config::core::v3::TrafficDirection;
use weft_proto::envoy::config::listener::v3 as wire;
use weft_proto::envoy::extensions::filters::listener::proxy_protocol::v3::ProxyProtocol;
use weft_proto::envoy::extensions::filters::listener::tls_inspector::v3::TlsInspector;
use weft_proto::envoy::extensions::filters::network::ext_authz::v3::ExtAuthz;
use weft_proto::envoy::extensions::filters::network::rbac::v3::Rbac;
use weft_proto::envoy::extensions::filters::network::tcp_proxy::v3 as tcp;
use weft_proto::envoy::r#type::v3::HashPolicy;
use weft_proto::envoy::r#type::v3::hash_policy::PolicySpecifier;

use crate::Lowered;
use crate::known::{Rejected, only};
use crate::{access_log, any, called, ext_authz, http, rbac, tls, wrap};

/// Envoy's default for `listener_filters_timeout`.
const INSPECTION: Duration = Duration::from_secs(15);

pub(crate) fn lower(listener: wire::Listener) -> Lowered<Listener> {
    #[expect(
        deprecated,
        reason = "reuse_port is set by older control planes; we always reuse ports"
    )]
    only!(
        listener,
        name,
        address,
        stat_prefix,
        filter_chains,
        use_original_dst,
        default_filter_chain,
        per_connection_buffer_limit_bytes,
        metadata,
        deprecated_v1,
        drain_type,
        listener_filters,
        listener_filters_timeout,
        continue_on_listener_filters_timeout,
        traffic_direction,
        connection_balance_config,
        reuse_port,
        enable_reuse_port,
        access_log,
        tcp_backlog_size,
        max_connections_to_accept_per_socket_event,
        bind_to_port,
        ignore_global_conn_limit,
        bypass_overload_manager,
    )?;
    // Tuning that changes no answer: every worker binds the port, so connections are balanced by the kernel.
    let inspection = inspection(&listener.listener_filters)?;
    let timeout = listener.listener_filters_timeout.as_ref().map(wrap::duration).transpose();
    let chains = listener.filter_chains.iter().enumerate().map(|(index, wire)| {
        chain(wire).map(Arc::new).map_err(|e| e.within(format!("filter_chains[{index}]")))
    });
    #[expect(deprecated, reason = "older control planes still send it")]
    let legacy_bind = listener.deprecated_v1.and_then(|v1| v1.bind_to_port);
    let default =
        listener.default_filter_chain.as_ref().map(|c| chain(c).map(Arc::new)).transpose();
    Ok(Listener {
        name: listener.name.as_str().into(),
        address: wrap::socket(listener.address.as_ref(), "address")?,
        bind_to_port: listener.bind_to_port.or(legacy_bind).is_none_or(|b| b.value),
        use_original_dst: listener.use_original_dst.is_some_and(|b| b.value),
        reads_original_dst: inspection.original_dst,
        introduced: inspection.introduced,
        tls_inspector: inspection.tls,
        http_inspector: inspection.http,
        inspection_timeout: timeout
            .map_err(|e| e.within("listener_filters_timeout"))?
            .unwrap_or(INSPECTION),
        continue_on_timeout: listener.continue_on_listener_filters_timeout,
        direction: match listener.traffic_direction() {
            TrafficDirection::Inbound => Direction::Inbound,
            TrafficDirection::Outbound => Direction::Outbound,
            TrafficDirection::Unspecified => Direction::Unspecified,
        },
        filter_chains: chains.collect::<Lowered<_>>()?,
        default_filter_chain: default.map_err(|e| e.within("default_filter_chain"))?,
        access_logs: access_log::lower_all(&listener.access_log)?,
    })
}

#[derive(Default)]
struct Inspection {
    original_dst: bool,
    introduced: bool,
    tls: Option<Inspector>,
    http: Option<Inspector>,
}

fn inspection(filters: &[wire::ListenerFilter]) -> Lowered<Inspection> {
    let mut found = Inspection::default();
    for (index, filter) in filters.iter().enumerate() {
        let at = |e: Rejected| e.within(format!("listener_filters[{index}]"));
        let disabled = filter.filter_disabled.as_ref().map(ports).transpose().map_err(at)?;
        let everywhere = || match &disabled {
            None => Ok(()),
            Some(_) => Err(at(Rejected::new("filter_disabled", "is honoured by inspectors only"))),
        };
        let (kind, config) = match filter.config_type.as_ref() {
            Some(wire::listener_filter::ConfigType::TypedConfig(config)) => {
                (any::kind(config), Some(config))
            }
            None => ("", None),
            Some(_) => return Err(at(Rejected::new("config_discovery", "is not supported"))),
        };
        match kind.split(".listener.").nth(1).unwrap_or(&filter.name) {
            "original_dst.v3.OriginalDst" | "envoy.filters.listener.original_dst" => {
                everywhere()?;
                found.original_dst = true;
            }
            "proxy_protocol.v3.ProxyProtocol" | "envoy.filters.listener.proxy_protocol" => {
                if let Some(config) = config {
                    let config: ProxyProtocol = any::open(config).map_err(at)?;
                    only!(config, stat_prefix).map_err(at)?;
                }
                everywhere()?;
                found.introduced = true;
            }
            "tls_inspector.v3.TlsInspector" | "envoy.filters.listener.tls_inspector" => {
                if let Some(config) = config {
                    let config: TlsInspector = any::open(config).map_err(at)?;
                    // Sizes of buffers; ours grow as the hello comes.
                    only!(config, initial_read_buffer_size, max_client_hello_size).map_err(at)?;
                }
                found.tls = Some(Inspector { disabled_ports: disabled.unwrap_or_default() });
            }
            "http_inspector.v3.HttpInspector" | "envoy.filters.listener.http_inspector" => {
                found.http = Some(Inspector { disabled_ports: disabled.unwrap_or_default() });
            }
            other => return Err(at(Rejected::new("", format!("{other} is not known")))),
        }
    }
    Ok(found)
}

/// Destination ports of a predicate; anything but ports and "or" is refused.
fn ports(predicate: &wire::ListenerFilterChainMatchPredicate) -> Lowered<Vec<(u16, u16)>> {
    use wire::listener_filter_chain_match_predicate::Rule;
    let refuse = |why: &str| Rejected::new("filter_disabled", why);
    let narrow = |port: i32| u16::try_from(port).map_err(|error| refuse(&error.to_string()));
    match predicate.rule.as_ref() {
        Some(Rule::DestinationPortRange(range)) => {
            // The range excludes its end.
            let last = range.end.checked_sub(1).filter(|last| *last >= range.start);
            let last = last.ok_or_else(|| refuse("is an empty range of ports"))?;
            Ok(vec![(narrow(range.start)?, narrow(last)?)])
        }
        Some(Rule::OrMatch(set)) => {
            let parts: Lowered<Vec<_>> = set.rules.iter().map(ports).collect();
            Ok(parts?.concat())
        }
        _ => Err(refuse("only destination ports are supported")),
    }
}

fn chain(wire: &wire::FilterChain) -> Lowered<FilterChain> {
    only!(
        wire,
        filter_chain_match,
        filters,
        metadata,
        transport_socket,
        transport_socket_connect_timeout,
        name,
    )?;
    let matches = wire.filter_chain_match.as_ref().map(chain_match).transpose();
    let filters = wire.filters.iter().enumerate().map(|(index, filter)| {
        network_filter(filter).map_err(|e| e.within(format!("filters[{index}]")))
    });
    let filters: Vec<NetworkFilter> = filters.collect::<Lowered<_>>()?;
    if !matches!(filters.last(), Some(NetworkFilter::Http(_) | NetworkFilter::Tcp(_))) {
        return Err(Rejected::new("filters", "must end with an HTTP or TCP proxy filter"));
    }
    let asks = filters.iter().position(|filter| matches!(filter, NetworkFilter::Ask(_)));
    if let (Some(index), Some(NetworkFilter::Http(_))) = (asks, filters.last()) {
        let why = "asks about a connection of HTTP; each request of it can be asked about";
        return Err(Rejected::new(format!("filters[{index}]"), why));
    }
    Ok(FilterChain {
        name: wire.name.as_str().into(),
        matches: matches.map_err(|e| e.within("filter_chain_match"))?.unwrap_or_default(),
        tls: tls::downstream(wire.transport_socket.as_ref())?,
        handshake_timeout: wrap::bound(
            wire.transport_socket_connect_timeout.as_ref(),
            "transport_socket_connect_timeout",
        )?,
        filters,
    })
}

fn chain_match(wire: &wire::FilterChainMatch) -> Lowered<ChainMatch> {
    only!(
        wire,
        destination_port,
        prefix_ranges,
        source_prefix_ranges,
        server_names,
        transport_protocol,
        application_protocols,
    )?;
    let port = wire.destination_port.map(|port| u16::try_from(port.value)).transpose();
    Ok(ChainMatch {
        destination_port: port.map_err(|e| Rejected::new("destination_port", e.to_string()))?,
        destination_ranges: wrap::ranges(&wire.prefix_ranges)?,
        server_names: wire.server_names.iter().map(|n| n.to_ascii_lowercase().into()).collect(),
        transport_protocol: match wire.transport_protocol.as_str() {
            "" => None,
            "tls" => Some(Transport::Tls),
            "raw_buffer" => Some(Transport::RawBuffer),
            other => {
                return Err(Rejected::new("transport_protocol", format!("{other:?} is not known")));
            }
        },
        application_protocols: wire
            .application_protocols
            .iter()
            .map(|p| p.as_str().into())
            .collect(),
        source_ranges: wrap::ranges(&wire.source_prefix_ranges)?,
    })
}

fn network_filter(wire: &wire::Filter) -> Lowered<NetworkFilter> {
    let Some(wire::filter::ConfigType::TypedConfig(config)) = wire.config_type.as_ref() else {
        return Err(Rejected::new("typed_config", "is missing"));
    };
    match any::kind(config) {
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager" => {
            http::manager(&any::open(config)?).map(|http| NetworkFilter::Http(Arc::new(http)))
        }
        "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy" => {
            tcp_proxy(&any::open(config)?).map(|tcp| NetworkFilter::Tcp(Arc::new(tcp)))
        }
        "envoy.extensions.filters.network.rbac.v3.RBAC" => {
            let config: Rbac = any::open(config)?;
            rbac::network(&config).map(|rbac| NetworkFilter::Rbac(Arc::new(rbac)))
        }
        "envoy.extensions.filters.network.ext_authz.v3.ExtAuthz" => {
            let config: ExtAuthz = any::open(config)?;
            ext_authz::network(&config).map(|ask| NetworkFilter::Ask(Arc::new(ask)))
        }
        "envoy.extensions.filters.network.sni_dynamic_forward_proxy.v3.FilterConfig" => {
            called::names(config).map(NetworkFilter::Called)
        }
        other => Err(Rejected::new("typed_config", format!("{other} is not known"))),
    }
}

fn tcp_proxy(wire: &tcp::TcpProxy) -> Lowered<TcpProxy> {
    use tcp::tcp_proxy::ClusterSpecifier;
    only!(
        wire,
        stat_prefix,
        idle_timeout,
        max_downstream_connection_duration,
        hash_policy,
        access_log,
        cluster_specifier,
        tunneling_config
    )?;
    let by_source = |policy: &HashPolicy| match policy.policy_specifier {
        Some(PolicySpecifier::SourceIp(_)) => Ok(()),
        _ => Err(Rejected::new("hash_policy", "only source_ip is supported")),
    };
    wire.hash_policy.iter().try_for_each(by_source)?;
    let clusters = match wire.cluster_specifier.as_ref() {
        Some(ClusterSpecifier::Cluster(name)) => vec![(name.as_str().into(), 1)],
        Some(ClusterSpecifier::WeightedClusters(weighted)) => {
            let one = |c: &tcp::tcp_proxy::weighted_cluster::ClusterWeight| {
                only!(c, name, weight).map_err(|e| e.within("weighted_clusters"))?;
                Ok((c.name.as_str().into(), c.weight))
            };
            weighted.clusters.iter().map(one).collect::<Lowered<_>>()?
        }
        None => return Err(Rejected::new("cluster", "is missing")),
    };
    let idle = wire.idle_timeout.as_ref().map(wrap::duration).transpose();
    let idle = idle.map_err(|e| e.within("idle_timeout"))?.unwrap_or(Duration::from_secs(3600));
    Ok(TcpProxy {
        stat_prefix: wire.stat_prefix.as_str().into(),
        clusters,
        idle_timeout: (!idle.is_zero()).then_some(idle),
        max_duration: wrap::bound(
            wire.max_downstream_connection_duration.as_ref(),
            "max_downstream_connection_duration",
        )?,
        by_source_ip: !wire.hash_policy.is_empty(),
        tunnel: wire.tunneling_config.as_ref().map(tunnel).transpose()?,
        access_logs: access_log::lower_all(&wire.access_log)?,
    })
}

fn tunnel(wire: &tcp::tcp_proxy::TunnelingConfig) -> Lowered<Tunnel> {
    only!(wire, hostname, use_post).map_err(|e| e.within("tunneling_config"))?;
    Ok(Tunnel { to: wire.hostname.as_str().into(), post: wire.use_post })
}
