//! Rules of who splits traffic.

use std::collections::BTreeSet;

use weft_api::argo::traffic::{
    Istio, IstioDestinationRule, IstioVirtualService, ManagedRoute, TrafficRouting,
};

use crate::check::{Findings, union};

pub(super) fn check(spec: &TrafficRouting, findings: &mut Findings) {
    let TrafficRouting {
        istio,
        nginx,
        alb,
        smi,
        ambassador,
        app_mesh,
        traefik,
        managed_routes,
        apisix,
        plugins,
        max_traffic_weight,
    } = spec;
    let routers = [
        istio.is_some(),
        nginx.is_some(),
        alb.is_some(),
        smi.is_some(),
        ambassador.is_some(),
        app_mesh.is_some(),
        traefik.is_some(),
        apisix.is_some(),
        !plugins.is_empty(),
    ];
    if !routers.contains(&true) {
        findings.error("names nobody who splits traffic", "add istio, or remove trafficRouting");
    }
    if max_traffic_weight.is_some() && nginx.is_none() && plugins.is_empty() {
        let what = "goes with nginx and plugins only";
        findings.error_in("maxTrafficWeight", what, "remove it; weights are in percent");
    }
    let mut seen = BTreeSet::new();
    findings.each("managedRoutes", managed_routes, |ManagedRoute { name }, findings| {
        if !seen.insert(name) {
            findings.error_in("name", format!("{name:?} stands here twice"), "name each once");
        }
    });
    findings.given("istio", istio.as_ref(), self::istio);
}

/// Whether traffic is split between two services, and not between subsets of one.
pub(super) fn by_service(spec: &TrafficRouting, ping_pong: bool) -> bool {
    let hosts = spec.istio.as_ref().is_some_and(|istio| istio.destination_rule.is_none());
    let others = [
        spec.alb.is_some(),
        spec.smi.is_some(),
        spec.apisix.is_some(),
        spec.ambassador.is_some(),
        spec.nginx.is_some(),
        spec.app_mesh.is_some(),
        spec.traefik.is_some(),
    ];
    !ping_pong && (hosts || others.contains(&true))
}

fn istio(spec: &Istio, findings: &mut Findings) {
    let Istio { virtual_service, destination_rule, virtual_services } = spec;
    let ways = [
        ("virtualService", virtual_service.is_some()),
        ("virtualServices", !virtual_services.is_empty()),
    ];
    union::exactly_one(&ways, findings);
    findings.given("virtualService", virtual_service.as_ref(), self::virtual_service);
    let mut seen = BTreeSet::new();
    findings.each("virtualServices", virtual_services, |found, findings| {
        if !seen.insert(&found.name) {
            let what = format!("{:?} stands here twice", found.name);
            findings.error_in("name", what, "name each once");
        }
        self::virtual_service(found, findings);
    });
    findings.given("destinationRule", destination_rule.as_ref(), |rule, findings| {
        let IstioDestinationRule {
            name: _,
            canary_subset_name,
            stable_subset_name,
            additional_subset_names,
        } = rule;
        if canary_subset_name == stable_subset_name {
            let what = format!("{stable_subset_name:?} is the canarySubsetName as well");
            findings.error_in("stableSubsetName", what, "use two subsets");
        }
        let taken = [canary_subset_name, stable_subset_name];
        findings.each("additionalSubsetNames", additional_subset_names, |name, findings| {
            if taken.contains(&name) {
                let what = format!("{name:?} is a subset of the rollout itself");
                findings.error(what, "name other subsets");
            }
        });
    });
}

fn virtual_service(spec: &IstioVirtualService, findings: &mut Findings) {
    let IstioVirtualService { name: _, routes, tls_routes: _, tcp_routes: _ } = spec;
    let mut seen = BTreeSet::new();
    findings.each("routes", routes, |route, findings| {
        if route.is_empty() {
            findings.error("is empty", "name a route of the VirtualService");
        } else if !seen.insert(route) {
            findings.error(format!("{route:?} stands here twice"), "name each once");
        }
    });
}
