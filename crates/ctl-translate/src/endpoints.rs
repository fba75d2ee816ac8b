//! Endpoints of every cluster that takes them from here.

use std::collections::{BTreeMap, BTreeSet};

use ctl_snapshot::{Endpoint, MeshSnapshot, Rule, Service, Subset};
use weft_proto::envoy::config::core::v3 as core;
use weft_proto::envoy::config::endpoint::v3 as wire_endpoint;
use weft_proto::google::protobuf::Struct;

use crate::{names, wire};

/// The assignments of one service: one per port, one more per subset.
pub(crate) fn of_service(
    snapshot: &MeshSnapshot,
    service: &Service,
) -> Vec<wire_endpoint::ClusterLoadAssignment> {
    let mut found = Vec::new();
    for port in &service.ports {
        let assignment =
            |name: String, subset: Option<&Subset>| wire_endpoint::ClusterLoadAssignment {
                cluster_name: name,
                endpoints: groups(snapshot.workloads().endpoints(service, &port.name, subset)),
                ..wire_endpoint::ClusterLoadAssignment::default()
            };
        found.push(assignment(names::outbound(port.number, "", &service.host), None));
        for rule in snapshot.config().rules(service) {
            for subset in &rule.subsets {
                let name = self::name(snapshot, service, port.number, rule, Some(subset));
                found.push(assignment(name, Some(subset)));
            }
        }
    }
    found
}

/// Name of the endpoints of a cluster. Rules may define a subset of one name differently; whose definition it is goes into
/// the name, unless clients of the service's own namespace use it.
pub(crate) fn name(
    snapshot: &MeshSnapshot,
    service: &Service,
    port: u16,
    rule: &Rule,
    subset: Option<&Subset>,
) -> String {
    let Some(subset) = subset else { return names::outbound(port, "", &service.host) };
    let cluster = names::outbound(port, &subset.name, &service.host);
    let own = snapshot.config().rule(&service.namespace, service);
    if own.is_some_and(|own| own.name == rule.name) {
        return cluster;
    }
    let (namespace, name) = &rule.name;
    format!("{cluster}@{namespace}/{name}")
}

fn groups<'a>(
    endpoints: impl Iterator<Item = &'a Endpoint>,
) -> Vec<wire_endpoint::LocalityLbEndpoints> {
    let mut by_zone: BTreeMap<&str, BTreeSet<&Endpoint>> = BTreeMap::new();
    for endpoint in endpoints {
        by_zone.entry(endpoint.zone.as_deref().unwrap_or_default()).or_default().insert(endpoint);
    }
    let groups = by_zone.into_iter().map(|(zone, endpoints)| {
        let count = u32::try_from(endpoints.len()).unwrap_or(u32::MAX);
        wire_endpoint::LocalityLbEndpoints {
            locality: (!zone.is_empty())
                .then(|| core::Locality { zone: zone.to_owned(), ..core::Locality::default() }),
            lb_endpoints: endpoints.into_iter().map(one).collect(),
            load_balancing_weight: wire::number(count),
            ..wire_endpoint::LocalityLbEndpoints::default()
        }
    });
    groups.collect()
}

fn one(endpoint: &Endpoint) -> wire_endpoint::LbEndpoint {
    use wire_endpoint::lb_endpoint::HostIdentifier;
    let mut entries: Vec<(String, Struct)> = Vec::new();
    if endpoint.mtls {
        let mode = wire::fields(&[("tlsMode", "istio")]);
        entries.push(("envoy.transport_socket_match".to_owned(), mode));
    }
    if let Some((namespace, name)) = &endpoint.pod {
        // As Istio writes it: name, namespace, canonical name and revision.
        let label = |key: &str| endpoint.labels.get(key).map_or("", String::as_str);
        let canonical = label("service.istio.io/canonical-name");
        let revision = label("service.istio.io/canonical-revision");
        let text = format!("{name};{namespace};{canonical};{revision};Kubernetes");
        entries.push(("istio".to_owned(), wire::fields(&[("workload", &text)])));
    }
    let metadata = (!entries.is_empty()).then(|| core::Metadata {
        filter_metadata: wire::ordered(entries),
        ..core::Metadata::default()
    });
    wire_endpoint::LbEndpoint {
        host_identifier: Some(HostIdentifier::Endpoint(wire_endpoint::Endpoint {
            address: wire::ip_socket(endpoint.address, endpoint.port),
            ..wire_endpoint::Endpoint::default()
        })),
        metadata,
        load_balancing_weight: wire::number(1),
        ..wire_endpoint::LbEndpoint::default()
    }
}
