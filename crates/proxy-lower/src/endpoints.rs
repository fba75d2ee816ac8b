//! Endpoints.
//! In: a ClusterLoadAssignment. Out: a flat list. Holds: an endpoint without an address refuses the resource.

use std::sync::Arc;

use proxy_config::cluster::DnsHost;
use proxy_config::endpoint::{About, Endpoint, Endpoints, Health, Locality, Metadata};
use weft_proto::envoy::config::core::v3 as core;
use weft_proto::envoy::config::endpoint::v3 as wire;
use weft_proto::google::protobuf::value::Kind;

use crate::Lowered;
use crate::known::{Rejected, only};
use crate::wrap;

pub(crate) fn lower(assignment: wire::ClusterLoadAssignment) -> Lowered<Endpoints> {
    only!(assignment, cluster_name, endpoints, policy)?;
    if let Some(policy) = &assignment.policy {
        only!(policy, overprovisioning_factor).map_err(|e| e.within("policy"))?;
    }
    let factor = assignment.policy.as_ref().and_then(|policy| policy.overprovisioning_factor);
    let mut endpoints =
        Vec::with_capacity(assignment.endpoints.iter().map(|g| g.lb_endpoints.len()).sum());
    let mut known = Known::default();
    for (index, group) in assignment.endpoints.iter().enumerate() {
        let found =
            locality(group, &mut known).map_err(|e| e.within(format!("endpoints[{index}]")))?;
        endpoints.extend(found);
    }
    endpoints.sort_by_key(|endpoint| endpoint.priority);
    Ok(Endpoints {
        name: assignment.cluster_name.as_str().into(),
        endpoints,
        overprovisioning: factor.map(|factor| factor.value),
    })
}

/// Endpoints by name: the address of each holds the port only.
pub(crate) fn lower_names(assignment: wire::ClusterLoadAssignment) -> Lowered<Vec<DnsHost>> {
    let mut found = Vec::new();
    let mut wire = assignment;
    for group in &mut wire.endpoints {
        for endpoint in &mut group.lb_endpoints {
            found.push((group.priority, take_name(endpoint)?));
        }
    }
    let endpoints = lower(wire)?.endpoints;
    // Lowering sorts by priority, and keeps the order within one.
    found.sort_by_key(|(priority, _)| *priority);
    Ok(found
        .into_iter()
        .zip(endpoints)
        .map(|((_, name), endpoint)| DnsHost { name, endpoint })
        .collect())
}

/// Puts an address where a name was.
fn take_name(endpoint: &mut wire::LbEndpoint) -> Lowered<Arc<str>> {
    let socket = match endpoint.host_identifier.as_mut() {
        Some(wire::lb_endpoint::HostIdentifier::Endpoint(inner)) => {
            match inner.address.as_mut().and_then(|address| address.address.as_mut()) {
                Some(core::address::Address::SocketAddress(socket)) => Some(socket),
                _ => None,
            }
        }
        _ => None,
    };
    let socket = socket.filter(|socket| !socket.address.is_empty());
    let socket = socket.ok_or_else(|| Rejected::new("endpoint", "needs a host name and a port"))?;
    Ok(std::mem::replace(&mut socket.address, "0.0.0.0".to_owned()).into())
}

/// What endpoints have in common, as far as it was met lately.
#[derive(Default)]
struct Known(Vec<Arc<About>>);

impl Known {
    /// Siblings come together, so that a few steps back are enough.
    const BACK: usize = 8;

    fn share(&mut self, about: About) -> Arc<About> {
        let met = self.0.iter().rev().take(Self::BACK).find(|met| ***met == about);
        if let Some(met) = met {
            return Arc::clone(met);
        }
        let new = Arc::new(about);
        self.0.push(Arc::clone(&new));
        new
    }
}

fn locality(group: &wire::LocalityLbEndpoints, known: &mut Known) -> Lowered<Vec<Endpoint>> {
    // The weight of a locality counts only where the cluster asks for it.
    only!(group, locality, lb_endpoints, load_balancing_weight, priority, metadata)?;
    let name = group.locality.clone().unwrap_or_default();
    let locality = Arc::new(Locality {
        region: name.region.into(),
        zone: name.zone.into(),
        sub_zone: name.sub_zone.into(),
        weight: group.load_balancing_weight.map_or(0, |weight| weight.value),
    });
    let mut one = |(index, wire): (usize, &wire::LbEndpoint)| {
        endpoint(wire, group.priority, &locality, known)
            .map_err(|e| e.within(format!("lb_endpoints[{index}]")))
    };
    group.lb_endpoints.iter().enumerate().map(&mut one).collect()
}

fn endpoint(
    wire: &wire::LbEndpoint,
    priority: u32,
    locality: &Arc<Locality>,
    known: &mut Known,
) -> Lowered<Endpoint> {
    let Some(wire::lb_endpoint::HostIdentifier::Endpoint(inner)) = wire.host_identifier.as_ref()
    else {
        return Err(Rejected::new("endpoint", "is missing"));
    };
    // How a host would be asked for its health does not matter without health checks; other addresses of the same
    // host are not needed while the first one is reached.
    only!(inner, address, hostname, health_check_config, additional_addresses, observability_name)
        .map_err(|e| e.within("endpoint"))?;
    let metadata = wire.metadata.as_ref();
    let workload = labels(metadata, "istio").into_iter().find(|(key, _)| &**key == "workload");
    Ok(Endpoint {
        address: wrap::socket(inner.address.as_ref(), "endpoint.address")?,
        priority,
        weight: wire.load_balancing_weight.map_or(1, |weight| weight.value.max(1)),
        locality: Arc::clone(locality),
        health: health(wire.health_status()),
        about: known.share(About {
            hostname: inner.hostname.as_str().into(),
            transport_labels: labels(metadata, "envoy.transport_socket_match"),
            workload: workload.map_or_else(Arc::default, |(_, value)| value),
        }),
    })
}

fn health(status: core::HealthStatus) -> Health {
    match status {
        core::HealthStatus::Unknown | core::HealthStatus::Healthy => Health::Healthy,
        core::HealthStatus::Degraded => Health::Degraded,
        core::HealthStatus::Draining => Health::Draining,
        core::HealthStatus::Unhealthy | core::HealthStatus::Timeout => Health::Unhealthy,
    }
}

/// Text values of one group of metadata, by name.
pub(crate) fn labels(metadata: Option<&core::Metadata>, group: &str) -> Metadata {
    let Some(group) = metadata.and_then(|m| m.filter_metadata.get(group)) else {
        return Vec::new();
    };
    let text = |(key, value): (&String, &weft_proto::google::protobuf::Value)| match &value.kind {
        Some(Kind::StringValue(text)) => Some((key.as_str().into(), text.as_str().into())),
        _ => None,
    };
    let mut found: Metadata = group.fields.iter().filter_map(text).collect();
    found.shrink_to_fit();
    found.sort();
    found
}
