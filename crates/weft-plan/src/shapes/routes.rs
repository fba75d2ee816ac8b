//! Calls that meet the conditions of a VirtualService.
//! In: the object. Out: for each condition a call that meets it, and one that meets none. Holds: a call begins at the
//! gateways that the object names, or at one client of each namespace.

use serde_json::Value;
use weft_explain::{Call, Mesh, Origin, Security};

use super::users::{self, User};
use super::{Shapes, list, named, texts};
use crate::pods::Group;

/// Most clients that a call is made from.
const CLIENTS: usize = 8;

/// Where a call begins, its port, and how it is protected.
type Door = (Origin, u16, Security);

pub(super) fn add(
    shapes: &mut Shapes,
    (mesh, issuers): (&Mesh, &[String]),
    object: &Value,
    groups: &[Group],
) {
    let (spec, (_, own)) = (&object["spec"], named(object));
    let gateways = texts(spec, "gateways");
    let gateways = if gateways.is_empty() { vec!["mesh"] } else { gateways };
    for host in texts(spec, "hosts") {
        let called = host.replacen('*', if host == "*" { "any.example.com" } else { "any" }, 1);
        // A short name means another service in another namespace.
        let full = if called.contains('.') { called.clone() } else { format!("{called}.{own}") };
        let doors: Vec<Door> = gateways
            .iter()
            .flat_map(|gateway| match *gateway {
                "mesh" => clients(mesh, &full, groups),
                gateway => servers(mesh, gateway, object),
            })
            .collect();
        for (origin, port, security) in doors {
            let host = if matches!(origin, Origin::From(..)) { &full } else { &called };
            let Ok(mut plain) = Call::new(origin, &format!("{host}:{port}")) else { continue };
            plain.security = security;
            plain.path = "/weft-plan".to_owned();
            for route in list(spec, "http") {
                for condition in list(route, "match") {
                    meeting(shapes, (&plain, issuers), condition, object);
                }
            }
            shapes.add(Call { path: "/".to_owned(), ..plain.clone() });
            shapes.add(plain);
        }
    }
}

/// One client of each namespace, and the ports of the service that is called.
fn clients(mesh: &Mesh, host: &str, groups: &[Group]) -> Vec<Door> {
    let service = mesh.objects().iter().find(|one| {
        let (name, namespace) = named(one);
        one["kind"] == "Service" && host.split('.').take(2).eq([name, namespace])
    });
    let ports = service.map(|service| list(&service["spec"], "ports")).unwrap_or_default();
    let number = |port: &Value| u16::try_from(port["port"].as_u64()?).ok();
    let mut ports: Vec<u16> = ports.iter().filter_map(number).collect();
    if ports.is_empty() {
        ports.push(80);
    }
    let mut clients: Vec<&Group> = Vec::new();
    for group in groups.iter().filter(|group| !group.pod.is_null()) {
        if clients.iter().all(|known| known.namespace() != group.namespace()) {
            clients.push(group);
        }
    }
    let doors = clients.iter().take(CLIENTS).flat_map(|group| {
        ports.iter().map(|port| (group.origin.clone(), *port, Security::Plaintext))
    });
    doors.collect()
}

/// The servers of a gateway that read requests.
fn servers(mesh: &Mesh, gateway: &str, object: &Value) -> Vec<Door> {
    let (_, own) = named(object);
    let (namespace, name) = gateway.split_once('/').unwrap_or((own, gateway));
    let namespace = if namespace == "." { own } else { namespace };
    let found = mesh
        .objects()
        .iter()
        .find(|one| one["kind"] == "Gateway" && named(one) == (name, namespace));
    let servers = found.map(|gateway| list(&gateway["spec"], "servers")).unwrap_or_default();
    let door = |server: &Value| {
        let security = match server["port"]["protocol"].as_str()? {
            "HTTP" | "HTTP2" | "GRPC" => Security::Plaintext,
            "HTTPS" => Security::Tls,
            _ => return None,
        };
        let port = u16::try_from(server["port"]["number"].as_u64()?).ok()?;
        Some((Origin::Gateway(name.to_owned(), namespace.to_owned()), port, security))
    };
    servers.iter().filter_map(door).collect()
}

/// Adds a call that meets a condition; what no call can be made for is named.
fn meeting(
    shapes: &mut Shapes,
    (plain, issuers): (&Call, &[String]),
    condition: &Value,
    object: &Value,
) {
    let (name, namespace) = named(object);
    let mut missed = |what: &str| {
        shapes.leave_out(format!("{what} in VirtualService {namespace}/{name}"));
    };
    let mut call = Call { path: "/".to_owned(), ..plain.clone() };
    match text_of(&condition["uri"]) {
        Some(Some(path)) => call.path = path,
        Some(None) => return missed("a pattern for uri"),
        None => {}
    }
    match text_of(&condition["method"]) {
        Some(Some(method)) => call.method = method,
        Some(None) => return missed("a pattern for method"),
        None => {}
    }
    if let Some(port) = condition["port"].as_u64().and_then(|port| u16::try_from(port).ok()) {
        call.port = port;
    }
    let mut claims = User::new();
    for (name, wanted) in condition["headers"].as_object().into_iter().flatten() {
        let value = match text_of(wanted) {
            Some(Some(value)) => value,
            Some(None) => return missed("a pattern for a header"),
            None => "any".to_owned(),
        };
        match users::of_field(name) {
            Some(claim) => claims.push(format!("{claim}={value}")),
            None => call.fields.push((name.to_ascii_lowercase(), value)),
        }
    }
    let mut query = Vec::new();
    for (name, wanted) in condition["queryParams"].as_object().into_iter().flatten() {
        match text_of(wanted) {
            Some(Some(value)) => query.push(format!("{name}={value}")),
            Some(None) => return missed("a pattern for a query parameter"),
            None => query.push(format!("{name}=any")),
        }
    }
    if !query.is_empty() {
        call.path = format!("{}?{}", call.path, query.join("&"));
    }
    if claims.is_empty() {
        return shapes.add(call);
    }
    for issuer in issuers {
        let user = users::with(users::user(issuer, users::SOMEBODY), &claims);
        shapes.add(users::asked_by(call.clone(), &user));
    }
}

/// `None`: nothing is asked for; `Some(None)`: a pattern.
fn text_of(wanted: &Value) -> Option<Option<String>> {
    let fields = wanted.as_object().filter(|fields| !fields.is_empty())?;
    let plain = fields.get("exact").or_else(|| fields.get("prefix"));
    Some(plain.and_then(Value::as_str).map(str::to_owned))
}
