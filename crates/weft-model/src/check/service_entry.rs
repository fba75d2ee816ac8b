//! Rules of `ServiceEntry`.

use std::collections::{BTreeMap, BTreeSet};

use weft_api::meta::Metadata;
use weft_api::service_entry::{Location, Resolution, ServiceEntry, ServicePort};
use weft_api::workload::WorkloadEntry;

use weft_types::{address, domain};

use super::findings::code;
use super::{Findings, sidecar, values, workload};

pub(crate) fn check(meta: &Metadata, spec: &ServiceEntry, findings: &mut Findings) {
    let ServiceEntry {
        hosts,
        addresses,
        ports,
        location,
        resolution,
        endpoints,
        workload_selector,
        export_to,
        subject_alt_names: _,
    } = spec;
    if workload_selector.is_some() && endpoints.is_some() {
        findings.error("has endpoints and a workloadSelector", "keep one of them");
    }
    if workload_selector.is_some() && *resolution == Resolution::None {
        findings.warning_in(
            "workloadSelector",
            code::SUSPICIOUS,
            "has no effect with resolution NONE, which calls the address that the client asks for",
            "set resolution STATIC or DNS",
        );
    }
    values::label_selector("workloadSelector", workload_selector.as_ref(), findings);
    if hosts.is_empty() {
        findings.error_in("hosts", "is missing", "name the service");
    }
    findings.each("hosts", hosts, |host, findings| self::host(host, findings));
    self::addresses(addresses, *resolution, findings);
    self::ports(ports, findings);
    self::endpoints(endpoints.as_deref(), spec, findings);
    ambiguous(spec, findings);
    if *resolution == Resolution::DynamicDns {
        dynamic(meta, spec, *location, findings);
    }
    exports(export_to, &meta.namespace, findings);
}

fn host(host: &str, findings: &mut Findings) {
    if host == "*" {
        findings.error("`*` covers every host", "name the hosts; *.example.com is allowed");
    } else if let Err(why) = domain::wildcard(host) {
        findings.error(why, "write a host name, or *.DOMAIN");
    } else if host.starts_with('*') && !host.starts_with("*.") {
        let what = format!("{host:?}: `*` is no whole label, which proxies do not match");
        findings.add(crate::Severity::Warning, code::SUSPICIOUS, what, "write *.DOMAIN");
    }
}

fn addresses(addresses: &[String], resolution: Resolution, findings: &mut Findings) {
    let fixed = matches!(resolution, Resolution::None | Resolution::Static);
    findings.each("addresses", addresses, |address, findings| {
        if !address::is_range(address) {
            findings.error(format!("{address:?} is no address"), "write an address or a range");
        } else if address.contains('/') && !fixed {
            let what = format!("a range does not go with resolution {}", resolution.as_str());
            findings.error(what, "use resolution NONE or STATIC, or an address");
        }
    });
}

fn ports(ports: &[ServicePort], findings: &mut Findings) {
    let (mut names, mut numbers) = (BTreeSet::new(), BTreeSet::new());
    findings.each("ports", ports, |port, findings| {
        let ServicePort { number, protocol, name, target_port } = port;
        if !names.insert(name.clone()) {
            findings.error_in("name", format!("{name:?} stands here twice"), "name each once");
        }
        if !numbers.insert(*number) {
            findings.error_in("number", format!("{number} stands here twice"), "use each once");
        }
        if !domain::is_label(name) {
            findings.error_in("name", format!("{name:?} is no port name"), "use a-z, 0-9 and -");
        }
        findings.within("number", |findings| values::port(*number, findings));
        if *target_port != 0 {
            findings.within("targetPort", |findings| values::port(*target_port, findings));
        }
        sidecar::protocol(protocol, findings);
    });
}

