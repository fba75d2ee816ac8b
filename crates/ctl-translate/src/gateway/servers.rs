//! The servers of a gateway's ports, of all Gateways that mean it.
//!
//! In: Gateways, oldest first. Out: per port and address what is opened there.
//! Holds: a port speaks either plain text or TLS, as its first server says; of two TLS servers for one host the first counts,
//! because Envoy refuses the second.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ctl_snapshot::MeshSnapshot;
use weft_model::Object;
use weft_model::api::gateway::{Gateway, Server, Tls, TlsMode};

use crate::view::RouterView;

/// A server with the Gateway that it belongs to.
#[derive(Clone, Copy)]
pub(super) struct Opened<'a> {
    pub(super) gateway: &'a Arc<Object<Gateway>>,
    pub(super) server: &'a Server,
    /// Of the Service.
    pub(super) port: u16,
}

/// What a port speaks.
pub(super) enum Port<'a> {
    /// HTTP in plain text, of all these.
    Http(Vec<Opened<'a>>),
    /// Bytes.
    Bytes(Opened<'a>),
    /// TLS, told apart by server name.
    Tls(Vec<Opened<'a>>),
}

impl<'a> Opened<'a> {
    /// `namespace/name` of its Gateway.
    pub(super) fn gateway_name(&self) -> String {
        format!("{}/{}", self.gateway.meta.namespace, self.gateway.meta.name)
    }

    fn protocol(&self) -> String {
        let port = self.server.port.as_ref();
        port.and_then(|port| port.protocol.as_deref()).unwrap_or_default().to_ascii_uppercase()
    }

    /// HTTP in plain text.
    pub(super) fn is_plain_http(&self) -> bool {
        matches!(self.protocol().as_str(), "HTTP" | "HTTP2" | "GRPC" | "GRPC-WEB")
    }

    /// Browsers may call gRPC servers behind it.
    pub(super) fn is_grpc_web(&self) -> bool {
        self.protocol() == "GRPC-WEB"
    }

    /// TLS settings of a server of TLS; those of plain HTTP only redirect.
    pub(super) fn tls(&self) -> Option<&'a Tls> {
        self.server.tls.as_ref().filter(|_| !self.is_plain_http())
    }

    /// TLS ends here.
    pub(super) fn terminates(&self) -> bool {
        let passes =
            |tls: &Tls| matches!(tls.mode, TlsMode::Passthrough | TlsMode::AutoPassthrough);
        self.tls().is_some_and(|tls| !passes(tls))
    }

    /// Server names of the mesh say where its connections go.
    pub(super) fn passes_by_itself(&self) -> bool {
        self.tls().is_some_and(|tls| tls.mode == TlsMode::AutoPassthrough)
    }

    /// TLS ends here, and requests are seen.
    pub(super) fn is_https(&self) -> bool {
        self.terminates() && self.protocol() == "HTTPS"
    }

    /// Address that it listens on; empty for any. A unix socket, which is told of, stands for any too.
    pub(super) fn bind(&self) -> &'a str {
        Some(self.server.bind.as_str()).filter(|bind| !bind.contains('/')).unwrap_or_default()
    }

    /// Name of its routes, when it is HTTPS.
    pub(super) fn route_name(&self) -> String {
        let name = self.server.port.as_ref().and_then(|port| port.name.as_deref());
        let meta = &self.gateway.meta;
        let (name, bind) = (name.unwrap_or_default(), suffix(self.bind()));
        format!("https.{}.{name}.{}.{}{bind}", self.port, meta.name, meta.namespace)
    }

    /// Its hosts, without the namespaces to which they are offered.
    pub(super) fn hosts(&self) -> BTreeSet<String> {
        let hosts = self.server.hosts.iter();
        let bare = hosts.map(|host| host.split_once('/').map_or(host.as_str(), |(_, host)| host));
        bare.map(str::to_ascii_lowercase).collect()
    }

    /// Server names that mean it; none when all do.
    pub(super) fn server_names(&self) -> Vec<String> {
        let hosts = self.hosts();
        if hosts.contains("*") { Vec::new() } else { hosts.into_iter().collect() }
    }
}

/// What a port is opened by: the port of the pod, and the address; empty for any.
pub(super) type Door<'a> = (u16, &'a str);

/// Name of the routes of plain HTTP.
pub(super) fn http_routes((target, bind): Door<'_>) -> String {
    format!("http.{target}{}", suffix(bind))
}

fn suffix(bind: &str) -> String {
    if bind.is_empty() { String::new() } else { format!(".{bind}") }
}

/// What is opened.
pub(super) fn merged<'a>(
    snapshot: &'a MeshSnapshot,
    view: &'a RouterView,
) -> BTreeMap<Door<'a>, Port<'a>> {
    let mut ports: BTreeMap<Door<'a>, Port<'a>> = BTreeMap::new();
    let mut known: BTreeSet<(Door<'a>, String)> = BTreeSet::new();
    for gateway in snapshot.config().gateways_for(&view.namespace, &view.labels) {
        for server in &gateway.spec.servers {
            let number = server.port.as_ref().and_then(|port| port.number);
            let Some(port) = number.and_then(|number| u16::try_from(number).ok()) else { continue };
            let opened = Opened { gateway, server, port };
            for target in view.targets(port) {
                let target = (target, opened.bind());
                if opened.tls().is_some() {
                    let hosts = opened.hosts();
                    if hosts.iter().any(|host| known.contains(&(target, host.clone()))) {
                        continue;
                    }
                    known.extend(hosts.into_iter().map(|host| (target, host)));
                }
                add(&mut ports, target, opened);
            }
        }
    }
    ports
}

fn add<'a>(ports: &mut BTreeMap<Door<'a>, Port<'a>>, target: Door<'a>, opened: Opened<'a>) {
    let (http, tls) = (opened.is_plain_http(), opened.tls().is_some());
    match ports.get_mut(&target) {
        None => {
            let port = match (http, tls) {
                (true, _) => Port::Http(vec![opened]),
                (false, true) => Port::Tls(vec![opened]),
                (false, false) => Port::Bytes(opened),
            };
            ports.insert(target, port);
        }
        Some(Port::Http(servers)) if http => servers.push(opened),
        Some(Port::Tls(servers)) if tls && !servers.iter().any(|one| same_routes(one, &opened)) => {
            servers.push(opened);
        }
        // It does not go with those that were there first; `weft analyze` tells of it.
        Some(Port::Http(_) | Port::Tls(_) | Port::Bytes(_)) => {}
    }
}

/// Two HTTPS servers of one port name could not be told apart.
fn same_routes(one: &Opened<'_>, other: &Opened<'_>) -> bool {
    one.is_https() && other.is_https() && one.route_name() == other.route_name()
}
