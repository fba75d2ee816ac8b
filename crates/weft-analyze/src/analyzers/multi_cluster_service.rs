//! Services that are not the same in every cluster.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Analyzer, Look};
use crate::code;
use crate::mesh::Mesh;
use crate::report::{Report, join};
use crate::view::{Json, Object, kind, service_ports};

pub(super) const ANALYZER: Analyzer = Analyzer {
    name: "services.MultiClusterServiceAnalyzer",
    about: "Services that are not the same in every cluster.",
    codes: &[code::IST0170],
    is_default: true,
    look: Look::Together(look),
};

type Copies<'m, 'a> = Vec<(&'m str, &'m Object<'a>)>;

fn look(clusters: &[(&str, &Mesh<'_>)], report: &mut Report) {
    let mut services: BTreeMap<(&str, &str), Copies<'_, '_>> = BTreeMap::new();
    for (cluster, mesh) in clusters {
        for service in mesh.all(kind::SERVICE) {
            let key = (service.namespace, service.name);
            services.entry(key).or_default().push((cluster, service));
        }
    }
    for copies in services.into_values() {
        if let Some(((_, first), others)) = copies.split_first() {
            let reasons: BTreeSet<&str> =
                others.iter().flat_map(|(_, other)| differences(first, other)).collect();
            if !reasons.is_empty() {
                tell(first, &copies, reasons, report);
            }
        }
    }
}

fn tell(first: &Object<'_>, copies: &Copies<'_, '_>, reasons: BTreeSet<&str>, report: &mut Report) {
    let clusters: Vec<&str> = copies.iter().map(|(cluster, _)| *cluster).collect();
    let reasons: Vec<&str> = reasons.into_iter().collect();
    let what = format!("differs between clusters {}: {}", join(&clusters), reasons.join(", "));
    report.add(code::IST0170, first, "/spec", what, "make it the same in every cluster");
}

fn differences(one: &Object<'_>, other: &Object<'_>) -> impl Iterator<Item = &'static str> + use<> {
    let is_headless = |service: &Object<'_>| service.spec().text("clusterIP") == "None";
    let kind = |service: &Object<'_>| service.spec().text("type").to_owned();
    [
        (is_headless(one) != is_headless(other), "headless in one and not in another"),
        (kind(one) != kind(other), "types"),
        (ports(one) != ports(other), "ports"),
    ]
    .into_iter()
    .filter_map(|(differs, reason)| differs.then_some(reason))
}

/// Ports by name; node ports are each cluster's own.
fn ports(service: &Object<'_>) -> BTreeMap<String, (i64, String, Value, String)> {
    let said = |raw: &Value| raw.text("protocol").to_owned();
    let ports = service_ports(service).map(|port| {
        let details = (
            port.number,
            said(port.raw),
            port.raw.at("targetPort").clone(),
            port.declared.to_owned(),
        );
        (port.name.to_owned(), details)
    });
    ports.collect()
}
