//! Clusters.
//! In: Envoy's Cluster. Out: ours. Holds: a discovery type or policy that is not known refuses the cluster.

mod balancing;
mod bounds;
mod errors;
mod protocol;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use proxy_config::cluster::{
    Cluster, Discovery, DnsEndpoints, Family, Keepalive, ProxyVersion, Service, TransportMatch,
};
use weft_proto::envoy::config::cluster::v3 as wire;
use weft_proto::envoy::config::core::v3 as core;
use weft_proto::google::protobuf::value::Kind;
use wire::cluster as cluster_wire;

use crate::Lowered;
use crate::known::{Rejected, only};
use crate::{called, endpoints, options, tls, wrap};
use protocol::Spoken;

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
    let options = protocol::options(&cluster)?;
    let spoken = Spoken::of(&cluster, options.as_ref())?;
    options::http2_upstream(spoken.http2)?;
    let common = options.as_ref().and_then(|o| o.common_http_protocol_options);
    #[expect(deprecated, reason = "older control planes still send the field")]
    let old = cluster.max_requests_per_connection;
    let per_connection = common.as_ref().and_then(|c| c.max_requests_per_connection).or(old);
    let connect = cluster.connect_timeout.as_ref().map(wrap::duration).transpose();
    let transport = tls::upstream(cluster.transport_socket.as_ref())?;
    let errors = errors::errors(options.as_ref())
        .map_err(|e| e.within("typed_extension_protocol_options"))?;
    let matches = cluster.transport_socket_matches.iter().map(transport_match);
    let matches: Vec<(TransportMatch, Option<ProxyVersion>)> = wrap::snug(matches)?;
    let proxy_protocol = transport.proxy_protocol.or(matches.first().and_then(|(_, v)| *v));
    if matches.iter().any(|(_, version)| *version != proxy_protocol) {
        let why = "must all have the same PROXY header";
        return Err(Rejected::new("transport_socket_matches", why));
    }
    let mut matches: Vec<_> = matches.into_iter().map(|(found, _)| found).collect();
    matches.shrink_to_fit();
    let idle = common.as_ref().and_then(|c| c.idle_timeout.as_ref());
    if let Some(options) = &cluster.upstream_connection_options {
        only!(options, tcp_keepalive).map_err(|e| e.within("upstream_connection_options"))?;
    }
    Ok(Cluster {
        discovery: discovery(&cluster)?,
        balancer: balancing::balancer(&cluster)?,
        connect_timeout: connect
            .map_err(|e| e.within("connect_timeout"))?
            .unwrap_or(Duration::from_secs(5)),
        protocol: spoken.protocol,
        keep_case: options::http1(spoken.http1)?,
        transport_matches: matches,
        tls: transport.tls,
        proxy_protocol,
        by_host: protocol::by_host(options.as_ref())?,
        limits: bounds::limits(cluster.circuit_breakers.as_ref())?,
        outlier: cluster
            .outlier_detection
            .as_ref()
            .map(|wire| bounds::outlier(wire, errors))
            .transpose()?
            .map(Box::new),
        idle_timeout: match idle {
            None => Some(Duration::from_secs(3600)),
            given => wrap::bound(given, "idle_timeout")?,
        },
        max_requests_per_connection: per_connection.map(|n| n.value).filter(|n| *n > 0),
        source: source(cluster.upstream_bind_config.as_ref())?,
        keepalive: keepalive(&cluster),
        slow_start: balancing::slow_start(&cluster)?,
        weighs_localities: balancing::weighs_localities(&cluster),
        max_connection_duration: wrap::bound(
            common.as_ref().and_then(|c| c.max_connection_duration.as_ref()),
            "max_connection_duration",
        )?,
        max_streams: spoken.http2.and_then(|http2| http2.max_concurrent_streams).map(|n| n.value),
        pings: protocol::pings(spoken.http2)?,
        panic_threshold: balancing::panic_threshold(&cluster)?,
        service: service(cluster.metadata.as_ref()),
        name: cluster.name.as_str().into(),
    })
}

fn discovery(cluster: &wire::Cluster) -> Lowered<Discovery> {
    use cluster_wire::{ClusterDiscoveryType, DiscoveryType};
    let kind = match cluster.cluster_discovery_type.as_ref() {
        None => DiscoveryType::Static,
        Some(ClusterDiscoveryType::Type(kind)) => DiscoveryType::try_from(*kind)
            .map_err(|error| Rejected::new("type", error.to_string()))?,
        Some(ClusterDiscoveryType::ClusterType(kind)) => {
            let hosts = called::cluster(kind).map_err(|e| e.within("cluster_type"))?;
            return Ok(Discovery::Called(hosts));
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
                family: family(cluster.dns_lookup_family()),
            })))
        }
    }
}

pub(crate) fn family(wire: cluster_wire::DnsLookupFamily) -> Family {
    use cluster_wire::DnsLookupFamily;
    match wire {
        DnsLookupFamily::Auto => Family::Auto,
        DnsLookupFamily::V4Only => Family::V4,
        DnsLookupFamily::V6Only => Family::V6,
        DnsLookupFamily::V4Preferred => Family::V4Preferred,
        DnsLookupFamily::All => Family::All,
    }
}

fn transport_match(
    wire: &cluster_wire::TransportSocketMatch,
) -> Lowered<(TransportMatch, Option<ProxyVersion>)> {
    let at = |e: Rejected| e.within(format!("transport_socket_matches[{}]", wire.name));
    let fields = wire.r#match.iter().flat_map(|labels| &labels.fields);
    let label = |(key, value): (&String, &weft_proto::google::protobuf::Value)| match &value.kind {
        Some(Kind::StringValue(text)) => Ok((Arc::from(key.as_str()), Arc::from(text.as_str()))),
        _ => Err(at(Rejected::new("match", "must hold text"))),
    };
    let found = tls::upstream(wire.transport_socket.as_ref()).map_err(at)?;
    let labels = wrap::snug(fields.map(label))?;
    let name = wire.name.as_str().into();
    Ok((TransportMatch { name, labels, tls: found.tls }, found.proxy_protocol))
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
