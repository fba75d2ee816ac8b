//! Ports of services and what they say of their protocol.

use serde_json::Value;

use super::{Json, Object};

/// Ports on which the server speaks first, so that nothing is detected there: SMTP, DNS, MySQL, MongoDB.
const SERVER_FIRST: &[i64] = &[25, 53, 3306, 27017];

/// Protocols that a port's name may begin with.
const KNOWN: &[&str] = &[
    "grpc-web",
    "grpc",
    "http2",
    "http_proxy",
    "https",
    "http",
    "mongo",
    "mysql",
    "redis",
    "tcp",
    "tls",
    "udp",
    "hbone",
];

/// One port of a Service or ServiceEntry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Port<'a> {
    pub(crate) number: i64,
    pub(crate) name: &'a str,
    /// `appProtocol`, or a ServiceEntry's `protocol`; empty when the name decides.
    pub(crate) declared: &'a str,
    /// UDP and SCTP are not the mesh's.
    pub(crate) is_udp: bool,
    /// The whole port.
    pub(crate) raw: &'a Value,
}

impl<'a> Port<'a> {
    /// What is said of the protocol, in lower case; none when it is left to detection.
    pub(crate) fn protocol(&self) -> Option<&'static str> {
        if self.is_udp { Some("udp") } else { self.said() }
    }

    /// What the declaration, or else the name, says of the protocol, whatever carries it.
    pub(crate) fn said(&self) -> Option<&'static str> {
        let said = if self.declared.is_empty() { self.name } else { self.declared };
        let said = of_kubernetes(self.declared).or_else(|| known(said));
        said.or_else(|| SERVER_FIRST.contains(&self.number).then_some("tcp"))
    }

    /// Whether bytes are all that the mesh sees here.
    pub(crate) fn is_opaque(&self) -> bool {
        matches!(self.protocol(), Some("tcp" | "tls" | "https" | "mongo" | "mysql" | "redis"))
    }

    /// The port of the pod, as text: a number or the name of a container's port.
    pub(crate) fn target(&self) -> String {
        match self.raw.at("targetPort") {
            Value::String(name) if !name.is_empty() => name.clone(),
            Value::Number(number) if number.as_i64() != Some(0) => number.to_string(),
            _ => self.number.to_string(),
        }
    }
}

/// Kubernetes' own words for `appProtocol`; they are no words for a name.
fn of_kubernetes(declared: &str) -> Option<&'static str> {
    match declared {
        "kubernetes.io/h2c" => Some("http2"),
        "kubernetes.io/ws" => Some("http"),
        "kubernetes.io/wss" => Some("https"),
        _ => None,
    }
}

/// The protocol that a name begins with, before its first dash.
fn known(said: &str) -> Option<&'static str> {
    let lower = said.to_ascii_lowercase();
    if lower.starts_with("grpc-web") {
        return Some("grpc-web");
    }
    let first = lower.split('-').next().unwrap_or_default();
    KNOWN.iter().find(|known| **known == first).copied()
}

/// Ports of a Kubernetes Service.
pub(crate) fn service_ports<'a>(service: &Object<'a>) -> impl Iterator<Item = Port<'a>> + use<'a> {
    service.spec().list("ports").iter().map(|raw| Port {
        number: raw.number("port").unwrap_or_default(),
        name: raw.text("name"),
        declared: raw.text("appProtocol"),
        is_udp: matches!(raw.text("protocol"), "UDP" | "SCTP"),
        raw,
    })
}

/// Ports of a ServiceEntry.
pub(crate) fn service_entry_ports<'a>(
    entry: &Object<'a>,
) -> impl Iterator<Item = Port<'a>> + use<'a> {
    entry.spec().list("ports").iter().map(|raw| Port {
        number: raw.number("number").unwrap_or_default(),
        name: raw.text("name"),
        declared: raw.text("protocol"),
        is_udp: raw.text("protocol").eq_ignore_ascii_case("UDP"),
        raw,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_the_protocol_before_its_first_dash() {
        assert_eq!(known("http-web"), Some("http"));
        assert_eq!(known("GRPC-Web-x"), Some("grpc-web"));
        assert_eq!(of_kubernetes("kubernetes.io/h2c"), Some("http2"));
        assert_eq!((known("web-http"), known("ws"), known("")), (None, None, None));
    }
}