fn endpoints(listed: Option<&[WorkloadEntry]>, spec: &ServiceEntry, findings: &mut Findings) {
    let endpoints = listed.unwrap_or_default();
    let given = !endpoints.is_empty();
    match spec.resolution {
        Resolution::None if listed.is_some() => {
            let fix = "remove them, or set resolution STATIC or DNS";
            findings.error_in("endpoints", "does not go with resolution NONE", fix);
        }
        Resolution::DnsRoundRobin if endpoints.len() > 1 => {
            let what = "resolution DNS_ROUND_ROBIN has one endpoint at most";
            findings.error_in("endpoints", what, "keep one, or set resolution DNS");
        }
        Resolution::DynamicDns if given => {
            let what = "does not go with resolution DYNAMIC_DNS, which asks for the called host";
            findings.error_in("endpoints", what, "remove them");
        }
        _ => {}
    }
    let by_name = matches!(spec.resolution, Resolution::Dns | Resolution::DnsRoundRobin);
    let names: BTreeMap<&str, ()> = spec.ports.iter().map(|p| (p.name.as_str(), ())).collect();
    findings.each("endpoints", endpoints, |endpoint, findings| {
        workload::entry(endpoint, findings);
        let address = endpoint.address.as_str();
        let is_name = !address::is_ip(address) && !address.is_empty();
        if spec.resolution == Resolution::Static {
            if address.starts_with("unix://") {
                socket(spec, findings);
            } else if is_name {
                let what = format!("{address:?} is no IP address, as resolution STATIC needs");
                findings.error_in("address", what, "use an address, or set resolution DNS");
            }
        }
        if by_name && !address::is_ip(address) && domain::full(address).is_err() {
            let what = format!("{address:?} is neither a host name nor an address");
            findings.error_in("address", what, "write a name without wildcards");
        }
        findings.within("ports", |findings| {
            for name in endpoint.ports.keys().filter(|name| !names.contains_key(name.as_str())) {
                let what = format!("the service has no port {name:?}");
                findings.error_in(name, what, "use the names of `spec.ports`");
            }
        });
    });
    if by_name && !given {
        findings.each("hosts", &spec.hosts, |host, findings| {
            if domain::full(host).is_err() && domain::wildcard(host).is_ok() && host != "*" {
                let what = format!("{host:?} cannot be asked of DNS");
                findings.error(what, "name endpoints, write the name out, or use DYNAMIC_DNS");
            }
        });
    }
}

fn socket(spec: &ServiceEntry, findings: &mut Findings) {
    if spec.ports.len() != 1 {
        let what =
            format!("a unix socket serves one port, and the service has {}", spec.ports.len());
        findings.error_in("address", what, "keep one port");
    }
}

/// Services whose connections cannot be told from those of others.
fn ambiguous(spec: &ServiceEntry, findings: &mut Findings) {
    if spec.resolution != Resolution::None && spec.hosts.len() > 1 {
        findings.each("ports", &spec.ports, |port, findings| {
            if !names_host(&port.protocol) {
                let what = "does not tell which of the hosts is called";
                findings.error_in("protocol", what, "use HTTP, GRPC or TLS, or one host");
            }
        });
    }
    let by_dns = matches!(spec.resolution, Resolution::Dns | Resolution::DnsRoundRobin);
    if by_dns && spec.hosts.len() > 1 && !spec.addresses.is_empty() {
        findings.warning_in(
            "addresses",
            code::SUSPICIOUS,
            "belong to several hosts, so that a connection cannot tell which one is meant",
            "write one ServiceEntry for each host",
        );
    }
    let open = spec.resolution == Resolution::None && spec.addresses.is_empty();
    for (index, port) in spec.ports.iter().enumerate().filter(|_| open) {
        if names_host(&port.protocol) {
            continue;
        }
        let what = "without addresses, every connection to this port is taken for this service";
        findings.within("ports", |findings| {
            findings.within(&index.to_string(), |findings| {
                findings.warning_in("protocol", code::SUSPICIOUS, what, "add addresses");
            });
        });
    }
}

/// Whether a connection of this protocol names the host that it is for.
fn names_host(protocol: &str) -> bool {
    let name = protocol.to_ascii_uppercase();
    matches!(name.as_str(), "HTTP" | "HTTP2" | "GRPC" | "GRPC-WEB" | "HTTP_PROXY" | "HTTPS" | "TLS")
}

fn dynamic(meta: &Metadata, spec: &ServiceEntry, location: Location, findings: &mut Findings) {
    findings.each("hosts", &spec.hosts, |host, findings| {
        if !host.starts_with("*.") {
            let what = format!("{host:?} is one host, and DYNAMIC_DNS is for many");
            findings.error(what, "use a wildcard such as *.example.com, or resolution DNS");
        }
    });
    if !spec.addresses.is_empty() {
        let what = "does not go with DYNAMIC_DNS, which looks at the called host";
        findings.error_in("addresses", what, "remove it");
    }
    findings.each("ports", &spec.ports, |port, findings| {
        if !names_host(&port.protocol) {
            let what = format!("{:?} does not tell which host is called", port.protocol);
            findings.error_in("protocol", what, "use HTTP, HTTP2, GRPC or TLS");
        }
        if port.target_port != 0 && port.target_port != port.number {
            let what = "has no effect with DYNAMIC_DNS, which goes to the port that is called";
            findings.warning_in("targetPort", code::SUSPICIOUS, what, "remove it");
        }
    });
    if location == Location::MeshInternal && meta.labels.contains_key("istio.io/use-waypoint") {
        let what = "MESH_INTERNAL with DYNAMIC_DNS does not go with a waypoint";
        findings.error_in("location", what, "use MESH_EXTERNAL");
    }
}

/// A ServiceEntry, unlike routes, may be shown to nobody.
fn exports(entries: &[String], namespace: &str, findings: &mut Findings) {
    if matches!(entries, [only] if only == "~") {
        return;
    }
    values::export_to(entries, namespace, findings);
}
