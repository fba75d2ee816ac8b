//! Clusters.
//! In: Envoy's Cluster. Out: ours. Holds: a discovery type or policy that is not known refuses the cluster.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use proxy_config::cluster::{
    Balancer, Cluster, Discovery, DnsEndpoints, Family, Keepalive, Limits, Outlier, Protocol,
    Service, TransportMatch,
};
use weft_proto::envoy::config::cluster::v3 as wire;
use weft_proto::envoy::config::core::v3 as core;
use weft_proto::envoy::extensions::upstreams::http::v3::HttpProtocolOptions;
use weft_proto::google::protobuf::value::Kind;
use wire::cluster as cluster_wire;

use crate::Lowered;
use crate::known::{Rejected, only};
use crate::{any, endpoints, options, tls, wrap};

const PROTOCOL: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

pub(crate) fn lower(cluster: wire::Cluster) -> Lowered<Cluster> {
    // Tuning that changes no answer, with or without effect here: names of statistics, buffer sizes, DNS jitter and
    // TTLs (names are looked up at `dns_refresh_rate`), how soon unused hosts are forgotten, and what happens at
    // results of active health checks, which would be refused.
    #[expect(deprecated, reason = "the old protocol options must be met here")]
    only!(
        cluster,
        transport_socket_matches,
        name,
        alt_stat_name,
        eds_cluster_config,
        connect_timeout,
        per_connection_buffer_limit_bytes,
        lb_policy,
        load_assignment,
        max_requests_per_connection,
        circuit_breakers,
        http2_protocol_options,
        typed_extension_protocol_options,
        dns_refresh_rate,
        respect_dns_ttl,
        dns_lookup_family,
        dns_jitter,
        cleanup_interval,
        outlier_detection,
        upstream_bind_config,
        common_lb_config,
        transport_socket,
        metadata,
        upstream_connection_options,
        cluster_discovery_type,
        lb_config,
        close_connections_on_host_health_failure,
        ignore_health_on_host_removal,
    )?;
    let options = protocol_options(&cluster)?;
    let common = options.as_ref().and_then(|o| o.common_http_protocol_options);
    #[expect(deprecated, reason = "older control planes still send the field")]
    let old = cluster.max_requests_per_connection;
    let per_connection = common.as_ref().and_then(|c| c.max_requests_per_connection).or(old);
    let connect = cluster.connect_timeout.as_ref().map(wrap::duration).transpose();
    let matches = cluster.transport_socket_matches.iter().map(transport_match);
    let idle = common.as_ref().and_then(|c| c.idle_timeout.as_ref());
    if let Some(options) = &cluster.upstream_connection_options {
        only!(options, tcp_keepalive).map_err(|e| e.within("upstream_connection_options"))?;
    }
    Ok(Cluster {
        discovery: discovery(&cluster)?,
        balancer: balancer(&cluster)?,
        connect_timeout: connect
            .map_err(|e| e.within("connect_timeout"))?
            .unwrap_or(Duration::from_secs(5)),
        protocol: protocol(&cluster, options.as_ref())?,
        transport_matches: matches.collect::<Lowered<_>>()?,
        tls: tls::upstream(cluster.transport_socket.as_ref())?,
        limits: limits(cluster.circuit_breakers.as_ref())?,
        outlier: cluster.outlier_detection.as_ref().map(outlier).transpose()?,
        idle_timeout: match idle {
            None => Some(Duration::from_secs(3600)),
            given => wrap::bound(given, "idle_timeout")?,
        },
        max_requests_per_connection: per_connection.map(|n| n.value).filter(|n| *n > 0),
        source: source(cluster.upstream_bind_config.as_ref())?,
        keepalive: keepalive(&cluster),
        panic_threshold: panic_threshold(&cluster)?,
        service: service(cluster.metadata.as_ref()),
        name: cluster.name.as_str().into(),
    })
}

