//! Rules of `WorkloadEntry` and `WorkloadGroup`.

use weft_api::meta::Metadata;
use weft_api::workload::{
    ExecProbe, GroupMetadata, GrpcProbe, HttpHeader, HttpProbe, Probe, TcpProbe, WorkloadEntry,
    WorkloadGroup, WorkloadTemplate,
};

use weft_types::{address, domain};

use super::findings::code;
use super::{Findings, header, labels, values};

pub(crate) fn check(_: &Metadata, spec: &WorkloadEntry, findings: &mut Findings) {
    entry(spec, findings);
    let WorkloadEntry { address, .. } = spec;
    let socket = address.starts_with("unix://");
    if !socket && !address.is_empty() && !address::is_ip(address) && domain::full(address).is_err()
    {
        let what = format!("{address:?} is neither a host name nor an address");
        findings.error_in("address", what, "write it without port and wildcards");
    }
}

/// What holds for every endpoint.
pub(crate) fn entry(spec: &WorkloadEntry, findings: &mut Findings) {
    let WorkloadEntry { address, ports, labels, network, .. } = spec;
    findings.not_honoured("address", address.starts_with("unix://"));
    let why = "a network without a gateway of its own is reached directly";
    findings.idle("network", !network.is_empty(), why);
    if address.is_empty() && network.is_empty() {
        findings.error_in("address", "is missing", "give an address, or a network");
    }
    if address.is_empty() && !network.is_empty() {
        findings.warning_in(
            "address",
            code::SUSPICIOUS,
            "is missing: the endpoint is reached through the gateway of its network",
            "add the address if it can be reached directly",
        );
    }
    if let Some(path) = address.strip_prefix("unix://") {
        socket(path, !ports.is_empty(), findings);
    }
    self::ports(ports, findings);
    labels::choosing("labels", labels, findings);
}

fn socket(path: &str, has_ports: bool, findings: &mut Findings) {
    if !address::is_socket(path) {
        let what = format!("{path:?} is no absolute path of a unix socket");
        findings.error_in("address", what, "write unix:///PATH or unix://@NAME");
    }
    if has_ports {
        findings.error_in("ports", "does not go with a unix socket", "remove it");
    }
}

/// Longest name of a port here.
const LONGEST_PORT_NAME: usize = 62;

fn ports(ports: &std::collections::BTreeMap<String, u32>, findings: &mut Findings) {
    findings.within("ports", |findings| {
        for (name, number) in ports {
            findings.within(name, |findings| {
                if name.len() > LONGEST_PORT_NAME || !domain::is_label(name) {
                    findings.error(format!("{name:?} is no port name"), "use a-z, 0-9 and -");
                }
                values::port(*number, findings);
            });
        }
    });
}

pub(crate) fn group(_: &Metadata, spec: &WorkloadGroup, findings: &mut Findings) {
    let WorkloadGroup { metadata, template, probe } = spec;
    findings.not_honoured("probe", probe.is_some());
    findings.given("metadata", metadata.as_ref(), |metadata, findings| {
        let GroupMetadata { labels, annotations: _ } = metadata;
        labels::choosing("labels", labels, findings);
    });
    match template {
        None => findings.error_in("template", "is missing", "add it; `{}` is enough"),
        Some(template) => findings.within("template", |f| self::template(template, f)),
    }
    findings.given("probe", probe.as_ref(), self::probe);
}

fn template(template: &WorkloadTemplate, findings: &mut Findings) {
    let WorkloadTemplate { address, ports, network, .. } = template;
    findings.not_honoured("network", !network.is_empty());
    if !address.is_empty() {
        let what = "has no effect: each machine's own address counts";
        findings.warning_in("address", code::SUSPICIOUS, what, "remove it");
    }
    if let Some(path) = address.strip_prefix("unix://") {
        socket(path, !ports.is_empty(), findings);
    }
    self::ports(ports, findings);
}

fn probe(probe: &Probe, findings: &mut Findings) {
    let Probe {
        initial_delay_seconds,
        timeout_seconds,
        period_seconds,
        success_threshold,
        failure_threshold,
        http_get,
        tcp_socket,
        exec,
        grpc,
    } = probe;
    for (field, number) in [
        ("initialDelaySeconds", initial_delay_seconds),
        ("timeoutSeconds", timeout_seconds),
        ("periodSeconds", period_seconds),
        ("successThreshold", success_threshold),
        ("failureThreshold", failure_threshold),
    ] {
        if *number < 0 {
            findings.error_in(field, format!("{number} is below zero"), "use 0 or more");
        }
    }
    let ways = [http_get.is_some(), tcp_socket.is_some(), exec.is_some(), grpc.is_some()];
    if !ways.contains(&true) {
        findings.error("says not how to probe", "add httpGet, tcpSocket, exec or grpc");
    }
    findings.given("httpGet", http_get.as_ref(), http);
    findings.given("tcpSocket", tcp_socket.as_ref(), |TcpProbe { host: _, port }, findings| {
        findings.within("port", |findings| values::port(*port, findings));
    });
    findings.given("exec", exec.as_ref(), |ExecProbe { command }, findings| {
        if command.is_empty() {
            findings.error_in("command", "is missing", "name a program");
        }
    });
    findings.given("grpc", grpc.as_ref(), |GrpcProbe { port, service: _ }, findings| {
        if *port != 0 {
            findings.within("port", |findings| values::port(*port, findings));
        }
    });
}

fn http(probe: &HttpProbe, findings: &mut Findings) {
    let HttpProbe { path: _, port, host: _, scheme, http_headers } = probe;
    findings.within("port", |findings| values::port(*port, findings));
    if !matches!(scheme.as_str(), "" | "HTTP" | "HTTPS") {
        findings.error_in("scheme", format!("{scheme:?} is not known"), "use HTTP or HTTPS");
    }
    findings.each("httpHeaders", http_headers, |HttpHeader { name, value: _ }, findings| {
        findings.within("name", |findings| header::strict_name(name, findings));
    });
}
