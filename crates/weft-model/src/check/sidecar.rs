//! Rules of `Sidecar`.

use std::collections::BTreeSet;

use weft_api::gateway::{SidecarPort, Tls, TlsMode};
use weft_api::meta::Metadata;
use weft_api::reference::Destination;
use weft_api::sidecar::{
    CaptureMode, Egress, Ingress, OutboundMode, OutboundTrafficPolicy, Sidecar,
};

use weft_types::{address, domain};

use super::findings::code;
use super::traffic_policy::pool;
use super::{Findings, gateway, values, virtual_service};
use crate::HostPattern;

/// Names of protocols that ports may have.
pub(super) const PROTOCOLS: &[&str] = &[
    "HTTP",
    "HTTP2",
    "GRPC",
    "GRPC-WEB",
    "HTTP_PROXY",
    "HTTPS",
    "TLS",
    "TCP",
    "UDP",
    "MONGO",
    "REDIS",
    "MYSQL",
    "HBONE",
    "DOUBLE_HBONE",
];

pub(crate) fn check(meta: &Metadata, spec: &Sidecar, findings: &mut Findings) {
    let Sidecar {
        workload_selector,
        ingress,
        egress,
        inbound_connection_pool,
        outbound_traffic_policy,
    } = spec;
    let selects = workload_selector.as_ref().is_some_and(|s| !s.labels.is_empty());
    if selects && meta.namespace == "istio-system" {
        let what = "in the root namespace a Sidecar with a selector holds for that namespace only";
        let fix = "remove the selector to set the default of the mesh";
        findings.warning_in("workloadSelector", code::SUSPICIOUS, what, fix);
    }
    values::label_selector("workloadSelector", workload_selector.as_ref(), findings);
    let silent = ingress.is_empty()
        && egress.is_empty()
        && outbound_traffic_policy.is_none()
        && inbound_connection_pool.is_none();
    if silent {
        findings.error("says nothing", "add egress, ingress or outboundTrafficPolicy");
    }
    let mut ports = BTreeSet::new();
    findings.each("ingress", ingress, |listener, f| self::ingress(listener, &mut ports, f));
    self::egress(egress, &meta.namespace, findings);
    findings.given("inboundConnectionPool", inbound_connection_pool.as_ref(), pool::check);
    findings.given("outboundTrafficPolicy", outbound_traffic_policy.as_ref(), outbound);
}

/// An absent protocol is found out by looking at the first bytes.
pub(crate) fn protocol(protocol: &str, findings: &mut Findings) {
    if !protocol.is_empty() && !PROTOCOLS.contains(&protocol.to_ascii_uppercase().as_str()) {
        let fix = format!("use one of {}", PROTOCOLS.join(", "));
        findings.error_in("protocol", format!("{protocol:?} is not known"), fix);
    }
}

fn no_target(port: u32, findings: &mut Findings) {
    if port != 0 {
        findings.error_in("targetPort", "has no meaning for a sidecar", "remove it");
    }
}

fn port_name(name: &str, findings: &mut Findings) {
    if !name.is_empty() && !domain::is_label(name) {
        findings.error_in("name", format!("{name:?} is no port name"), "use a-z, 0-9 and -");
    }
}

fn ingress(listener: &Ingress, ports: &mut BTreeSet<u32>, findings: &mut Findings) {
    let Ingress { port, bind, capture_mode, default_endpoint, tls, connection_pool } = listener;
    findings.not_honoured("defaultEndpoint", default_endpoint.starts_with("unix://"));
    if tls.is_some() {
        let what = "counts only where a PeerAuthentication turns the mesh's TLS off for the port";
        findings.warning_in("tls", code::NOT_HONOURED, what, "set mtls.mode DISABLE for it");
    }
    if *capture_mode == CaptureMode::None && !opens_elsewhere(default_endpoint, port.as_ref()) {
        let what = "with captureMode NONE the proxy itself has the port";
        let fix = "let the application listen at another one, or at 127.0.0.1";
        findings.warning_in("defaultEndpoint", code::NOT_HONOURED, what, fix);
    }
    let Some(port) = port else {
        findings.error_in("port", "is missing", "say which port");
        return;
    };
    findings.within("port", |findings| {
        let SidecarPort { number, protocol, name, target_port } = port;
        no_target(*target_port, findings);
        findings.within("number", |findings| values::port(*number, findings));
        self::protocol(protocol, findings);
        port_name(name, findings);
        if !ports.insert(*number) {
            findings.error_in("number", format!("{number} stands here twice"), "use it once");
        }
    });
    if !bind.is_empty() && !address::is_ip(bind) {
        findings.error_in("bind", format!("{bind:?} is no address"), "write an IP address");
    }
    if !default_endpoint.is_empty() {
        findings.within("defaultEndpoint", |f| endpoint(default_endpoint, f));
    }
    findings.given("tls", tls.as_ref(), |tls, f| ingress_tls(tls, &port.protocol, f));
    findings.given("connectionPool", connection_pool.as_ref(), |settings, findings| {
        pool::check(settings, findings);
        let http = crate::Protocol::parse(&port.protocol).is_some_and(crate::Protocol::is_http);
        if settings.http.is_some() && !http {
            let what = format!("has no effect on a port of {:?}", port.protocol);
            findings.warning_in("http", code::SUSPICIOUS, what, "use tcp");
        }
    });
}

