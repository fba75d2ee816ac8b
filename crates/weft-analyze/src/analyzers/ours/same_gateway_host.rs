//! VirtualServices that are for the same host on the same gateway, and of which one takes the other's requests.
//! Why not every pair: routes of several VirtualServices are joined on a gateway, the oldest first, and that is of use.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

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
        services.sort_by_key(|service| age(service));
        judge(&gateway, host, &services, report);
    }
}

/// The oldest comes first.
fn age<'a>(service: &Object<'a>) -> (bool, &'a str, &'a str, &'a str) {
    let created = service.raw.text("metadata.creationTimestamp");
    (created.is_empty(), created, service.namespace, service.name)
}

fn judge(gateway: &str, host: &str, services: &[&Object<'_>], report: &mut Report) {
    let mut taken: HashMap<String, &Object<'_>> = HashMap::new();
    for service in services {
        let asked = asked(service);
        let first = asked.iter().find_map(|(request, field)| {
            let first = taken.get(request).filter(|first| {
                first.name != service.name || first.namespace != service.namespace
            })?;
            Some((*first, field, request.is_empty()))
        });
        if let Some((first, field, is_rest)) = first {
            let name = first.full_name();
            let share = if is_rest {
                "requests that no other route matches"
            } else {
                "requests of this match"
            };
            let what = format!(
                "VirtualService {name} is for host {host} on gateway {gateway} too, is older, and takes {share}"
            );
            let fix = "merge both, or give each its own matches";
            report.add(code::WEFT0106, service, field.clone(), what, fix);
        }
        for (request, _) in asked {
            taken.entry(request).or_insert(service);
        }
    }
}

/// What each route asks for, and its field; nothing is what a route without matches asks for.
fn asked(service: &Object<'_>) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (at, route) in service.spec().list("http").iter().enumerate() {
        if route.list("match").is_empty() {
            found.push((String::new(), format!("/spec/http/{at}")));
        }
        for (index, request) in route.list("match").iter().enumerate() {
            found.push((without_name(request), format!("/spec/http/{at}/match/{index}")));
        }
    }
    found
}

fn without_name(request: &Value) -> String {
    let fields = request.entries("").filter(|(key, _)| *key != "name");
    fields.map(|(key, value)| format!("{key}={value};")).collect()
}
