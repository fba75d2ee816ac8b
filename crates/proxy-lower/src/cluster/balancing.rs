//! How a cluster's endpoints are picked.
//! In: Envoy's balancer settings. Out: ours. Holds: a policy, or a field of one, that is not known refuses the cluster.

use proxy_config::cluster::{Balancer, SlowStart};
use weft_proto::envoy::config::cluster::v3 as wire;
use wire::cluster as cluster_wire;

use crate::Lowered;
use crate::known::{Rejected, only};
use crate::wrap;

pub(super) fn balancer(cluster: &wire::Cluster) -> Lowered<Balancer> {
    use cluster_wire::{LbConfig, LbPolicy};
    let at = |e: Rejected| e.within("lb_config");
    Ok(match (cluster.lb_policy(), cluster.lb_config.as_ref()) {
        (LbPolicy::RoundRobin, None) => Balancer::RoundRobin,
        (LbPolicy::RoundRobin, Some(LbConfig::RoundRobinLbConfig(config))) => {
            only!(config, slow_start_config).map_err(at)?;
            Balancer::RoundRobin
        }
        (LbPolicy::LeastRequest, Some(LbConfig::LeastRequestLbConfig(config))) => {
            only!(config, choice_count, slow_start_config).map_err(at)?;
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

pub(super) fn slow_start(cluster: &wire::Cluster) -> Lowered<Option<SlowStart>> {
    use cluster_wire::LbConfig;
    let wire = match &cluster.lb_config {
        Some(LbConfig::RoundRobinLbConfig(config)) => config.slow_start_config.as_ref(),
        Some(LbConfig::LeastRequestLbConfig(config)) => config.slow_start_config.as_ref(),
        _ => None,
    };
    let Some(wire) = wire else { return Ok(None) };
    let at = |e: Rejected| e.within("slow_start_config");
    only!(wire, slow_start_window, aggression, min_weight_percent).map_err(at)?;
    let window = wire.slow_start_window.as_ref().map(wrap::duration).transpose().map_err(at)?;
    let aggression = wire.aggression.as_ref().map_or(1.0, |number| number.default_value);
    if aggression.is_nan() || aggression <= 0.0 {
        return Err(at(Rejected::new("aggression", "must be above 0")));
    }
    Ok(window.filter(|window| !window.is_zero()).map(|window| SlowStart {
        window,
        aggression,
        minimum_percent: wire.min_weight_percent.as_ref().map_or(10.0, |percent| percent.value),
    }))
}

pub(super) fn weighs_localities(cluster: &wire::Cluster) -> bool {
    use cluster_wire::common_lb_config::LocalityConfigSpecifier as Specifier;
    let common = cluster.common_lb_config.as_ref();
    let specifier = common.and_then(|common| common.locality_config_specifier.as_ref());
    matches!(specifier, Some(Specifier::LocalityWeightedLbConfig(_)))
}

pub(super) fn panic_threshold(cluster: &wire::Cluster) -> Lowered<u8> {
    use cluster_wire::common_lb_config::LocalityConfigSpecifier as Specifier;
    if let Some(common) = &cluster.common_lb_config {
        // Updates are merged by the control plane already; new hosts wait for active health checks, which are refused.
        only!(
            common,
            healthy_panic_threshold,
            locality_config_specifier,
            update_merge_window,
            ignore_new_hosts_until_first_hc
        )
        .map_err(|e| e.within("common_lb_config"))?;
        if let Some(Specifier::ZoneAwareLbConfig(_)) = &common.locality_config_specifier {
            let why = "routing by zone is not supported";
            return Err(Rejected::new("zone_aware_lb_config", why).within("common_lb_config"));
        }
    }
    let threshold = cluster.common_lb_config.as_ref().and_then(|c| c.healthy_panic_threshold);
    let percent = threshold.map_or(50.0, |percent| percent.value).clamp(0.0, 100.0);
    // Whole percents are enough; the comparison finds the largest one that is not above it.
    Ok((0..=100u8).rev().find(|whole| f64::from(*whole) <= percent).unwrap_or(0))
}
