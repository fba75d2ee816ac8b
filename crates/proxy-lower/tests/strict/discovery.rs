//! Where the endpoints of a cluster come from.

use prost::Message;
use proxy_config::cluster::{CalledHosts, Discovery, Family};
use proxy_lower::lower_endpoints;
use weft_proto::envoy::config::cluster::v3 as cluster;
use weft_proto::envoy::config::core::v3 as core;
use weft_proto::envoy::config::endpoint::v3 as endpoint;
use weft_proto::google::protobuf::{Any, Duration, UInt32Value};

use crate::clusters::lowered;
use crate::{any, refused};

#[test]
fn shares_of_dropped_requests_are_refused_in_endpoints() {
    use endpoint::cluster_load_assignment::{Policy, policy::DropOverload};
    let drop = DropOverload { category: "x".into(), ..Default::default() };
    let wire = |policy| endpoint::ClusterLoadAssignment {
        cluster_name: "c".into(),
        policy: Some(policy),
        ..Default::default()
    };
    let dropping = wire(Policy { drop_overloads: vec![drop], ..Default::default() });
    let why = lower_endpoints(&dropping.encode_to_vec()).map_err(|e| e.to_string());
    refused(why, &["policy.drop_overloads"]);
    let istio =
        Policy { overprovisioning_factor: Some(UInt32Value { value: 140 }), ..Default::default() };
    assert!(lower_endpoints(&wire(istio).encode_to_vec()).is_ok());
}

#[test]
fn names_to_look_up_keep_what_is_said_of_their_endpoints() {
    let host = |name: &str, priority: u32| endpoint::LocalityLbEndpoints {
        priority,
        lb_endpoints: vec![endpoint::LbEndpoint {
            load_balancing_weight: Some(UInt32Value { value: 7 }),
            host_identifier: Some(endpoint::lb_endpoint::HostIdentifier::Endpoint(
                endpoint::Endpoint {
                    address: Some(core::Address {
                        address: Some(core::address::Address::SocketAddress(core::SocketAddress {
                            address: name.into(),
                            port_specifier: Some(core::socket_address::PortSpecifier::PortValue(
                                443,
                            )),
                            ..Default::default()
                        })),
                    }),
                    ..Default::default()
                },
            )),
            ..Default::default()
        }],
        ..Default::default()
    };
    let with = |hosts: Vec<endpoint::LocalityLbEndpoints>| {
        lowered(|c| {
            c.cluster_discovery_type = Some(cluster::cluster::ClusterDiscoveryType::Type(
                cluster::cluster::DiscoveryType::StrictDns.into(),
            ));
            c.dns_lookup_family = cluster::cluster::DnsLookupFamily::V4Only.into();
            c.load_assignment =
                Some(endpoint::ClusterLoadAssignment { endpoints: hosts, ..Default::default() });
        })
    };
    let found = with(vec![host("b.example", 1), host("a.example", 0)]).unwrap();
    let Discovery::Dns(names) = found.discovery else { panic!("{:?}", found.discovery) };
    assert_eq!(names.family, Family::V4);
    let all: Vec<_> = names.hosts.iter().map(|h| (&*h.name, h.endpoint.priority)).collect();
    assert_eq!(all, [("a.example", 0), ("b.example", 1)]);
    assert!(names.hosts.iter().all(|h| h.endpoint.weight == 7 && h.endpoint.address.port() == 443));
    refused(with(vec![host("", 0)]), &["load_assignment", "host name"]);
}

/// How hosts are looked up: the cache, how many it holds; when again, for how long, how long at most; addresses.
fn facts(hosts: &CalledHosts) -> (&str, u32, [u64; 3], Family) {
    let spans = [hosts.refresh, hosts.kept, hosts.limit].map(|span| span.as_secs());
    (&hosts.cache, hosts.most, spans, hosts.family)
}

#[test]
fn hosts_are_looked_up_when_they_are_called_as_the_cache_says() {
    use cluster::cluster::DnsLookupFamily;
    use weft_proto::envoy::extensions::clusters::dynamic_forward_proxy::v3 as called;
    use weft_proto::envoy::extensions::common::dynamic_forward_proxy::v3::DnsCacheConfig;
    let with = |dns: DnsCacheConfig| {
        let config = called::ClusterConfig {
            cluster_implementation_specifier: Some(
                called::cluster_config::ClusterImplementationSpecifier::DnsCacheConfig(dns),
            ),
            ..Default::default()
        };
        lowered(|c| {
            c.cluster_discovery_type = Some(cluster::cluster::ClusterDiscoveryType::ClusterType(
                cluster::cluster::CustomClusterType {
                    name: "envoy.clusters.dynamic_forward_proxy".to_owned(),
                    typed_config: Some(any(&config)),
                },
            ));
        })
    };
    let named = DnsCacheConfig { name: "c".to_owned(), ..Default::default() };
    let Discovery::Called(found) = with(named.clone()).unwrap().discovery else { panic!() };
    assert_eq!(facts(&found), ("c", 1024, [60, 300, 5], Family::Auto));
    let seconds = |seconds| Some(Duration { seconds, nanos: 0 });
    let said = DnsCacheConfig {
        max_hosts: Some(UInt32Value { value: 7 }),
        dns_refresh_rate: seconds(1),
        host_ttl: seconds(2),
        dns_query_timeout: seconds(3),
        dns_lookup_family: DnsLookupFamily::V6Only.into(),
        ..named.clone()
    };
    let Discovery::Called(found) = with(said).unwrap().discovery else { panic!() };
    assert_eq!(facts(&found), ("c", 7, [1, 2, 3], Family::V6));
    let before = DnsCacheConfig { preresolve_hostnames: vec![Default::default()], ..named };
    refused(with(before), &["cluster_type", "dns_cache_config", "preresolve_hostnames"]);
    let other = lowered(|c| {
        c.cluster_discovery_type = Some(cluster::cluster::ClusterDiscoveryType::ClusterType(
            cluster::cluster::CustomClusterType {
                name: "envoy.clusters.redis".to_owned(),
                typed_config: Some(Any::default()),
            },
        ));
    });
    refused(other, &["cluster_type", "envoy.clusters.redis"]);
}