fn discovery(cluster: &wire::Cluster) -> Lowered<Discovery> {
    use cluster_wire::{ClusterDiscoveryType, DiscoveryType, DnsLookupFamily};
    let kind = match cluster.cluster_discovery_type.as_ref() {
        None => DiscoveryType::Static,
        Some(ClusterDiscoveryType::Type(kind)) => DiscoveryType::try_from(*kind)
            .map_err(|error| Rejected::new("type", error.to_string()))?,
        Some(ClusterDiscoveryType::ClusterType(_)) => {
            return Err(Rejected::new("cluster_type", "is not supported"));
        }
    };
    let listed = || cluster.load_assignment.clone().unwrap_or_default();
    match kind {
        DiscoveryType::Eds => {
            let name = cluster.eds_cluster_config.as_ref().map_or("", |eds| &eds.service_name);
            let name = if name.is_empty() { &cluster.name } else { name };
            Ok(Discovery::Eds(name.into()))
        }
        DiscoveryType::Static => {
            let found = endpoints::lower(listed()).map_err(|e| e.within("load_assignment"))?;
            Ok(Discovery::Static(Arc::new(found)))
        }
        DiscoveryType::OriginalDst => Ok(Discovery::OriginalDestination),
        DiscoveryType::StrictDns | DiscoveryType::LogicalDns => {
            #[expect(deprecated, reason = "it is what Istio writes")]
            let refresh = cluster.dns_refresh_rate.as_ref().map(wrap::duration).transpose()?;
            Ok(Discovery::Dns(Arc::new(DnsEndpoints {
                hosts: endpoints::lower_names(listed()).map_err(|e| e.within("load_assignment"))?,
                refresh: refresh.unwrap_or(Duration::from_secs(5)),
                logical: kind == DiscoveryType::LogicalDns,
                family: match cluster.dns_lookup_family() {
                    DnsLookupFamily::Auto => Family::Auto,
                    DnsLookupFamily::V4Only => Family::V4,
                    DnsLookupFamily::V6Only => Family::V6,
                    DnsLookupFamily::V4Preferred => Family::V4Preferred,
                    DnsLookupFamily::All => Family::All,
                },
            })))
        }
    }
}

fn balancer(cluster: &wire::Cluster) -> Lowered<Balancer> {
    use cluster_wire::{LbConfig, LbPolicy};
    let at = |e: Rejected| e.within("lb_config");
    Ok(match (cluster.lb_policy(), cluster.lb_config.as_ref()) {
        (LbPolicy::RoundRobin, None) => Balancer::RoundRobin,
        (LbPolicy::RoundRobin, Some(LbConfig::RoundRobinLbConfig(config))) => {
            crate::known::nothing_else(config).map_err(at)?;
            Balancer::RoundRobin
        }
        (LbPolicy::LeastRequest, Some(LbConfig::LeastRequestLbConfig(config))) => {
            only!(config, choice_count).map_err(at)?;
            Balancer::LeastRequest { choices: config.choice_count.map_or(2, |n| n.value.max(2)) }
        }
        (LbPolicy::LeastRequest, None) => Balancer::LeastRequest { choices: 2 },
        (LbPolicy::Random, None) => Balancer::Random,
        (LbPolicy::RingHash, Some(LbConfig::RingHashLbConfig(config))) => {
            // Which host a key means need not be Envoy's choice, so its default hash function is as good as ours.
            only!(config, minimum_ring_size, maximum_ring_size).map_err(at)?;
            ring(config).map_err(at)?
        }
        (LbPolicy::RingHash, None) => Balancer::RingHash { minimum: 1024, maximum: LARGEST_RING },
        (LbPolicy::Maglev, Some(LbConfig::MaglevLbConfig(config))) => {
            let size = config.table_size.map_or(MAGLEV, |n| n.value);
            if !(2..=LARGEST_MAGLEV).contains(&size) || !is_prime(size) {
                let why = format!("must be a prime of at most {LARGEST_MAGLEV}");
                return Err(at(Rejected::new("table_size", why)));
            }
            Balancer::Maglev { size }
        }
        (LbPolicy::Maglev, None) => Balancer::Maglev { size: MAGLEV },
        (LbPolicy::ClusterProvided, None) => Balancer::ClusterProvided,
        (LbPolicy::LoadBalancingPolicyConfig, _) => {
            return Err(Rejected::new("load_balancing_policy", "is not supported"));
        }
        (policy, Some(_)) => {
            let why = format!("is not of the policy {}", policy.as_str_name());
            return Err(Rejected::new("lb_config", why));
        }
    })
}

