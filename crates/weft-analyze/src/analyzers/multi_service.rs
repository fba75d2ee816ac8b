//! Workloads behind several Services that disagree about a port.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Analyzer;
use crate::code;
use crate::mesh::Mesh;
use crate::report::{Report, join};
use crate::view::{Json, Labels, Object, Workload, kind, service_ports};

pub(super) const ANALYZER: Analyzer = Analyzer::new(
    "deployment.MultiServiceAnalyzer",
    "Workloads behind several Services that disagree about a port.",
    &[code::IST0116, code::IST0137],
    look,
);

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    let services = services_of_deployments(mesh);
    for deployment in mesh.all(kind::DEPLOYMENT) {
        let is_waypoint =
            deployment.labels().is("gateway.istio.io/managed", "istio.io-mesh-controller");
        let in_mesh = Workload::of(*deployment).is_some_and(|workload| mesh.is_injected(&workload));
        let key = (deployment.namespace, deployment.name);
        if let (true, false, Some(services)) = (in_mesh, is_waypoint, services.get(&key)) {
            one_protocol_per_port(deployment, services, report);
            one_port_per_target(deployment, services, report);
        }
    }
}

type ByDeployment<'m, 'a> = HashMap<(&'a str, &'a str), Vec<&'m Object<'a>>>;

fn services_of_deployments<'m, 'a>(mesh: &'m Mesh<'a>) -> ByDeployment<'m, 'a> {
    let mut found = ByDeployment::new();
    for service in mesh.all(kind::SERVICE) {
        let selector = Labels::at(service.raw, "spec.selector");
        if selector.is_empty() {
            continue;
        }
        for workload in mesh.workloads.selected(Some(service.namespace), selector) {
            if workload.object.kind == kind::DEPLOYMENT {
                let key = (workload.object.namespace, workload.object.name);
                found.entry(key).or_default().push(service);
            }
        }
    }
    found
}

fn one_protocol_per_port(deployment: &Object<'_>, services: &[&Object<'_>], report: &mut Report) {
    let mut ports: BTreeMap<i64, BTreeMap<&str, BTreeSet<String>>> = BTreeMap::new();
    for service in services {
        for port in service_ports(service) {
            let protocol = Some(port.raw.text("protocol")).filter(|said| !said.is_empty());
            let names = ports.entry(port.number).or_default();
            names.entry(protocol.unwrap_or("TCP")).or_default().insert(service.full_name());
        }
    }
    for (port, protocols) in ports.into_iter().filter(|(_, protocols)| protocols.len() > 1) {
        let names: Vec<String> = protocols.into_values().flatten().collect();
        let what = format!("its Services {} say different protocols for port {port}", join(&names));
        report.add(code::IST0116, deployment, "/metadata/name", what, "give them one protocol");
    }
}

fn one_port_per_target(deployment: &Object<'_>, services: &[&Object<'_>], report: &mut Report) {
    let mut targets: BTreeMap<String, BTreeMap<i64, String>> = BTreeMap::new();
    for service in services {
        for port in service_ports(service) {
            let ports = targets.entry(port.target()).or_default();
            ports.insert(port.number, service.full_name());
        }
    }
    for (target, ports) in targets.into_iter().filter(|(_, ports)| ports.len() > 1) {
        let numbers: Vec<String> = ports.keys().map(i64::to_string).collect();
        let names: Vec<&String> = ports.values().collect();
        let what = format!(
            "its Services {} reach targetPort {target} by different ports: {}",
            join(&names),
            join(&numbers)
        );
        report.add(code::IST0137, deployment, "/metadata/name", what, "use one port for it");
    }
}
