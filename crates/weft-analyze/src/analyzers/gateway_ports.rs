//! Gateways of no pods, or on ports that no Service leads to.

use std::collections::{HashMap, HashSet};

use super::Analyzer;
use crate::code;
use crate::mesh::Mesh;
use crate::report::Report;
use crate::view::{Json, Labels, Object, Port, kind, servers, service_ports};

pub(super) const ANALYZER: Analyzer = Analyzer::new(
    "gateway.IngressGatewayPortAnalyzer",
    "Gateways of no pods, or on ports that no Service leads to.",
    &[code::IST0101, code::IST0162],
    look,
);

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    let ports = ports_of_pods(mesh);
    for gateway in mesh.all(kind::GATEWAY) {
        let selector = Labels::at(gateway.raw, "spec.selector");
        let pods = mesh.selected(None, selector);
        if pods.is_empty() {
            no_pod(gateway, selector, report);
            continue;
        }
        let open: HashSet<i64> = pods
            .iter()
            .filter_map(|pod| ports.get(&(pod.object.namespace, pod.object.name)))
            .flatten()
            .copied()
            .collect();
        for server in servers(gateway).filter(|server| server.raw.has("port")) {
            if !open.contains(&server.port) {
                closed(gateway, server.index, server.port, selector, report);
            }
        }
    }
}

/// Says that a gateway's selector finds nothing.
pub(super) fn no_pod(gateway: &Object<'_>, selector: Labels<'_>, report: &mut Report) {
    let what = format!("no pod has the labels {selector}: nobody serves this gateway");
    let fix = "correct the selector, or install such a gateway";
    report.add(code::IST0101, gateway, "/spec/selector", what, fix);
}

fn closed(gateway: &Object<'_>, at: usize, port: i64, selector: Labels<'_>, report: &mut Report) {
    let what = format!("no Service leads to port {port} of the pods with the labels {selector}");
    let fix = "add the port to the Service of the gateway, or use the Service's targetPort here";
    let field = format!("/spec/servers/{at}/port/number");
    report.add_once(code::IST0162, gateway, field, what, fix);
}

type PortsOfPods<'a> = HashMap<(&'a str, &'a str), Vec<i64>>;

/// Ports that Services lead to, by pod.
fn ports_of_pods<'a>(mesh: &Mesh<'a>) -> PortsOfPods<'a> {
    let mut found = PortsOfPods::new();
    for service in mesh.all(kind::SERVICE) {
        let selector = Labels::at(service.raw, "spec.selector");
        let ports: Vec<i64> = service_ports(service).flat_map(|port| numbers(&port)).collect();
        for pod in mesh.selected(Some(service.namespace), selector) {
            let key = (pod.object.namespace, pod.object.name);
            found.entry(key).or_default().extend(&ports);
        }
    }
    found
}

/// Numbers by which a gateway may name a port of its Service: that port, or where it arrives.
fn numbers(port: &Port<'_>) -> Vec<i64> {
    let is_tcp = matches!(port.raw.text("protocol"), "TCP" | "");
    let both = [Some(port.number), port.target().parse().ok()];
    both.into_iter().flatten().filter(|_| is_tcp).collect()
}
