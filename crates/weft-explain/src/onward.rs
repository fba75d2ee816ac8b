//! A call between two proxies: which endpoint it goes to, and how its connection looks there.
//!
//! In: a call as it leaves a proxy. Out: the call that the proxy of the endpoint sees, when there is one.
//! Holds: TLS is what the first proxy's configuration says for that endpoint; the identity is that of the caller's pod.
//! Never: chance; of several endpoints the first that may be chosen stands for all.

use std::net::SocketAddr;

use proxy_config::Cluster;
use proxy_config::cluster::{Discovery, Protocol};
use proxy_config::endpoint::{Endpoint, Endpoints, Health};
use proxy_config::tls::UpstreamTls;

use crate::answer::Operations;
use crate::trace::Step;
use crate::walk::{Left, LeftRequest};
use crate::workload::Workload;
use crate::{Answer, Call, Mesh, Origin, Outcome, Proxy, Security, Spoken, describe, destination};

/// Leads a call on. Answers what there is to tell, and the call at the endpoint's proxy; nothing when the call leaves for a
/// place that the mesh knows no endpoint of.
pub(crate) fn of(
    mesh: &Mesh,
    proxy: &Proxy,
    call: &Call,
    left: &Left,
    answer: &Answer,
) -> Option<(Step, Option<Call>)> {
    let cluster = proxy.config.clusters.get(left.cluster.as_str())?;
    let (address, endpoint, others) = chosen(mesh, proxy, call, cluster)?;
    let server = Workload::at(mesh, address.ip())?;
    let pod = format!("{}.{}", server.name(), server.namespace());
    let among = match others {
        0 => String::new(),
        _ => format!(", which stands for {} endpoints", others + 1),
    };
    if !server.is_meshed() {
        let why = format!(
            "{address} is pod {pod}{among}: it has no proxy, so that nothing more is judged"
        );
        return Some((Step::new("endpoint", why), None));
    }
    let caller = &proxy.workload;
    let protected = caller.is_meshed() && !call.plaintext;
    let tls = protected.then(|| transport(cluster, endpoint, server.is_meshed())).flatten();
    let mut next = call.clone();
    let (name, namespace) = (server.name().to_owned(), server.namespace().to_owned());
    next.origin = match server.is_gateway() {
        true => Origin::Gateway(name, namespace),
        false => Origin::Inbound(name, namespace),
    };
    next.port = address.port();
    next.ip = None;
    secure(&mut next, tls, answer.outcome);
    if next.security == Security::Mtls {
        let own = || caller.identity(&mesh.snapshot().settings().trust_domain);
        next.principal = Some(call.principal.clone().unwrap_or_else(own));
    }
    if let Some(request) = &left.request {
        next.fields.clone_from(&request.fields);
    }
    seen(&mut next, call, caller);
    if let Some(LeftRequest { authority, path, .. }) = &left.request {
        if cluster.protocol == Protocol::Http2 {
            next.spoken = Spoken::Http2;
        }
        next.path.clone_from(path);
        change(&mut next.fields, &answer.headers.request);
        next.fields.retain(|(name, _)| name != "host" && name != ":authority");
        next.fields.push(("host".to_owned(), authority.clone()));
    }
    let how = match next.security {
        Security::Mtls => "mutual TLS of the mesh",
        Security::Tls => "TLS without a certificate of the mesh",
        Security::Plaintext => "plain text",
    };
    let why = format!("{address} is pod {pod}{among}; its proxy is called by {how}");
    Some((Step::new("endpoint", why), Some(next)))
}

/// A gateway leads the call to where no proxy of the mesh is.
pub(crate) fn out(left: &Left) -> Step {
    let cluster = describe::istio_name(&left.cluster);
    Step::new(
        "endpoint",
        format!("{cluster} has no endpoint in the mesh: the call goes out of it here"),
    )
}

/// The endpoint that is best by health and priority, and how many more there are.
fn chosen<'a>(
    mesh: &Mesh,
    proxy: &'a Proxy,
    call: &Call,
    cluster: &'a Cluster,
) -> Option<(SocketAddr, Option<&'a Endpoint>, usize)> {
    let of = |list: &'a Endpoints| {
        let rank = |one: &&Endpoint| {
            let health = match one.health {
                Health::Healthy => 0,
                Health::Degraded => 1,
                Health::Draining | Health::Unhealthy => 2,
            };
            (health, one.priority)
        };
        let first = list.endpoints.iter().min_by_key(rank)?;
        Some((first.address, Some(first), list.endpoints.len() - 1))
    };
    match &cluster.discovery {
        Discovery::Eds(name) => of(proxy.config.endpoints.get(name)?),
        Discovery::Static(list) => of(list),
        Discovery::OriginalDestination => Some((destination::of(mesh, proxy, call).0, None, 0)),
        Discovery::Dns(_) | Discovery::Called(_) => None,
    }
}

/// TLS toward an endpoint. A pod that will have a proxy counts as if it showed so already.
fn transport<'a>(
    cluster: &'a Cluster,
    endpoint: Option<&Endpoint>,
    meshed: bool,
) -> Option<&'a UpstreamTls> {
    let shown = endpoint.map(|one| one.about.transport_labels.as_slice()).unwrap_or_default();
    let has = |key: &str, value: &str| {
        shown.iter().any(|(k, v)| (&**k, &**v) == (key, value))
            || (meshed && endpoint.is_some() && (key, value) == ("tlsMode", "istio"))
    };
    let mut by_label = cluster.transport_matches.iter();
    match by_label.find(|one| one.labels.iter().all(|(key, value)| has(key, value))) {
        Some(found) => found.tls.as_deref(),
        None => cluster.tls.as_deref(),
    }
}

fn secure(next: &mut Call, tls: Option<&UpstreamTls>, outcome: Outcome) {
    let own = next.security;
    let inside = outcome == Outcome::Tcp && own != Security::Plaintext;
    next.security = match tls {
        Some(tls) if tls.certificate.as_deref() == Some("default") => Security::Mtls,
        Some(_) => Security::Tls,
        None if inside => return,
        None => Security::Plaintext,
    };
    let sni = tls.map(|tls| tls.sni.to_string());
    next.sni = sni.filter(|sni| !sni.is_empty());
    if inside {
        next.spoken = Spoken::Tcp;
    }
}

/// Who the connection comes from: a gateway stands in front of its client, and says so in a field.
fn seen(next: &mut Call, call: &Call, caller: &Workload) {
    if !matches!(call.origin, Origin::Gateway(..)) {
        next.source_ip = call.source_ip.or_else(|| caller.address());
        return;
    }
    next.source_ip = caller.address();
    let Some(client) = call.source_ip else { return };
    let known = next.fields.iter_mut().find(|(name, _)| name == "x-forwarded-for");
    match known {
        Some((_, chain)) => *chain = format!("{chain},{client}"),
        None => next.fields.push(("x-forwarded-for".to_owned(), client.to_string())),
    }
}

/// What the first proxy does to fields.
fn change(fields: &mut Vec<(String, String)>, operations: &Operations) {
    let Operations { set, add, remove } = operations;
    fields.retain(|(name, _)| !remove.contains(name) && !set.contains_key(name));
    fields.extend(set.iter().chain(add).map(|(name, value)| (name.clone(), value.clone())));
}
