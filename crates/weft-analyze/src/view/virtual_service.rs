//! Where a VirtualService sends.

use serde_json::Value;

use super::{Json, Object};

/// One destination of a route.
#[derive(Debug, Clone)]
pub(crate) struct Destination<'a> {
    pub(crate) host: &'a str,
    pub(crate) subset: &'a str,
    /// `port.number`; none when no port is given.
    pub(crate) port: Option<i64>,
    /// Which of `http`, `tls` and `tcp` it stands in.
    pub(crate) section: &'static str,
    /// JSON pointer of it.
    pub(crate) field: String,
}

impl<'a> Destination<'a> {
    fn new(raw: &'a Value, section: &'static str, field: String) -> Self {
        let port = raw.has("port").then(|| raw.number("port.number").unwrap_or_default());
        Self { host: raw.text("host"), subset: raw.text("subset"), port, section, field }
    }
}

/// Destinations of routes, mirrors not among them.
pub(crate) fn destinations<'a>(service: &Object<'a>) -> Vec<Destination<'a>> {
    let mut found = Vec::new();
    for section in ["http", "tls", "tcp"] {
        for (rule, route) in service.spec().list(section).iter().enumerate() {
            for (index, to) in route.list("route").iter().enumerate() {
                let field = format!("/spec/{section}/{rule}/route/{index}/destination");
                found.push(Destination::new(to.at("destination"), section, field));
            }
        }
    }
    found
}

/// Destinations of copies of requests.
pub(crate) fn mirrors<'a>(service: &Object<'a>) -> Vec<Destination<'a>> {
    let mut found = Vec::new();
    for (rule, route) in service.spec().list("http").iter().enumerate() {
        if route.has("mirror") {
            let field = format!("/spec/http/{rule}/mirror");
            found.push(Destination::new(route.at("mirror"), "http", field));
        }
        for (index, to) in route.list("mirrors").iter().enumerate() {
            let field = format!("/spec/http/{rule}/mirrors/{index}/destination");
            found.push(Destination::new(to.at("destination"), "http", field));
        }
    }
    found
}

/// Whether sidecars take it: no gateway is named, or `mesh` is.
pub(crate) fn is_bound_to_mesh(service: &Object<'_>) -> bool {
    let gateways = service.spec().list("gateways");
    gateways.is_empty() || gateways.iter().any(|name| name == "mesh")
}
