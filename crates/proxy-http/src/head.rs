//! The first part of a message, the same for HTTP/1 and HTTP/2.

use http::Method;

use crate::{BodyKind, Fields};

/// Which protocol a message came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    #[default]
    Http11,
    /// HTTP/2.
    Http2,
}

impl Version {
    /// As it stands in an access log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        }
    }
}

/// A request without its body. Hop-by-hop fields are not in `fields`: they became the members below.
#[derive(Debug, Clone, Default)]
pub struct RequestHead {
    /// The method.
    pub method: Method,
    /// Path and query, `*` for OPTIONS, empty for CONNECT.
    pub path: String,
    /// Host, with port if the client wrote one.
    pub authority: String,
    /// Scheme that an h2 or absolute-form request names; empty otherwise.
    pub scheme: String,
    /// Protocol of the message.
    pub version: Version,
    /// End-to-end fields, without `host`.
    pub fields: Fields,
    /// How the body ends.
    pub body: BodyKind,
    /// The client keeps the connection.
    pub keep_alive: bool,
    /// `upgrade`, when `connection` names it. An extended CONNECT of HTTP/2 is a GET with its `:protocol` here.
    pub upgrade: Option<String>,
    /// The client waits for 100 before it sends the body.
    pub expect_continue: bool,
}

/// A response without its body.
#[derive(Debug, Clone, Default)]
pub struct ResponseHead {
    /// The status code.
    pub status: u16,
    /// End-to-end fields.
    pub fields: Fields,
    /// Protocol of the message.
    pub version: Version,
    /// How the body ends.
    pub body: BodyKind,
    /// The server keeps the connection.
    pub keep_alive: bool,
    /// The protocol of a 101.
    pub upgrade: Option<String>,
}

impl RequestHead {
    /// Whatever follows the heads is no HTTP: an upgrade, or CONNECT.
    #[must_use]
    pub fn tunnels(&self) -> bool {
        self.upgrade.is_some() || self.method == Method::CONNECT
    }

    /// Bytes that it keeps for texts, also when it is empty.
    #[must_use]
    pub fn memory(&self) -> usize {
        let texts = self.path.capacity() + self.authority.capacity() + self.scheme.capacity();
        texts + self.fields.memory()
    }

    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.path.clear();
        self.authority.clear();
        self.scheme.clear();
        self.fields.clear();
        self.method = Method::GET;
        self.version = Version::Http11;
        self.body = BodyKind::Empty;
        self.keep_alive = true;
        self.upgrade = None;
        self.expect_continue = false;
    }
}

impl ResponseHead {
    /// A response that the proxy makes itself, without a body.
    #[must_use]
    pub fn new(status: u16) -> Self {
        Self { status, keep_alive: true, ..Self::default() }
    }

    /// Bytes that it keeps for texts, also when it is empty.
    #[must_use]
    pub const fn memory(&self) -> usize {
        self.fields.memory()
    }

    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.fields.clear();
        self.status = 0;
        self.version = Version::Http11;
        self.body = BodyKind::Empty;
        self.keep_alive = true;
        self.upgrade = None;
    }
}
