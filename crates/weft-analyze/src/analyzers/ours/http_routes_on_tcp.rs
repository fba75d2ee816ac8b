//! Routes of requests for services whose ports carry bytes only.

use crate::analyzers::Analyzer;
use crate::code;
use crate::mesh::Mesh;
use crate::report::{Report, join};
use crate::view::{Json, Object, is_bound_to_mesh, kind};

pub(in crate::analyzers) const ANALYZER: Analyzer = Analyzer::new(
    "weft.HttpRoutesOnTcpPort",
    "Routes of requests for services whose ports carry bytes only.",
    &[code::WEFT0118],
    look,
);

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    let services = mesh.all(kind::VIRTUAL_SERVICE).iter();
    for service in services.filter(|s| is_bound_to_mesh(s) && !s.spec().list("http").is_empty()) {
        for (index, host) in service.spec().texts("hosts").enumerate() {
            judge(mesh, service, index, host, report);
        }
    }
}

fn judge(mesh: &Mesh<'_>, service: &Object<'_>, index: usize, host: &str, report: &mut Report) {
    let Some(hosted) = mesh.host(service, host).filter(|_| !host.starts_with('*')) else { return };
    let carried: Vec<_> = hosted.ports.iter().filter(|port| !port.is_udp).collect();
    if !carried.is_empty() && carried.iter().all(|port| port.is_opaque()) {
        let names: Vec<String> = carried
            .iter()
            .map(|port| format!("{} ({})", port.number, port.protocol().unwrap_or("tcp")))
            .collect();
        let what = format!(
            "its http routes have no effect on `{host}`, whose ports carry bytes only: {}",
            join(&names)
        );
        let fix = "declare the port's protocol as http, or write tcp or tls routes";
        report.add(code::WEFT0118, service, format!("/spec/hosts/{index}"), what, fix);
    }
}
