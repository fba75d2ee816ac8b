//! Gateways for people.

use std::collections::BTreeSet;

use weft_explain::around::{BoundRoute, GatewayServer};

use super::{Told, Whole};
use crate::failure::say;
use crate::table;

/// A line for each.
pub(super) fn list(all: &[Told]) {
    if all.is_empty() {
        say!("There is no gateway.");
        return;
    }
    let headings = [
        "NAMESPACE",
        "NAME",
        "API",
        "CLASS/SELECTOR",
        "HOSTS",
        "PORTS",
        "TLS",
        "CERTIFICATES",
        "PODS",
        "STATE",
    ];
    table::print(&headings, &all.iter().map(cells).collect::<Vec<_>>());
}

fn cells(told: &Told) -> Vec<String> {
    let around = &told.around;
    let (namespace, name) = around.gateway.split_once('/').unwrap_or(("", &around.gateway));
    let each = |of: fn(&GatewayServer) -> Vec<String>| {
        let all: BTreeSet<String> = around.servers.iter().flat_map(of).collect();
        short(&all.into_iter().collect::<Vec<_>>())
    };
    let certificates: Vec<String> = told
        .days_left
        .iter()
        .map(|(secret, days)| {
            format!("{} ({})", secret.rsplit('/').next().unwrap_or_default(), left(*days))
        })
        .collect();
    let ready = around.pods.iter().filter(|pod| pod.ready != Some(false)).count();
    vec![
        namespace.to_owned(),
        name.to_owned(),
        if around.is_istio() { "Istio" } else { "Gateway API" }.to_owned(),
        around.selects.clone(),
        each(|server| server.hosts.clone()),
        each(|server| vec![format!("{}/{}", server.port, server.protocol)]),
        each(|server| Some(server.tls.clone()).filter(|tls| !tls.is_empty()).into_iter().collect()),
        short(&certificates),
        format!("{ready}/{}", around.pods.len()),
        told.state.clone(),
    ]
}

/// The first ones, and how many more there are.
fn short(all: &[String]) -> String {
    const SHOWN: usize = 3;
    let shown = all.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match all.len() {
        0 => "-".to_owned(),
        count if count > SHOWN => format!("{shown} + {} more", count - SHOWN),
        _ => shown,
    }
}

fn left(days: Option<i64>) -> String {
    match days {
        None => "missing".to_owned(),
        Some(days) if days < 0 => "expired".to_owned(),
        Some(days) => format!("{days}d"),
    }
}

/// All of one.
pub(super) fn whole(whole: &Whole) {
    let Whole { told, routes, rejected } = whole;
    let around = &told.around;
    let what = if around.is_istio() { "selects" } else { "class" };
    say!(
        "Gateway {} ({}; {what} {}): {}",
        around.gateway,
        around.group,
        around.selects,
        told.state
    );
    for pod in &around.pods {
        let ready = match pod.ready {
            Some(true) => "ready",
            Some(false) => "not ready",
            None => "not running",
        };
        say!("  Pod: {} ({ready})", pod.pod);
    }
    around.addresses.iter().for_each(|address| say!("  Address: {address}"));
    around.servers.iter().for_each(|one| server(told, one));
    for one in &around.conditions {
        let message =
            if one.message.is_empty() { String::new() } else { format!(": {}", one.message) };
        say!("  Condition: {}={} ({}){message}", one.name, one.status, one.reason);
    }
    if routes.is_empty() {
        say!("  Routes: none");
    } else {
        say!("  Routes, the first that fits counts:");
        routes.iter().for_each(route);
    }
    for one in rejected {
        say!("  Not served: {} ({}: {})", one.object, one.reason, one.message);
    }
    if !told.problems.is_empty() {
        say!("Problems:");
        told.problems.iter().for_each(|problem| say!("  {problem}"));
    }
}

fn server(told: &Told, one: &GatewayServer) {
    let tls = if one.tls.is_empty() { String::new() } else { format!(", TLS {}", one.tls) };
    let attached = one.attached.map(|count| format!(", {count} attached routes"));
    say!(
        "  Server {} ({}/{}{tls}{}): {}",
        one.name,
        one.port,
        one.protocol,
        attached.unwrap_or_default(),
        one.hosts.join(", ")
    );
    for secret in &one.certificates {
        let days = told.days_left.get(secret).copied().flatten();
        say!(
            "    Certificate: Secret {secret} ({})",
            match days {
                Some(days) if days >= 0 => format!("{days} days left"),
                Some(_) => "expired".to_owned(),
                None => "missing, or cannot be read".to_owned(),
            }
        );
    }
    one.faults.iter().for_each(|fault| say!("    Fault: {fault}"));
}

fn route(route: &BoundRoute) {
    let to = if route.to.is_empty() { "nowhere".to_owned() } else { route.to.join(", ") };
    say!("    {} {} -> {to} [{}]", route.hosts.join(", "), route.asks, route.object);
}
