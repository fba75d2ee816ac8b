//! Endpoints of every cluster that takes them from here.

use std::collections::BTreeMap;

use ctl_snapshot::{Client, Endpoint, Locality, MeshSnapshot, Rule, Service, Subset};
use weft_proto::envoy::config::core::v3 as core;
use weft_proto::envoy::config::endpoint::v3 as wire_endpoint;
use weft_proto::google::protobuf::Struct;

use crate::near::{Group, Nearness, Standpoint};
use crate::reach::Reach;
use crate::view::OutboundView;
use crate::{names, wire};

type Assignment = wire_endpoint::ClusterLoadAssignment;

/// The assignments of one service that all clients share: one per port, one more per subset.
pub(crate) fn of_service(snapshot: &MeshSnapshot, service: &Service) -> Vec<Assignment> {
    let mut found = Vec::new();
    // Their clusters hold the names.
    if service.resolution.is_dns() {
        return found;
    }
    let everywhere = |name: String, port: &str, subset: Option<&Subset>| {
        let endpoints = snapshot.workloads().endpoints(service, port, subset);
        assignment(name, Nearness::default().groups(endpoints, &Standpoint::default()))
    };
    for port in &service.ports {
        found.push(everywhere(whole(service, port.number), &port.name, None));
        for rule in snapshot.config().rules(service) {
            for subset in &rule.subsets {
                let name = self::name(snapshot, service, port.number, rule, Some(subset));
                found.push(everywhere(name, &port.name, Some(subset)));
            }
        }
    }
    found
}

/// The assignments that clients of a view see otherwise than others, by the same names.
pub(crate) fn near(snapshot: &MeshSnapshot, view: &OutboundView) -> Vec<Assignment> {
    let mut found = Vec::new();
    let near = snapshot.config().near();
    if !near.places && near.labels.is_empty() {
        return found;
    }
    for service in Reach::of(snapshot, view).services() {
        if !service.resolution.is_dns() {
            near_of(snapshot, view, service, &mut found);
        }
    }
    found
}

fn near_of(
    snapshot: &MeshSnapshot,
    view: &OutboundView,
    service: &Service,
    found: &mut Vec<Assignment>,
) {
    let rule = snapshot.config().rule(view.client(), service).map(|rule| &**rule);
    for port in &service.ports {
        let subsets = rule.into_iter().flat_map(|rule| &rule.subsets).map(Some);
        for subset in std::iter::once(None).chain(subsets) {
            let policy = rule.map(|rule| rule.policy_of(port.number, subset)).unwrap_or_default();
            let nearness = Nearness::of(service, &policy, snapshot.settings());
            if nearness.is_nothing() {
                continue;
            }
            let endpoints = snapshot.workloads().endpoints(service, &port.name, subset);
            let name = rule.map_or_else(
                || whole(service, port.number),
                |rule| name(snapshot, service, port.number, rule, subset),
            );
            found.push(assignment(name, nearness.groups(endpoints, &view.standpoint)));
        }
    }
}

fn assignment(cluster_name: String, groups: Vec<Group<'_>>) -> Assignment {
    Assignment {
        cluster_name,
        endpoints: groups.into_iter().map(group).collect(),
        ..Assignment::default()
    }
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
    let Some(subset) = subset else { return whole(service, port) };
    let cluster = names::outbound(port, &subset.name, &service.host);
    let nobody = BTreeMap::new();
    let owner = Client { namespace: &service.namespace, labels: &nobody };
    let own = snapshot.config().rule(owner, service);
    let (namespace, name) = &rule.name;
    if service.second {
        return format!("{cluster}@{}@{namespace}/{name}", service.namespace);
    }
    if own.is_some_and(|own| own.name == rule.name) {
        return cluster;
    }
    format!("{cluster}@{namespace}/{name}")
}

/// Name of all endpoints of a port. Of services that share a host only the first has it for its own.
pub(crate) fn whole(service: &Service, port: u16) -> String {
    let name = names::outbound(port, "", &service.host);
    if service.second { format!("{name}@{}", service.namespace) } else { name }
}

/// A group as it is written.
pub(crate) fn group(group: Group<'_>) -> wire_endpoint::LocalityLbEndpoints {
    let Group { locality: place, priority, endpoints, weight } = group;
    wire_endpoint::LocalityLbEndpoints {
        locality: (*place != Locality::default()).then(|| core::Locality {
            region: place.region.clone(),
            zone: place.zone.clone(),
            sub_zone: place.sub_zone.clone(),
        }),
        lb_endpoints: endpoints.into_iter().map(one).collect(),
        load_balancing_weight: wire::number(weight),
        priority,
        ..wire_endpoint::LocalityLbEndpoints::default()
    }
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
    let health =
        if endpoint.unready { core::HealthStatus::Unhealthy } else { core::HealthStatus::Unknown };
    wire_endpoint::LbEndpoint {
        host_identifier: Some(HostIdentifier::Endpoint(wire_endpoint::Endpoint {
            address: wire::socket(&endpoint.address.to_string(), endpoint.port),
            ..wire_endpoint::Endpoint::default()
        })),
        metadata,
        load_balancing_weight: wire::number(endpoint.weight),
        health_status: health.into(),
    }
}
