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

    /// The name of the Secret that it shows, and its field.
    pub(crate) fn credential(&self) -> Option<(&'a str, String)> {
        let name = self.raw.text("tls.credentialName");
        let field = format!("/spec/servers/{}/tls/credentialName", self.index);
        (!name.is_empty()).then_some((name, field))
    }

    /// Names of the Secrets that it shows by key algorithm, each with its field.
    pub(crate) fn credentials(&self) -> impl Iterator<Item = (&'a str, String)> + use<'a> {
        let field = format!("/spec/servers/{}/tls/credentialNames", self.index);
        let names = self.raw.texts("tls.credentialNames").enumerate();
        names.map(move |(index, name)| (name, format!("{field}/{index}")))
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
