//! Which protocol a port speaks.
//!
//! In: `appProtocol`, the port's name, its number. Out: a protocol, or that it must be found out.
//! Source of the rules: Istio's protocol selection.

/// Protocol of a port, as far as the mesh tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// HTTP/1.1 towards the server.
    Http,
    /// HTTP/2 towards the server; gRPC too.
    Http2,
    /// Bytes, TLS of the application included.
    Tcp,
    /// Not declared: detected per connection.
    Auto,
    /// Not carried by the mesh.
    Udp,
}

impl Protocol {
    /// The protocol of a service's port.
    #[must_use]
    pub fn of_port(app_protocol: Option<&str>, name: &str, number: u16, not_tcp: bool) -> Self {
        if not_tcp {
            return Self::Udp;
        }
        if let Some(known) = app_protocol.and_then(Self::parse) {
            return known;
        }
        let prefix = name.split('-').next().unwrap_or_default();
        // `grpc-web` is the one name with a dash of its own.
        let prefix = if name.starts_with("grpc-web") { "grpc-web" } else { prefix };
        Self::parse(prefix).unwrap_or(if SERVER_FIRST.contains(&number) {
            Self::Tcp
        } else {
            Self::Auto
        })
    }

    /// The protocol of a name such as `http2` or `GRPC`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let name = name.strip_prefix("kubernetes.io/").unwrap_or(&name);
        Some(match name {
            "http" | "http_proxy" | "grpc-web" | "ws" | "wss" => Self::Http,
            "http2" | "grpc" | "h2c" => Self::Http2,
            "tcp" | "tls" | "https" | "mongo" | "redis" | "mysql" => Self::Tcp,
            "udp" => Self::Udp,
            _ => return None,
        })
    }

    /// Whether requests can be told apart.
    #[must_use]
    pub fn is_http(self) -> bool {
        matches!(self, Self::Http | Self::Http2)
    }
}

/// Ports of protocols in which the server speaks first, so that detection would wait for ever: SMTP, DNS, MySQL, MongoDB.
const SERVER_FIRST: &[u16] = &[25, 53, 3306, 27017];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_declared_protocol_comes_first() {
        let of = Protocol::of_port;
        assert_eq!(of(Some("http2"), "tcp-x", 80, false), Protocol::Http2);
        assert_eq!(of(None, "http-web", 80, false), Protocol::Http);
        assert_eq!(of(None, "grpc-web", 80, false), Protocol::Http);
        assert_eq!(of(None, "web", 80, false), Protocol::Auto);
        assert_eq!(of(None, "db", 3306, false), Protocol::Tcp);
        assert_eq!(of(None, "dns", 53, true), Protocol::Udp);
        assert_eq!(of(Some("kubernetes.io/h2c"), "x", 80, false), Protocol::Http2);
    }
}
