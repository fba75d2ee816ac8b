//! Servers of gateways that cannot stand on one port of the same pods: what speaks first decides what a port is.

use std::collections::BTreeMap;

use crate::analyzers::Analyzer;
use crate::code;
use crate::mesh::Mesh;
use crate::report::Report;
use crate::view::{Json, Labels, Object, Server, kind, servers};

pub(in crate::analyzers) const ANALYZER: Analyzer = Analyzer::new(
    "weft.GatewayPortConflict",
    "Servers of gateways of which one takes the port from the other.",
    &[code::WEFT0123],
    look,
);

/// What a port speaks. Plain HTTP is shared by host, TLS by server name, bytes not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layer {
    Http,
    Tls,
    Bytes,
}

/// Who has a port of some pods.
struct Owner<'o, 'a> {
    gateway: &'o Object<'a>,
    server: usize,
    layer: Layer,
}

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    let mut gateways: Vec<&Object<'_>> = mesh.all(kind::GATEWAY).iter().collect();
    gateways.sort_by_key(|gateway| gateway.age());
    let mut owners: BTreeMap<(i64, &str), Vec<Owner<'_, '_>>> = BTreeMap::new();
    for gateway in gateways {
        for server in servers(gateway).filter(|server| server.port > 0) {
            let layer = layer(&server);
            let taken = owners.entry((server.port, server.raw.text("bind"))).or_default();
            match taken.iter().find(|owner| share_pods(mesh, owner.gateway, gateway)) {
                Some(owner) if owner.layer != layer || layer == Layer::Bytes => {
                    tell(gateway, &server, owner, report);
                }
                _ => taken.push(Owner { gateway, server: server.index, layer }),
            }
        }
    }
}

fn layer(server: &Server<'_>) -> Layer {
    let protocol = server.raw.text("port.protocol").to_ascii_uppercase();
    match protocol.as_str() {
        "HTTP" | "HTTP2" | "GRPC" | "GRPC-WEB" => Layer::Http,
        _ if server.raw.has("tls") => Layer::Tls,
        _ => Layer::Bytes,
    }
}

/// One of equal selectors, or one that some pod has beside the other.
fn share_pods(mesh: &Mesh<'_>, one: &Object<'_>, other: &Object<'_>) -> bool {
    let (one, other) =
        (Labels::at(one.raw, "spec.selector"), Labels::at(other.raw, "spec.selector"));
    one == other || mesh.has_selected(one, |workload| other.selects(workload.labels))
}

fn tell(gateway: &Object<'_>, server: &Server<'_>, owner: &Owner<'_, '_>, report: &mut Report) {
    let speaks = match owner.layer {
        Layer::Http => "plain HTTP",
        Layer::Tls => "TLS",
        Layer::Bytes => "TCP, which cannot be shared",
    };
    let what = format!(
        "port {} of the same pods speaks {speaks}, as servers[{}] of the older Gateway {} says: this server is ignored",
        server.port,
        owner.server,
        owner.gateway.full_name()
    );
    let what = if owner.gateway.reference() == gateway.reference() {
        what.replace("of the older Gateway", "of the same Gateway")
    } else {
        what
    };
    let fix = "give it a port of its own";
    report.add(code::WEFT0123, gateway, format!("/spec/servers/{}/port", server.index), what, fix);
}