/// Envoy's bounds and defaults.
const LARGEST_RING: u64 = 8 * 1024 * 1024;
const MAGLEV: u64 = 65_537;
const LARGEST_MAGLEV: u64 = 5_000_011;

fn ring(config: &cluster_wire::RingHashLbConfig) -> Lowered<Balancer> {
    let minimum = config.minimum_ring_size.map_or(1024, |n| n.value);
    let maximum = config.maximum_ring_size.map_or(LARGEST_RING, |n| n.value);
    if minimum > maximum || maximum > LARGEST_RING {
        let why = format!("must be at least the minimum and at most {LARGEST_RING}");
        return Err(Rejected::new("maximum_ring_size", why));
    }
    Ok(Balancer::RingHash { minimum, maximum })
}

fn is_prime(n: u64) -> bool {
    n == 2
        || (n % 2 == 1 && (3..).step_by(2).take_while(|d| d * d <= n).all(|d| !n.is_multiple_of(d)))
}

fn protocol_options(cluster: &wire::Cluster) -> Lowered<Option<HttpProtocolOptions>> {
    let at = |e: Rejected| e.within("typed_extension_protocol_options");
    let mut found = None;
    for config in cluster.typed_extension_protocol_options.values() {
        if any::kind(config) != PROTOCOL {
            return Err(at(Rejected::new("", format!("{} is not known", any::kind(config)))));
        }
        let options: HttpProtocolOptions = any::open(config).map_err(at)?;
        only!(options, common_http_protocol_options, upstream_protocol_options,).map_err(at)?;
        if let Some(common) = &options.common_http_protocol_options {
            only!(common, idle_timeout, max_requests_per_connection)
                .map_err(|e| at(e.within("common_http_protocol_options")))?;
        }
        found = Some(options);
    }
    Ok(found)
}

fn protocol(cluster: &wire::Cluster, options: Option<&HttpProtocolOptions>) -> Lowered<Protocol> {
    use weft_proto::envoy::extensions::upstreams::http::v3::http_protocol_options as wire;
    use wire::UpstreamProtocolOptions as Options;
    use wire::explicit_http_config::ProtocolConfig;
    #[expect(deprecated, reason = "older control planes still send the field")]
    let old_http2 = cluster.http2_protocol_options.is_some();
    match options.and_then(|options| options.upstream_protocol_options.as_ref()) {
        None if old_http2 => Ok(Protocol::Http2),
        None => Ok(Protocol::Http1),
        Some(Options::UseDownstreamProtocolConfig(both)) => {
            only!(both, http_protocol_options, http2_protocol_options)
                .map_err(|e| e.within("use_downstream_protocol_config"))?;
            options::http1(both.http_protocol_options.as_ref())?;
            options::http2(both.http2_protocol_options.as_ref())?;
            Ok(Protocol::Downstream)
        }
        Some(Options::AutoConfig(_)) => {
            Err(Rejected::new("auto_config", "choosing the protocol by ALPN is not supported"))
        }
        Some(Options::ExplicitHttpConfig(explicit)) => match explicit.protocol_config.as_ref() {
            None => Ok(Protocol::Http1),
            Some(ProtocolConfig::HttpProtocolOptions(found)) => {
                options::http1(Some(found)).map(|()| Protocol::Http1)
            }
            Some(ProtocolConfig::Http2ProtocolOptions(found)) => {
                options::http2(Some(found)).map(|()| Protocol::Http2)
            }
            Some(ProtocolConfig::Http3ProtocolOptions(_)) => {
                Err(Rejected::new("explicit_http_config", "HTTP/3 is not supported"))
            }
        },
    }
}

