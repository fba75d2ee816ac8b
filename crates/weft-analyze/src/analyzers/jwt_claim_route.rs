//! Routes by claims of a token that nobody checks.

use std::collections::{BTreeSet, HashMap};

use super::Analyzer;
use crate::code;
use crate::mesh::Mesh;
use crate::report::Report;
use crate::view::{Json, Labels, Object, kind};

pub(super) const ANALYZER: Analyzer = Analyzer::new(
    "virtualservice.JWTClaimRouteAnalyzer",
    "Routes by claims of a token that nobody checks.",
    &[code::IST0149],
    look,
);

/// Selectors of RequestAuthentications by namespace.
type Checked<'a> = HashMap<&'a str, Vec<Labels<'a>>>;

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    let mut checked = Checked::new();
    for authentication in mesh.all(kind::REQUEST_AUTHENTICATION) {
        let selector = Labels::at(authentication.raw, "spec.selector.matchLabels");
        checked.entry(authentication.namespace).or_default().push(selector);
    }
    for service in mesh.all(kind::VIRTUAL_SERVICE) {
        if let Some((field, claim)) = claim(service) {
            for name in service.spec().texts("gateways").filter(|name| *name != "mesh") {
                judge(mesh, service, name, (&field, claim), &checked, report);
            }
        }
    }
}

/// The first header of a match that is a claim, and its field.
pub(super) fn claim<'a>(service: &Object<'a>) -> Option<(String, &'a str)> {
    for (rule, route) in service.spec().list("http").iter().enumerate() {
        for (index, request) in route.list("match").iter().enumerate() {
            let headers = request.entries("headers").chain(request.entries("withoutHeaders"));
            let mut keys = headers.map(|(key, _)| key);
            if let Some(key) = keys.find(|key| key.starts_with("@request.auth.claims")) {
                return Some((format!("/spec/http/{rule}/match/{index}"), key));
            }
        }
    }
    None
}

fn judge(
    mesh: &Mesh<'_>,
    service: &Object<'_>,
    gateway: &str,
    (field, claim): (&str, &str),
    checked: &Checked<'_>,
    report: &mut Report,
) {
    let Some(found) = mesh.find_from(kind::GATEWAY, service.namespace, gateway) else { return };
    let selector = Labels::at(found.raw, "spec.selector");
    let unchecked = mesh.pods.selected(None, selector).filter(|pod| {
        let namespaces = BTreeSet::from([mesh.root, pod.object.namespace]);
        let mut selectors = namespaces.iter().filter_map(|ns| checked.get(ns)).flatten();
        !selectors.any(|selector| selector.selects(pod.labels))
    });
    for pod in unchecked {
        let what = format!(
            "routes by `{claim}` on gateway `{gateway}`, but no RequestAuthentication checks tokens in its pod `{}`",
            pod.object.name
        );
        let fix = "add a RequestAuthentication that selects the gateway's pods";
        report.add(code::IST0149, service, field, what, fix);
    }
}
