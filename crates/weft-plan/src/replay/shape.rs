//! Requests that no rule could tell apart.
//!
//! In: an entry, its way, both versions of the rules. Out: a key, and once for each key the call that is asked about.
//! Holds: what is left out of a key is left out of the call as well, and no rule of either version speaks of it.

use std::fmt::Write as _;

use telemetry_read::Entry;
use weft_explain::{Call, Mesh, Peers, Security, Spoken};

use super::caller::{Caller, Side, Way};

/// Kinds that say what is there, not how calls go.
const THERE: [&str; 9] = [
    "Pod",
    "Service",
    "Endpoints",
    "EndpointSlice",
    "Deployment",
    "ReplicaSet",
    "StatefulSet",
    "DaemonSet",
    "Node",
];

/// What rules look at beyond method, path and host.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Looks {
    query: bool,
    user_agent: bool,
    addresses: bool,
}

impl Looks {
    /// Of all rules; where one might look, it counts as if it did.
    pub(crate) fn of(meshes: &[&Mesh]) -> Self {
        let mut looks = Self { query: false, user_agent: false, addresses: false };
        let objects = meshes.iter().flat_map(|mesh| mesh.objects());
        for object in objects {
            let kind = object["kind"].as_str().unwrap_or_default();
            if THERE.contains(&kind) {
                continue;
            }
            let text = object.to_string().to_ascii_lowercase();
            let any = kind == "EnvoyFilter" || kind == "WasmPlugin";
            let says = |words: &[&str]| any || words.iter().any(|word| text.contains(word));
            looks.query |= says(&["query", "fromparams"]);
            looks.user_agent |= says(&["user-agent"]);
            looks.addresses |= says(&["ipblocks", ".ip\"", "sourcesubnet", "x-forwarded"]);
        }
        looks
    }

    fn path<'a>(&self, entry: &'a Entry<'_>) -> &'a str {
        let path = entry.path.as_deref().unwrap_or("/");
        if self.query { path } else { path.split('?').next().unwrap_or(path) }
    }
}

/// Writes what tells a shape from others.
pub(crate) fn write_key(key: &mut String, entry: &Entry<'_>, way: &Way, looks: &Looks) {
    // Fields of an entry have no line ends.
    let Way { side, proxy, to, source, told, caller } = way;
    let mut add = |text: std::fmt::Arguments<'_>| {
        key.write_fmt(text).and_then(|()| key.write_char('\n')).ok();
    };
    match side {
        Side::Client => add(format_args!("C{proxy} {to}")),
        Side::Server => add(format_args!("S{proxy} {} {caller:?}", to.port())),
        Side::Gateway => add(format_args!("G{proxy} {}", to.port())),
    }
    if looks.addresses {
        add(format_args!("{source:?} {told:?}"));
    }
    let texts = [&entry.method, &entry.protocol, &entry.authority, &entry.server_name];
    texts.into_iter().for_each(|text| add(format_args!("{}", text.as_deref().unwrap_or("-"))));
    add(format_args!("{}", looks.path(entry)));
    if looks.user_agent {
        add(format_args!("{}", entry.user_agent.as_deref().unwrap_or("-")));
    }
}

/// The call that entries of a shape stand for; `None` when they do not say where to.
pub(crate) fn call(entry: &Entry<'_>, way: &Way, looks: &Looks, peers: &Peers) -> Option<Call> {
    let proxy = peers.get(way.proxy)?;
    let origin = if way.side == Side::Server { proxy.inbound() } else { proxy.origin() };
    let called = entry.authority.as_deref().map(host);
    let host = match way.side {
        Side::Server => "localhost".to_owned(),
        Side::Client | Side::Gateway => {
            called.map_or_else(|| way.to.ip().to_string(), str::to_owned)
        }
    };
    let mut call = Call::new(origin, "any:1").ok()?;
    (call.host, call.port) = (host, way.to.port());
    call.port = Some(way.to.port()).filter(|port| *port > 0)?;
    call.method = entry.method.as_deref().unwrap_or("GET").to_owned();
    call.path = looks.path(entry).to_owned();
    call.spoken = match (&entry.method, entry.protocol.as_deref()) {
        (None, _) => Spoken::Tcp,
        (_, Some("HTTP/2" | "HTTP/3")) => Spoken::Http2,
        _ => Spoken::Http1,
    };
    call.ip = (way.side == Side::Client && peers.knows_services()).then(|| way.to.ip());
    call.sni = entry.server_name.as_deref().map(str::to_owned);
    call.security = match way.caller {
        Caller::Pod(_) | Caller::Unknown => Security::Mtls,
        Caller::Plain if call.sni.is_some() => Security::Tls,
        Caller::Plain => Security::Plaintext,
    };
    if let Caller::Pod(client) = way.caller {
        call.principal = peers.get(client).map(|peer| peer.identity.clone());
    }
    fields(&mut call, entry, way, looks);
    Some(call)
}

/// What a log has of a request's fields.
fn fields(call: &mut Call, entry: &Entry<'_>, way: &Way, looks: &Looks) {
    let mut field = |name: &str, value: &str| call.fields.push((name.to_owned(), value.to_owned()));
    if let Some(authority) = entry.authority.as_deref() {
        field("host", authority);
    }
    if let Some(agent) = entry.user_agent.as_deref().filter(|_| looks.user_agent) {
        field("user-agent", agent);
    }
    if looks.addresses {
        if let Some(told) = way.told.filter(|_| way.side == Side::Server) {
            field("x-forwarded-for", &told.to_string());
        }
        call.source_ip = way.source;
    }
}

/// A host without its port.
fn host(authority: &str) -> &str {
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if is_port(port) => host,
        _ => authority,
    };
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}
