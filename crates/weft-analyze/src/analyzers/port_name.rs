//! Ports whose name does not tell their protocol.

use super::Analyzer;
use crate::code;
use crate::mesh::Mesh;
use crate::report::Report;
use crate::view::{Json, Object, Port, kind, service_ports};

/// Controllers that make Services for gateways; nobody writes the names of their ports.
const MAKERS: &[&str] =
    &["istio.io-gateway-controller", "istio.io-mesh-controller", "istio.io-eastwest-controller"];

pub(super) const ANALYZER: Analyzer = Analyzer::new(
    "service.PortNameAnalyzer",
    "Ports whose name does not tell their protocol.",
    &[code::IST0118, code::IST0150],
    look,
);

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    let services = mesh.all(kind::SERVICE).iter();
    for service in services.filter(|service| is_written(service)) {
        let is_alias = service.spec().text("type") == "ExternalName";
        for (index, port) in service_ports(service).enumerate() {
            let is_caught = is_alias && port.name == "tcp";
            let is_udp = port.raw.text("protocol") == "UDP";
            if !is_udp && port.said().is_none() || is_caught {
                tell(service, index, &port, is_alias, report);
            }
        }
    }
}

fn is_written(service: &Object<'_>) -> bool {
    let maker = service.labels().get("gateway.istio.io/managed");
    !service.is_control_plane() && !maker.is_some_and(|maker| MAKERS.contains(&maker))
}

fn tell(service: &Object<'_>, index: usize, port: &Port<'_>, is_alias: bool, report: &mut Report) {
    let field = format!("/spec/ports/{index}/name");
    let (number, name) = (port.number, port.name);
    if is_alias {
        let what = format!(
            "port {number} (`{name}`) of an ExternalName service catches all TCP traffic to port {number}"
        );
        let fix = "begin its name with a protocol that has host names, such as http or tls";
        report.add(code::IST0150, service, field, what, fix);
    } else {
        let port = match name {
            "" => format!("port {number} has no name"),
            name => format!("the name `{name}` of port {number} tells no protocol"),
        };
        let what = format!("{port}, so what it speaks is guessed per connection");
        let fix = "set appProtocol, or name it PROTOCOL or PROTOCOL-SUFFIX, such as http-web";
        report.add(code::IST0118, service, field, what, fix);
    }
}