/// Whether the application can listen where it is meant to, beside a proxy that has the port.
fn opens_elsewhere(endpoint: &str, port: Option<&SidecarPort>) -> bool {
    let (host, number) = endpoint.rsplit_once(':').unwrap_or_default();
    let same = port.is_some_and(|port| number.parse() == Ok(port.number));
    !same || matches!(host, "127.0.0.1" | "[127.0.0.1]" | "[::1]")
}

fn endpoint(text: &str, findings: &mut Findings) {
    let form = "write 127.0.0.1:PORT, [::1]:PORT, 0.0.0.0:PORT, [::]:PORT or unix:///PATH";
    if let Some(path) = text.strip_prefix("unix://") {
        if !address::is_socket(path) {
            findings.error(format!("{path:?} is no absolute path of a unix socket"), form);
        }
        return;
    }
    let (host, port) = text.rsplit_once(':').unwrap_or((text, ""));
    if !matches!(
        host,
        "127.0.0.1" | "0.0.0.0" | "[127.0.0.1]" | "[0.0.0.0]" | "[::1]" | "[::]" | ""
    ) {
        findings.error(format!("{host:?} is no address of the pod itself"), form);
    } else if !port.parse::<u16>().is_ok_and(|port| port > 0) {
        findings.error(format!("{port:?} is no port"), form);
    }
}

fn ingress_tls(tls: &Tls, protocol: &str, findings: &mut Findings) {
    let unsupported = [
        ("httpsRedirect", tls.https_redirect),
        ("subjectAltNames", !tls.subject_alt_names.is_empty()),
        ("credentialName", !tls.credential_name.is_empty()),
        ("credentialNames", tls.credential_names.is_some()),
        ("tlsCertificates", tls.tls_certificates.is_some()),
    ];
    for (field, _) in unsupported.iter().filter(|(_, set)| *set) {
        findings.error_in(field, "is not supported for ports of a sidecar", "remove it");
    }
    if matches!(tls.mode, TlsMode::IstioMutual | TlsMode::AutoPassthrough) {
        let what = format!("{} is not supported for ports of a sidecar", tls.mode.as_str());
        findings.error_in("mode", what, "use SIMPLE or MUTUAL");
    }
    if !matches!(protocol.to_ascii_uppercase().as_str(), "HTTPS" | "TLS") {
        findings.error(format!("does not go with protocol {protocol:?}"), "use HTTPS or TLS");
    }
    gateway::tls(tls, findings);
}

fn egress(listeners: &[Egress], own: &str, findings: &mut Findings) {
    let (mut ports, mut sockets) = (BTreeSet::new(), BTreeSet::new());
    let last = listeners.len().saturating_sub(1);
    findings.within("egress", |findings| {
        for (index, listener) in listeners.iter().enumerate() {
            findings.within(&index.to_string(), |findings| {
                let Egress { port, bind, capture_mode, hosts } = listener;
                findings.not_honoured("bind", bind.starts_with("unix://"));
                match port {
                    None if index != last => {
                        let what = "is missing: a listener for all ports must be the last one";
                        findings.error_in("port", what, "move this entry to the end");
                    }
                    None => {}
                    Some(port) => egress_port(port, bind, *capture_mode, findings),
                }
                if let Some(port) = port {
                    let fresh = match bind.starts_with("unix://") {
                        true => sockets.insert(bind.clone()),
                        false => ports.insert(port.number),
                    };
                    if !fresh {
                        findings.error("opens the same port as an entry before", "keep one");
                    }
                }
                self::hosts(hosts, own, findings);
            });
        }
    });
}

