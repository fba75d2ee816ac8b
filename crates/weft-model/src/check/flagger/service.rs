//! Rules of services and routes that a `Canary` makes.

use weft_api::IntOrString;
use weft_api::flagger::canary::TrafficProvider;
use weft_api::flagger::service::{Rewrite, Service, ServiceMetadata};
use weft_types::domain;

use crate::check::findings::code;
use crate::check::{Findings, cors, http_route, labels, retry, traffic_policy, values};

pub(super) fn check(
    spec: &Service,
    provider: Option<TrafficProvider>,
    namespace: &str,
    findings: &mut Findings,
) {
    let Service {
        name,
        port: _,
        port_name,
        app_protocol: _,
        traffic_distribution: _,
        target_port,
        port_discovery: _,
        headless: _,
        timeout,
        backend_timeout,
        mesh_name: _,
        backends: _,
        hosts,
        delegation,
        matches,
        retries,
        rewrite,
        mirror: _,
        headers,
        gateways,
        gateway_refs,
        cors_policy,
        traffic_policy,
        apex,
        primary,
        canary,
        unmanaged_metadata: _,
    } = spec;
    for (field, text) in [("name", name), ("portName", port_name)] {
        if !text.is_empty() && !domain::is_label(text) {
            findings.error_in(field, format!("{text:?} is no name"), "use a-z, 0-9 and -");
        }
    }
    findings.given("targetPort", target_port.as_ref(), self::port);
    findings.given("timeout", timeout.as_ref(), |span, f| values::duration(*span, f));
    findings
        .given("backendTimeout", backend_timeout.as_ref(), |span, f| values::duration(*span, f));
    findings.each("hosts", hosts, |host, findings| {
        if let Err(why) = domain::wildcard(host) {
            findings.error(why, "write a host name, or *.DOMAIN");
        }
    });
    if *delegation && !(hosts.is_empty() && gateways.is_empty()) {
        let what =
            "leaves hosts and gateways out, which stand in the VirtualService that delegates";
        findings.warning_in("delegation", code::SUSPICIOUS, what, "remove hosts and gateways");
    }
    findings.given("rewrite", rewrite.as_ref(), self::rewrite);
    // Other systems have words of their own for conditions and retries.
    if matches!(provider, None | Some(TrafficProvider::Istio)) {
        let mesh = gateways.is_empty() || gateways.iter().any(|name| name == "mesh");
        let scope = http_route::Scope { delegate: *delegation, mesh, made: false };
        findings.each("match", matches, |found, f| http_route::matches(found, &scope, f));
        findings.given("retries", retries.as_ref(), retry::check);
        findings.given("headers", headers.as_ref(), http_route::headers);
        findings.given("corsPolicy", cors_policy.as_ref(), cors::check);
        findings.given("trafficPolicy", traffic_policy.as_ref(), |policy, findings| {
            traffic_policy::check(policy, namespace, findings);
        });
    }
    let by_gateway_api =
        matches!(provider, Some(TrafficProvider::GatewayApi | TrafficProvider::GatewayApiBeta));
    if by_gateway_api && gateway_refs.is_empty() {
        let what = "is missing, and routes of the Gateway API need a parent";
        findings.warning_in("gatewayRefs", code::SUSPICIOUS, what, "name a Gateway");
    }
    for (field, metadata) in [("apex", apex), ("primary", primary), ("canary", canary)] {
        findings.given(field, metadata.as_ref(), self::metadata);
    }
}

fn port(spec: &IntOrString, findings: &mut Findings) {
    let fits = match spec {
        IntOrString::Int(number) => (1..=65535).contains(number),
        IntOrString::Text(name) => name.len() <= 15 && domain::is_label(name),
    };
    if !fits {
        findings.error(format!("{spec} is no port"), "use 1 to 65535, or the name of a port");
    }
}

fn rewrite(spec: &Rewrite, findings: &mut Findings) {
    let Rewrite { uri, authority, kind } = spec;
    if uri.is_empty() && authority.is_empty() {
        findings.error("says nothing", "add uri or authority");
    }
    if !matches!(kind.as_str(), "" | "ReplaceFullPath" | "ReplacePrefixMatch") {
        let what = format!("{kind:?} is not a known value");
        findings.error_in("type", what, "use ReplaceFullPath or ReplacePrefixMatch");
    }
}

fn metadata(spec: &ServiceMetadata, findings: &mut Findings) {
    let ServiceMetadata { labels, annotations } = spec;
    labels::check("labels", labels, findings);
    labels::keys("annotations", annotations, findings);
}
