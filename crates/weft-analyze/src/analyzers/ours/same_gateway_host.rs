//! VirtualServices that are for the same host on the same gateway, and of which one takes the other's requests.
//! Why not every pair: routes of several VirtualServices are joined on a gateway, the oldest first, and that is of use.

use std::collections::BTreeMap;

use serde_json::Value;

use super::shadowed_routes::covers;

use crate::analyzers::{Analyzer, virtual_service_gateways};
use crate::code;
use crate::mesh::Mesh;
use crate::report::Report;
use crate::view::{Json, Object, kind};

pub(in crate::analyzers) const ANALYZER: Analyzer = Analyzer::new(
    "weft.HostCapturedTwice",
    "VirtualServices of a gateway of which one takes the other's requests.",
    &[code::WEFT0106],
    look,
);

/// Gateway and host.
type Place<'a> = (String, &'a str);

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    let mut places: BTreeMap<Place<'_>, Vec<&Object<'_>>> = BTreeMap::new();
    for service in mesh.all(kind::VIRTUAL_SERVICE) {
        for name in service.spec().texts("gateways").filter(|name| *name != "mesh") {
            let found = virtual_service_gateways::find(mesh, service.namespace, name);
            let found =
                found.filter(|gateway| virtual_service_gateways::serves_a_host(gateway, service));
            let Some(gateway) = found else { continue };
            for host in service.spec().texts("hosts") {
                places.entry((gateway.full_name(), host)).or_default().push(service);
            }
        }
    }
    for ((gateway, host), mut services) in places.into_iter().filter(|(_, all)| all.len() > 1) {
        services.sort_by_key(|service| service.age());
        judge(&gateway, host, &services, report);
    }
}

/// Earlier matches that one is compared with, so that time stays linear in the routes of a host.
const MOST_COMPARED: usize = 512;

fn judge(gateway: &str, host: &str, services: &[&Object<'_>], report: &mut Report) {
    let mut taken: Vec<(&Value, &Object<'_>)> = Vec::new();
    for service in services {
        let asked = asked(service);
        let found = asked.iter().find_map(|asked| {
            let takes = |(first, other): &&(&Value, &Object<'_>)| {
                other.reference() != service.reference() && takes(first, asked.request)
            };
            Some((taken.iter().find(takes)?.1, asked))
        });
        if let Some((first, asked)) = found {
            let share = if is_rest(asked.request) {
                "requests that no other route matches"
            } else {
                "requests of this match"
            };
            let what = format!(
                "VirtualService {} is for host {host} on gateway {gateway} too, is older, and takes {share}",
                first.full_name()
            );
            let fix = "merge both, or give each its own matches";
            report.add(code::WEFT0106, service, asked.field.clone(), what, fix);
        }
        let left = MOST_COMPARED.saturating_sub(taken.len());
        // A delegate has matches of its own, and may let some requests pass.
        let own = asked.iter().filter(|asked| !asked.is_delegated).take(left);
        taken.extend(own.map(|asked| (asked.request, *service)));
    }
}

/// Whether the older match leaves nothing of the other; routes for the rest stand behind all others on a gateway.
fn takes(first: &Value, later: &Value) -> bool {
    covers(first, later) && (!is_rest(first) || is_rest(later))
}

fn is_rest(request: &Value) -> bool {
    covers(request, &Value::Null)
}

/// What a route asks for.
struct Asked<'a> {
    /// Nothing for a route without matches.
    request: &'a Value,
    is_delegated: bool,
    field: String,
}

fn asked<'a>(service: &Object<'a>) -> Vec<Asked<'a>> {
    let mut found = Vec::new();
    for (at, route) in service.spec().list("http").iter().enumerate() {
        let (is_delegated, field) = (route.has("delegate"), format!("/spec/http/{at}"));
        if route.list("match").is_empty() {
            found.push(Asked { request: &Value::Null, is_delegated, field: field.clone() });
        }
        for (index, request) in route.list("match").iter().enumerate() {
            let field = format!("{field}/match/{index}");
            found.push(Asked { request, is_delegated, field });
        }
    }
    found
}
