//! Reads and checks `MeshNetworks`.

use std::collections::BTreeMap;

use serde_json::Value;
use weft_api::mesh_config::{MeshNetworks, Network, NetworkEndpoints, NetworkGateway};
use weft_model::{ObjectRef, Problem, Severity};

use crate::report::Report;
use crate::scalar::{fault, full_domain, ip_address, ip_range, is_label, port};
use crate::{effects, normal};

/// Reads and checks `MeshNetworks`; networks are valid when no problem is an error.
#[must_use]
pub fn validate_mesh_networks(value: &Value) -> (MeshNetworks, Vec<Problem>) {
    let mut report = Report::new(
        ObjectRef {
            kind: "MeshNetworks".into(),
            namespace: "istio-system".into(),
            name: "istio".into(),
            ..ObjectRef::default()
        },
        "",
    );
    let networks = read(value, &mut report);
    (networks, report.into_problems())
}

/// Reads and checks the networks that the report looks at.
pub(crate) fn read(value: &Value, report: &mut Report) -> MeshNetworks {
    let (networks, plain) = normal::read::<MeshNetworks>(value, Severity::Warning, report);
    report.within("networks", |report| check(&networks.networks, report));
    effects::tell::<MeshNetworks>("MeshNetworks", &plain, report);
    networks
}

/// Reads and checks a map of networks, as the values of an installation have it.
pub(crate) fn read_map(value: &Value, report: &mut Report) {
    let (networks, _) = normal::read(value, Severity::Warning, report);
    check(&networks, report);
}

fn check(networks: &BTreeMap<String, Network>, report: &mut Report) {
    for (name, network) in networks {
        report.within(name, |report| {
            report.each("endpoints", &network.endpoints, endpoints);
            report.each("gateways", &network.gateways, gateway);
        });
    }
}

fn endpoints(endpoints: &NetworkEndpoints, report: &mut Report) {
    let NetworkEndpoints { from_cidr, from_registry } = endpoints;
    if let Some(range) = from_cidr {
        report.expect("fromCidr", ip_range(range));
    }
    if let Some(name) = from_registry.as_ref().filter(|name| !is_label(name)) {
        let what = format!("{name:?} is no name of a cluster");
        report.expect("fromRegistry", fault(what, "use letters, digits and dashes"));
    }
}

fn gateway(gateway: &NetworkGateway, report: &mut Report) {
    let NetworkGateway { registry_service_name, address, port: number, locality: _ } = gateway;
    if let Some(name) = registry_service_name {
        report.expect("registryServiceName", full_domain(name));
    }
    if let Some(address) = address {
        report.expect("address", ip_address(address).or_else(|_| full_domain(address)));
    }
    report.expect("port", port(i64::from(*number)));
}
