//! How endpoints are chosen.
//!
//! In: the balancer of a policy. Out: Envoy's policy and its settings. Holds: sizes of rings and tables that are not said are
//! Istio's; new endpoints come to their share slowly only where that is asked for.

use weft_model::api::traffic_policy::{ConsistentHash, LoadBalancer, SimpleLb, Warmup};
use weft_proto::envoy::config::cluster::v3::{self as wire_cluster, cluster as parts};
use weft_proto::envoy::config::core::v3 as core;
use weft_proto::envoy::r#type::v3::Percent;

use crate::wire;

/// Whether requests go to where the client wanted to go, and are not balanced.
pub(crate) fn passes_through(balancer: Option<&LoadBalancer>) -> bool {
    balancer.is_some_and(|balancer| balancer.simple == Some(SimpleLb::Passthrough))
}

/// Sets how endpoints are chosen; LEAST_REQUEST where nothing is said.
pub(super) fn apply(cluster: &mut wire_cluster::Cluster, balancer: Option<&LoadBalancer>) {
    use parts::{LbConfig, LbPolicy, LeastRequestLbConfig, RoundRobinLbConfig};
    if let Some(hash) = balancer.and_then(|balancer| balancer.consistent_hash.as_ref()) {
        hashed(cluster, hash);
        return;
    }
    let simple = balancer.and_then(|balancer| balancer.simple).unwrap_or_default();
    let slow = balancer.and_then(slow_start);
    let (policy, config) = match simple {
        SimpleLb::Unspecified | SimpleLb::LeastConn | SimpleLb::LeastRequest => {
            let config =
                |slow| LeastRequestLbConfig { slow_start_config: Some(slow), ..Default::default() };
            (LbPolicy::LeastRequest, slow.map(|slow| LbConfig::LeastRequestLbConfig(config(slow))))
        }
        SimpleLb::RoundRobin => {
            let config = |slow| RoundRobinLbConfig { slow_start_config: Some(slow) };
            (LbPolicy::RoundRobin, slow.map(|slow| LbConfig::RoundRobinLbConfig(config(slow))))
        }
        SimpleLb::Random => (LbPolicy::Random, None),
        SimpleLb::Passthrough => (LbPolicy::ClusterProvided, None),
    };
    cluster.lb_policy = policy.into();
    cluster.lb_config = config;
}

/// How new endpoints come to their share, where that is asked for.
fn slow_start(balancer: &LoadBalancer) -> Option<parts::SlowStartConfig> {
    if let Some(Warmup { duration, minimum_percent, aggression }) = &balancer.warmup {
        return Some(parts::SlowStartConfig {
            slow_start_window: duration.map(|span| wire::duration(span.0)),
            aggression: Some(core::RuntimeDouble {
                default_value: aggression.unwrap_or(1.0),
                // A name is needed, and this one is nobody's.
                runtime_key: "weft.warmup".to_owned(),
            }),
            min_weight_percent: Some(Percent { value: minimum_percent.unwrap_or(10.0) }),
        });
    }
    balancer.warmup_duration_secs.map(|span| parts::SlowStartConfig {
        slow_start_window: Some(wire::duration(span.0)),
        ..parts::SlowStartConfig::default()
    })
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
