//! Servers of Istio's Gateways and listeners of the Gateway API's, in one form.

use serde_json::Value;
use weft_gateway_api::{Judged, Seat};
use weft_model::ObjectRef;

use super::GatewayServer;

/// Servers as they were written; certificates stand in the namespace of the pods.
pub(super) fn servers(gateway: &Value, home: &str) -> Vec<GatewayServer> {
    let all = gateway["spec"]["servers"].as_array().into_iter().flatten();
    all.map(|server| {
        let (port, tls) = (&server["port"], &server["tls"]);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let redirects = tls["httpsRedirect"] == true;
        let mode = match tls["mode"].as_str() {
            _ if redirects => "redirects to HTTPS",
            Some(mode) => mode,
            None if tls.is_object() => "SIMPLE",
            None => "",
        };
        GatewayServer {
            name: text(&port["name"]),
            port: port["number"].as_u64().and_then(|n| u32::try_from(n).ok()).unwrap_or_default(),
            protocol: text(&port["protocol"]),
            hosts: list(&server["hosts"]),
            tls: mode.to_owned(),
            certificates: certificates(tls, home),
            attached: None,
            faults: Vec::new(),
        }
    })
    .collect()
}

fn certificates(tls: &Value, home: &str) -> Vec<String> {
    let one = tls["credentialName"].as_str().filter(|name| !name.is_empty());
    let mut names = list(&tls["credentialNames"]);
    names.extend(one.map(str::to_owned));
    let full = |name: String| {
        let bare = name.strip_prefix("kubernetes://").unwrap_or(&name);
        if bare.contains('/') { bare.to_owned() } else { format!("{home}/{bare}") }
    };
    names.into_iter().map(full).collect()
}

/// Listeners of a Gateway and of the sets that add to it, as they were judged; none of a class of others.
pub(super) fn seats(judged: &Judged<'_>, name: &ObjectRef) -> Option<Vec<GatewayServer>> {
    let own = judged.seats.owners.get(name)?;
    let sets = judged.sets.added.get(name).into_iter().flatten();
    let added = sets.filter_map(|set| judged.seats.owners.get(set)).flatten();
    Some(own.iter().chain(added).map(seat).collect())
}

fn seat(seat: &Seat) -> GatewayServer {
    let tls = match seat.protocol.as_str() {
        "HTTPS" | "TLS" if seat.passes() => "PASSTHROUGH",
        "HTTPS" | "TLS" if seat.clients.is_some() => "MUTUAL",
        "HTTPS" | "TLS" => "SIMPLE",
        _ => "",
    };
    let programmed = seat.programmed();
    let refused = (!programmed.yes && !seat.accepted.yes)
        .then(|| format!("{}: {}", seat.accepted.reason, seat.accepted.message));
    let faults = seat.faults.iter().map(|fault| format!("{}: {}", fault.reason, fault.message));
    GatewayServer {
        name: seat.name.clone(),
        port: seat.port,
        protocol: seat.protocol.clone(),
        hosts: vec![seat.hostname.as_ref().map_or("*".to_owned(), ToString::to_string)],
        tls: tls.to_owned(),
        certificates: seat
            .certificates
            .iter()
            .map(|(space, name)| format!("{space}/{name}"))
            .collect(),
        attached: Some(seat.attached),
        faults: refused.into_iter().chain(faults).collect(),
    }
}

fn list(written: &Value) -> Vec<String> {
    let all = written.as_array().into_iter().flatten();
    all.filter_map(|text| text.as_str().map(str::to_owned)).collect()
}