fn transport_match(wire: &cluster_wire::TransportSocketMatch) -> Lowered<TransportMatch> {
    let at = |e: Rejected| e.within(format!("transport_socket_matches[{}]", wire.name));
    let fields = wire.r#match.iter().flat_map(|labels| &labels.fields);
    let label = |(key, value): (&String, &weft_proto::google::protobuf::Value)| match &value.kind {
        Some(Kind::StringValue(text)) => Ok((Arc::from(key.as_str()), Arc::from(text.as_str()))),
        _ => Err(at(Rejected::new("match", "must hold text"))),
    };
    Ok(TransportMatch {
        name: wire.name.as_str().into(),
        labels: fields.map(label).collect::<Lowered<_>>()?,
        tls: tls::upstream(wire.transport_socket.as_ref()).map_err(at)?,
    })
}

fn limits(wire: Option<&wire::CircuitBreakers>) -> Lowered<Limits> {
    let mut limits = Limits::default();
    let Some(wire) = wire else { return Ok(limits) };
    only!(wire, thresholds).map_err(|e| e.within("circuit_breakers"))?;
    let default = wire.thresholds.iter().find(|t| t.priority() == core::RoutingPriority::Default);
    if let Some(found) = default {
        only!(
            found,
            priority,
            max_connections,
            max_pending_requests,
            max_requests,
            max_retries,
            track_remaining
        )
        .map_err(|e| e.within("circuit_breakers.thresholds"))?;
        let set = |limit: &mut u32, wire: Option<weft_proto::google::protobuf::UInt32Value>| {
            *limit = wire.map_or(*limit, |n| n.value);
        };
        set(&mut limits.max_connections, found.max_connections);
        set(&mut limits.max_pending, found.max_pending_requests);
        set(&mut limits.max_requests, found.max_requests);
        set(&mut limits.max_retries, found.max_retries);
    }
    Ok(limits)
}

fn outlier(wire: &wire::OutlierDetection) -> Lowered<Outlier> {
    only!(
        wire,
        consecutive_5xx,
        interval,
        base_ejection_time,
        max_ejection_percent,
        enforcing_consecutive_5xx,
        enforcing_success_rate,
        consecutive_gateway_failure,
        enforcing_consecutive_gateway_failure,
        split_external_local_origin_errors,
        consecutive_local_origin_failure,
        enforcing_consecutive_local_origin_failure,
        enforcing_local_origin_success_rate,
        max_ejection_time,
    )
    .map_err(|e| e.within("outlier_detection"))?;
    let half = |field: &str, share: Option<weft_proto::google::protobuf::UInt32Value>| {
        let partly = share.is_some_and(|share| share.value != 0 && share.value < 100);
        let refuse = || Rejected::new(field, "must be 0 or 100").within("outlier_detection");
        (!partly).then_some(()).ok_or_else(refuse)
    };
    half("enforcing_consecutive_5xx", wire.enforcing_consecutive_5xx)?;
    half("enforcing_consecutive_gateway_failure", wire.enforcing_consecutive_gateway_failure)?;
    half(
        "enforcing_consecutive_local_origin_failure",
        wire.enforcing_consecutive_local_origin_failure,
    )?;
    for (field, share) in [
        ("enforcing_success_rate", wire.enforcing_success_rate),
        ("enforcing_local_origin_success_rate", wire.enforcing_local_origin_success_rate),
    ] {
        // Unset means on in Envoy; it needs five busy hosts to matter, and Istio always turns it off.
        if share.is_some_and(|share| share.value > 0) {
            let why = "hosts are not ejected by their success rate";
            return Err(Rejected::new(field, why).within("outlier_detection"));
        }
    }
    let time = |wire: Option<&weft_proto::google::protobuf::Duration>, default: u64| {
        let found =
            wire.map(wrap::duration).transpose().map_err(|e| e.within("outlier_detection"))?;
        Ok::<_, Rejected>(found.unwrap_or(Duration::from_secs(default)))
    };
    let on = |enforcing: Option<u32>, default: u32| enforcing.unwrap_or(default) > 0;
    let number = |n: Option<weft_proto::google::protobuf::UInt32Value>| n.map(|n| n.value);
    let if_on = |on: bool, count: u32| if on { count } else { 0 };
    let any = on(number(wire.enforcing_consecutive_5xx), 100);
    let gateway = on(number(wire.enforcing_consecutive_gateway_failure), 0);
    let local = on(number(wire.enforcing_consecutive_local_origin_failure), 100);
    let base_ejection = time(wire.base_ejection_time.as_ref(), 30)?;
    Ok(Outlier {
        consecutive_5xx: if_on(any, number(wire.consecutive_5xx).unwrap_or(5)),
        consecutive_gateway: if_on(gateway, number(wire.consecutive_gateway_failure).unwrap_or(5)),
        split_local_origin: wire.split_external_local_origin_errors,
        consecutive_local_origin: if_on(
            local,
            number(wire.consecutive_local_origin_failure).unwrap_or(5),
        ),
        interval: time(wire.interval.as_ref(), 10)?,
        base_ejection,
        max_ejection: time(wire.max_ejection_time.as_ref(), 300)?.max(base_ejection),
        max_ejection_percent: number(wire.max_ejection_percent).unwrap_or(10),
    })
}