fn egress_port(port: &SidecarPort, bind: &str, mode: CaptureMode, findings: &mut Findings) {
    let SidecarPort { number, protocol, name, target_port } = port;
    let socket = bind.starts_with("unix://");
    findings.within("port", |findings| {
        no_target(*target_port, findings);
        self::protocol(protocol, findings);
        port_name(name, findings);
        match (socket, *number) {
            (true, 0) => {}
            (true, _) => findings.error_in("number", "does not go with a unix socket", "use 0"),
            (false, 0) => {
                findings.error_in("number", "is missing", "say which, or bind a unix socket");
            }
            (false, number) => findings.within("number", |f| values::port(number, f)),
        }
    });
    if socket {
        let path = bind.strip_prefix("unix://").unwrap_or_default();
        if !address::is_socket(path) {
            let what = format!("{path:?} is no absolute path of a unix socket");
            findings.error_in("bind", what, "write unix:///PATH or unix://@NAME");
        }
        if mode == CaptureMode::Iptables {
            let what = "IPTABLES does not go with a unix socket";
            findings.error_in("captureMode", what, "use NONE");
        }
    } else if !bind.is_empty() && !address::is_ip(bind) {
        findings.error_in("bind", format!("{bind:?} is no address"), "write an IP address");
    }
}

fn hosts(hosts: &[String], own: &str, findings: &mut Findings) {
    if hosts.is_empty() {
        findings.error_in("hosts", "is missing", "name services: ./*, */* or NAMESPACE/HOST");
    }
    let split = |host: &'_ String| {
        let (namespace, name) = host.split_once('/').unwrap_or(("", host));
        (if namespace == "." { own } else { namespace }.to_owned(), name.to_owned())
    };
    let split: Vec<(String, String)> = hosts.iter().map(split).collect();
    findings.each("hosts", hosts, |host, findings| self::host(host, findings));
    for (index, (namespace, name)) in split.iter().enumerate() {
        let covers = |(at, (other, pattern)): (usize, &(String, String))| {
            at != index
                && (other == namespace || other == "*" && !namespace.starts_with('~'))
                && covers(pattern, name)
                && (at < index || (other, pattern) != (namespace, name))
        };
        if split.iter().enumerate().any(covers) {
            findings.within("hosts", |findings| {
                let what = format!("{namespace}/{name} is covered by another entry");
                findings.warning_in(&index.to_string(), code::SUSPICIOUS, what, "remove one");
            });
        }
    }
}

/// Whether everything that `inner` names is named by `outer`.
fn covers(outer: &str, inner: &str) -> bool {
    let (outer, inner) = (HostPattern::new(outer), HostPattern::new(inner));
    outer.intersection(&inner).is_some_and(|both| both.to_string() == inner.to_string())
}

fn host(text: &str, findings: &mut Findings) {
    let Some((namespace, name)) = text.split_once('/') else {
        findings.error(format!("{text:?} names no namespace"), "write NAMESPACE/HOST or ./HOST");
        return;
    };
    let bare = namespace.strip_prefix('~').unwrap_or(namespace);
    if !matches!(namespace, "*" | "." | "~") && !domain::is_label(bare) {
        findings.error(format!("{namespace:?} is no namespace"), "write NAME, `.`, `*` or `~`");
    }
    if name == "*" {
        return;
    }
    if name.starts_with('*') && !name.starts_with("*.") {
        findings.error(format!("{name:?}: `*` must be a whole label"), "write *.example.com");
    } else if let Err(why) = domain::wildcard(name) {
        findings.error(why, "write a host, *.DOMAIN or *");
    } else if !name.contains('.') {
        findings.error(format!("{name:?} is a short name"), "write the full name");
    }
}

fn outbound(policy: &OutboundTrafficPolicy, findings: &mut Findings) {
    let OutboundTrafficPolicy { mode, egress_proxy } = policy;
    findings.given("egressProxy", egress_proxy.as_ref(), |proxy, findings| {
        let Destination { host, subset: _, port } = proxy;
        if *mode != OutboundMode::AllowAny {
            findings.error("goes with mode ALLOW_ANY only", "set mode, or remove it");
        }
        if port.is_none() {
            findings.error_in("port", "is missing", "say which port");
        }
        if let Err(why) = domain::full(host) {
            findings.error_in("host", why, "write the full name of a service");
            return;
        }
        virtual_service::target(proxy, findings);
    });
}
