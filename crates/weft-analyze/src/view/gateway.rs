//! Servers of an Istio Gateway.

use serde_json::Value;

use super::{Json, Object};

/// One server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Server<'a> {
    pub(crate) index: usize,
    /// `port.number`; 0 when there is none.
    pub(crate) port: i64,
    pub(crate) raw: &'a Value,
}

impl<'a> Server<'a> {
    /// Hosts as written, with their `namespace/`.
    pub(crate) fn hosts(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.raw.texts("hosts")
    }

    /// Names of the Secrets that it shows, each with its field.
    pub(crate) fn credentials(&self) -> Vec<(&'a str, String)> {
        let field = format!("/spec/servers/{}/tls", self.index);
        let tls = self.raw.at("tls");
        let one = (tls.text("credentialName"), format!("{field}/credentialName"));
        let more = tls.texts("credentialNames").enumerate();
        let more = more.map(|(index, name)| (name, format!("{field}/credentialNames/{index}")));
        std::iter::once(one).chain(more).filter(|(name, _)| !name.is_empty()).collect()
    }
}

/// The servers of a gateway.
pub(crate) fn servers<'a>(gateway: &Object<'a>) -> impl Iterator<Item = Server<'a>> + use<'a> {
    gateway.spec().list("servers").iter().enumerate().map(|(index, raw)| Server {
        index,
        port: raw.number("port.number").unwrap_or_default(),
        raw,
    })
}
