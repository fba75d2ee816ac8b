//! TCP ports of ServiceEntries without an address, which catch all traffic to that port.

use super::Analyzer;
use crate::code;
use crate::mesh::Mesh;
use crate::report::Report;
use crate::view::{Json, Object, kind, service_entry_ports};

pub(super) const ANALYZER: Analyzer = Analyzer::new(
    "serviceentry.Analyzer",
    "TCP ports of ServiceEntries without an address, which catch all traffic to that port.",
    &[code::IST0134],
    look,
);

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    let settings = mesh.config.at("defaultConfig.proxyMetadata");
    let is_on = |name: &str| settings.text(name) == "true" || settings.is_true(name);
    let allocates = is_on("ISTIO_META_DNS_CAPTURE")
        && (is_on("ISTIO_META_DNS_AUTO_ALLOCATE") || is_on("PILOT_ENABLE_IP_AUTOALLOCATE"));
    if allocates {
        return;
    }
    for entry in mesh.all(kind::SERVICE_ENTRY) {
        let has_address = ["spec.addresses", "status.addresses"]
            .iter()
            .any(|addresses| !entry.raw.list(addresses).is_empty());
        if !has_address {
            judge(entry, report);
        }
    }
}

fn judge(entry: &Object<'_>, report: &mut Report) {
    for (index, port) in service_entry_ports(entry).enumerate() {
        if port.declared.is_empty() || port.declared.eq_ignore_ascii_case("TCP") {
            let number = port.number;
            let what = format!(
                "port {number} carries TCP, and without addresses its traffic cannot be told from that to other hosts"
            );
            let fix = "set addresses, or a protocol with host names";
            report.add(code::IST0134, entry, format!("/spec/ports/{index}"), what, fix);
        }
    }
}