fn source(wire: Option<&core::BindConfig>) -> Lowered<Option<IpAddr>> {
    let Some(wire) = wire else { return Ok(None) };
    let at = |e: Rejected| e.within("upstream_bind_config");
    only!(wire, source_address).map_err(at)?;
    let Some(address) = &wire.source_address else { return Ok(None) };
    let at = |e: Rejected| at(e.within("source_address"));
    only!(address, address, port_specifier).map_err(at)?;
    let any_port = core::socket_address::PortSpecifier::PortValue(0);
    if address.port_specifier.as_ref().is_some_and(|port| *port != any_port) {
        return Err(at(Rejected::new("port_value", "must be 0, any port")));
    }
    let ip = address.address.parse();
    ip.map(Some).map_err(|_ignored| at(Rejected::new("address", "must be an IP address")))
}

fn keepalive(cluster: &wire::Cluster) -> Option<Keepalive> {
    let wire = cluster.upstream_connection_options.as_ref()?.tcp_keepalive.as_ref()?;
    let seconds = |n: Option<weft_proto::google::protobuf::UInt32Value>| {
        n.map(|n| Duration::from_secs(u64::from(n.value)))
    };
    Some(Keepalive {
        probes: wire.keepalive_probes.map(|n| n.value),
        time: seconds(wire.keepalive_time),
        interval: seconds(wire.keepalive_interval),
    })
}

fn panic_threshold(cluster: &wire::Cluster) -> Lowered<u8> {
    if let Some(common) = &cluster.common_lb_config {
        // Updates are merged by the control plane already; new hosts wait for active health checks, which are refused.
        only!(
            common,
            healthy_panic_threshold,
            update_merge_window,
            ignore_new_hosts_until_first_hc
        )
        .map_err(|e| e.within("common_lb_config"))?;
    }
    let threshold = cluster.common_lb_config.as_ref().and_then(|c| c.healthy_panic_threshold);
    let percent = threshold.map_or(50.0, |percent| percent.value).clamp(0.0, 100.0);
    // Whole percents are enough; the comparison finds the largest one that is not above it.
    Ok((0..=100u8).rev().find(|whole| f64::from(*whole) <= percent).unwrap_or(0))
}

fn service(metadata: Option<&core::Metadata>) -> Option<Service> {
    let services = metadata?.filter_metadata.get("istio")?.fields.get("services")?;
    let Some(Kind::ListValue(list)) = &services.kind else { return None };
    let Some(Kind::StructValue(first)) = list.values.first().and_then(|v| v.kind.as_ref()) else {
        return None;
    };
    let text = |key: &str| match first.fields.get(key).and_then(|value| value.kind.as_ref()) {
        Some(Kind::StringValue(text)) => Some(Arc::from(text.as_str())),
        _ => None,
    };
    Some(Service { host: text("host")?, name: text("name")?, namespace: text("namespace")? })
}
