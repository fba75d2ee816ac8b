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
    /// HTTP/2 towards the server, whose proxy takes gRPC of browsers too.
    GrpcWeb,
    /// Bytes.
    Tcp,
    /// TLS of the application: bytes that begin with a server name.
    Tls,
    /// Not declared: detected per connection.
    Auto,
    /// Not carried by the mesh.
    Udp,
}

impl Protocol {
    /// The protocol of a service's port. An `appProtocol` stands in for the name, also when it says nothing that is known.
    #[must_use]
    pub fn of_port(app_protocol: Option<&str>, name: &str, number: u16, not_tcp: bool) -> Self {
        if not_tcp {
            return Self::Udp;
        }
        match app_protocol {
            Some("kubernetes.io/h2c") => return Self::Http2,
            Some("kubernetes.io/ws") => return Self::Http,
            Some("kubernetes.io/wss") => return Self::Tls,
            _ => {}
        }
        let name = app_protocol.unwrap_or(name).to_ascii_lowercase();
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
        Some(match name.to_ascii_lowercase().as_str() {
            "http" | "http_proxy" => Self::Http,
            "http2" | "grpc" => Self::Http2,
            "grpc-web" => Self::GrpcWeb,
            "tcp" | "mongo" | "redis" | "mysql" => Self::Tcp,
            "tls" | "https" => Self::Tls,
            "udp" => Self::Udp,
            _ => return None,
        })
    }

    /// Whether requests can be told apart.
    #[must_use]
    pub fn is_http(self) -> bool {
        matches!(self, Self::Http | Self::Http2 | Self::GrpcWeb)
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
        assert_eq!(of(None, "grpc-web", 80, false), Protocol::GrpcWeb);
        assert_eq!(of(None, "web", 80, false), Protocol::Auto);
        assert_eq!(of(None, "db", 3306, false), Protocol::Tcp);
        assert_eq!(of(None, "https-web", 443, false), Protocol::Tls);
        assert_eq!(of(None, "dns", 53, true), Protocol::Udp);
        assert_eq!(of(Some("kubernetes.io/h2c"), "x", 80, false), Protocol::Http2);
        assert_eq!(of(Some("kubernetes.io/wss"), "http", 80, false), Protocol::Tls);
        assert_eq!(of(Some("example.com/own"), "http", 80, false), Protocol::Auto);
        assert_eq!(of(Some("grpc-own"), "http", 80, false), Protocol::Http2);
    }
}
