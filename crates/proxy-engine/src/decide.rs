//! The questions that a request asks the pure rooms, in the engine's words.
//!
//! In: plan, head, facts. Out: verdicts, routes, picks.
//! Holds: randomness comes from the worker's generator; nothing here waits.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use proxy_balance::{Live, Pick, pick as pick_endpoint, warmup};
use proxy_config::RequestFacts;
use proxy_config::cluster::{Discovery, Protocol as Upstream};
use proxy_config::endpoint::Endpoint;
use proxy_config::http::{ClientCert, RouteSource};
use proxy_config::route::{
    self, HeaderOp, HeaderOps, HostRewrite, RouteAction, RouteConfig, WeightedCluster,
};
use proxy_http::{Fields, RequestHead, ResponseHead, Version};
use proxy_route::{FormatFacts, Found, Routes, format_value, pick_cluster, redirect, rewrite_path};
use proxy_upstream::{Dial, Introduced, Keepalive, Pings, Protocol, Slot, Target};
use smallvec::SmallVec;
use weft_rt::Clock;
use weft_telemetry::{Flag, Workload};

use crate::connection::{Bound, Facts};
use crate::plan::{Cluster, Host, HttpAction, Plan, TcpAction, Tls};
use crate::reply::Reply;
use crate::worker::Worker;

/// A head with what the connection adds to it.
pub(crate) struct Head<'a>(pub(crate) &'a RequestHead, pub(crate) &'a Facts);

impl RequestFacts for Head<'_> {
    fn method(&self) -> &str {
        self.0.method.as_str()
    }

    fn path(&self) -> &str {
        &self.0.path
    }

    fn authority(&self) -> &str {
        &self.0.authority
    }

    fn scheme(&self) -> &str {
        self.0.fields.text("x-forwarded-proto").unwrap_or(self.1.scheme())
    }

    fn field(&self, name: &str) -> Option<Cow<'_, str>> {
        let mut values = self.0.fields.all(name);
        let first = values.next()?;
        match values.next() {
            None => Some(String::from_utf8_lossy(first)),
            Some(_) => self.0.fields.joined(name).map(Cow::Owned),
        }
    }
}

/// What a request matched. Its operations change every answer, our own ones too.
#[derive(Clone, Copy)]
pub(crate) struct Matched<'a> {
    pub(crate) found: Found<'a>,
    config: &'a RouteConfig,
    /// Of several clusters the one that was drawn.
    target: Option<&'a WeightedCluster>,
}

impl<'a> Matched<'a> {
    /// The most specific first, as Envoy applies them.
    fn ops(&self) -> impl Iterator<Item = &'a HeaderOps> {
        let Found { host, route } = self.found;
        let target = self.target.map(|target| &target.headers);
        target.into_iter().chain([&route.headers, &host.headers, &self.config.headers])
    }
}

/// How long an answer may take.
#[derive(Clone, Copy)]
pub(crate) struct Limit {
    pub(crate) after: Duration,
    /// It is the client's own deadline, of which a gRPC client is told by its name: `DEADLINE_EXCEEDED`.
    pub(crate) own: bool,
}

/// Where a request goes.
#[derive(Clone, Copy)]
pub(crate) struct Forward<'a> {
    pub(crate) matched: Matched<'a>,
    pub(crate) action: &'a route::Forward,
    pub(crate) target: &'a WeightedCluster,
}

impl<'a> Forward<'a> {
    pub(crate) fn retry(&self) -> Option<&'a route::Retry> {
        self.action.retry.as_deref().or(self.matched.found.host.retry.as_deref())
    }

    /// Bound of the answer. A gRPC client may ask for its own, up to what the route allows.
    pub(crate) fn timeout(&self, head: &RequestHead) -> Option<Limit> {
        let ours = |after| Limit { after, own: false };
        let content_type = head.fields.get("content-type").unwrap_or_default();
        let Some(most) = self.action.max_grpc_timeout else { return self.action.timeout.map(ours) };
        if !content_type.starts_with(b"application/grpc") {
            return self.action.timeout.map(ours);
        }
        let asked = head.fields.text("grpc-timeout").and_then(grpc_timeout);
        let asked = asked.filter(|asked| !asked.is_zero());
        match asked.filter(|asked| most.is_zero() || *asked <= most) {
            Some(after) => Some(Limit { after, own: true }),
            None if most.is_zero() => None,
            None => Some(ours(most)),
        }
    }

    /// The host becomes the endpoint's name.
    pub(crate) const fn takes_endpoint_name(&self) -> bool {
        matches!(self.action.host_rewrite, Some(HostRewrite::Auto))
    }

    pub(crate) const fn attempt_count(&self) -> bool {
        self.matched.found.host.include_attempt_count
    }
}

/// `5S`, `100m` and so on.
fn grpc_timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let n: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(n * 3600),
        "M" => Duration::from_secs(n * 60),
        "S" => Duration::from_secs(n),
        "m" => Duration::from_millis(n),
        "u" => Duration::from_micros(n),
        "n" => Duration::from_nanos(n),
        _ => return None,
    })
}

/// What the routes say.
pub(crate) enum Routed<'a> {
    Forward(Forward<'a>),
    Reply(Box<Reply>),
}

/// The route of a request, if there is one.
pub(crate) fn find<'a>(
    worker: &Worker,
    bound: &'a Bound,
    http: &'a HttpAction,
    facts: &Facts,
    head: &RequestHead,
) -> Option<Matched<'a>> {
    let routes = routes(&bound.plan, http)?;
    let random = worker.rng.borrow_mut().next_u64();
    let found = routes.find(&Head(head, facts), random)?;
    Some(Matched { found, config: routes.config(), target: None })
}

/// What the route wants, with its changes made to the head.
pub(crate) fn act<'a>(
    worker: &Worker,
    facts: &Facts,
    head: &mut RequestHead,
    matched: Option<Matched<'a>>,
) -> Routed<'a> {
    let Some(matched @ Matched { found, .. }) = matched else {
        return Routed::Reply(Box::new(Reply::no_route()));
    };
    let action = match &found.route.action {
        RouteAction::Forward(action) => action.as_ref(),
        RouteAction::Redirect(to) => {
            let to = redirect(to, &found.route.matches, &Head(head, facts));
            let mut reply = Reply::new(to.status, "", Flag::None, "direct_response");
            reply.fields.push(("location".into(), to.location));
            return Routed::Reply(Box::new(reply));
        }
        RouteAction::Respond(respond) => {
            let mut reply = Reply::new(respond.status, "", Flag::None, "direct_response");
            reply.body = bytes::Bytes::copy_from_slice(&respond.body);
            return Routed::Reply(Box::new(reply));
        }
    };
    let random = worker.rng.borrow_mut().next_u64();
    let Some(target) = pick_cluster(action, random) else {
        return Routed::Reply(Box::new(Reply::no_cluster(503)));
    };
    let matched = Matched { target: Some(target), ..matched };
    let forward = Forward { matched, action, target };
    change_request(&forward, facts, head, &worker.shared.clock);
    Routed::Forward(forward)
}

/// True when the request asks for a tunnel that neither its route nor the connection manager lets through. CONNECT is one
/// like the others. What has no route is not found, whatever it asks for.
pub(crate) fn refuses_tunnel(
    http: &HttpAction,
    head: &RequestHead,
    found: Option<Matched<'_>>,
) -> bool {
    let connect = (head.method == http::Method::CONNECT).then_some("connect");
    let Some(wanted) = head.upgrade.as_deref().or(connect) else { return false };
    let own = match found.map(|matched| &matched.found.route.action) {
        None => return false,
        Some(RouteAction::Forward(action)) => action.upgrades.as_ref(),
        Some(RouteAction::Redirect(_) | RouteAction::Respond(_)) => None,
    };
    let allowed = own.unwrap_or(&http.manager.upgrades);
    !allowed.iter().any(|known| known.eq_ignore_ascii_case(wanted))
}

fn routes<'a>(plan: &'a Plan, http: &'a HttpAction) -> Option<&'a Routes> {
    match &http.manager.routes {
        RouteSource::Inline(_) => http.inline.as_deref(),
        RouteSource::Named(name) => plan.routes.get(name).map(AsRef::as_ref),
    }
}

fn change_request(forward: &Forward<'_>, facts: &Facts, head: &mut RequestHead, clock: &Clock) {
    for op in forward.matched.ops().flat_map(|ops| &ops.request) {
        let Told { name, text } = told(op);
        let value = value_of(text, &forward.matched, head, facts, &Known::of(clock, None));
        match op {
            HeaderOp::Set(..) if is_host(name) => head.authority = value,
            HeaderOp::Set(..)
            | HeaderOp::Append(..)
            | HeaderOp::AddIfAbsent(..)
            | HeaderOp::Remove(..) => {
                if !is_host(name) {
                    change(&mut head.fields, op, &value);
                }
            }
        }
    }
    if let Some(rewrite) = &forward.action.rewrite {
        let path = rewrite_path(rewrite, &forward.matched.found.route.matches, &head.path);
        if path != head.path {
            let original = std::mem::replace(&mut head.path, path);
            head.fields.set("x-envoy-original-path", original.as_bytes());
        }
    }
    match &forward.action.host_rewrite {
        Some(HostRewrite::Literal(host)) => head.authority = host.as_ref().to_owned(),
        Some(HostRewrite::Header(name)) => {
            if let Some(host) = head.fields.text(name).map(str::to_owned) {
                head.authority = host;
            }
        }
        Some(HostRewrite::Auto) | None => {}
    }
}

fn is_host(name: &str) -> bool {
    matches!(name, "host" | ":authority")
}

/// What an answer adds to the facts of its request.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    clock: &'a Clock,
    /// The endpoint that was asked.
    pub(crate) upstream: Option<SocketAddr>,
    answer: Option<&'a ResponseHead>,
}

impl<'a> Known<'a> {
    /// Of an answer of that endpoint, or of our own; or before anything was asked.
    pub(crate) const fn of(clock: &'a Clock, upstream: Option<SocketAddr>) -> Self {
        Self { clock, upstream, answer: None }
    }
}

/// The field that an operation is about, and the text of its value.
struct Told<'a> {
    name: &'a str,
    text: &'a str,
}

fn told(op: &HeaderOp) -> Told<'_> {
    match op {
        HeaderOp::Set(name, text)
        | HeaderOp::Append(name, text)
        | HeaderOp::AddIfAbsent(name, text) => Told { name, text },
        HeaderOp::Remove(name) => Told { name, text: "" },
    }
}

/// Does one operation; an empty value changes nothing, as with Envoy.
fn change(fields: &mut Fields, op: &HeaderOp, value: &str) {
    match op {
        HeaderOp::Remove(name) => drop(fields.remove(name)),
        HeaderOp::Set(..) | HeaderOp::Append(..) | HeaderOp::AddIfAbsent(..)
            if value.is_empty() => {}
        HeaderOp::AddIfAbsent(name, _) if fields.has(name) => {}
        HeaderOp::Set(name, _) => fields.set(name, value.as_bytes()),
        HeaderOp::Append(name, _) | HeaderOp::AddIfAbsent(name, _) => {
            fields.append(name, value.as_bytes());
        }
    }
}

fn value_of(
    text: &str,
    matched: &Matched<'_>,
    head: &RequestHead,
    facts: &Facts,
    known: &Known<'_>,
) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let field = |name: &str| known.answer.and_then(|answer| answer.fields.joined(name));
    let response: &dyn Fn(&str) -> Option<String> = &field;
    format_value(
        text,
        &FormatFacts {
            request: &Head(head, facts),
            downstream_remote: Some(facts.remote),
            downstream_local: Some(facts.local),
            peer_uri: facts.principal(),
            protocol: head.version.name(),
            hostname: "",
            route_name: &matched.found.route.name,
            cluster: matched.target.map(|target| target.cluster.as_ref()),
            response_code: known.answer.map(|answer| answer.status),
            response: Some(response),
            upstream: known.upstream,
            started: known.clock.wall(),
        },
    )
}

/// What the route hashes of a request.
pub(crate) fn key(
    worker: &Worker,
    forward: &Forward<'_>,
    facts: &Facts,
    head: &RequestHead,
    client: std::net::IpAddr,
) -> proxy_balance::Key {
    let fresh = || worker.rng.borrow_mut().next_u64();
    proxy_balance::key(&forward.action.hash, &Head(head, facts), client, fresh)
}

/// The route's operations on the answer.
pub(crate) fn change_response(
    matched: &Matched<'_>,
    request: &RequestHead,
    facts: &Facts,
    head: &mut ResponseHead,
    known: Known<'_>,
) {
    for op in matched.ops().flat_map(|ops| &ops.response) {
        let known = Known { answer: Some(head), ..known };
        let value = value_of(told(op).text, matched, request, facts, &known);
        change(&mut head.fields, op, &value);
    }
}

/// `x-forwarded-client-cert`: what a stranger claims goes, what we verified comes.
pub(crate) fn client_cert(http: &HttpAction, bound: &Bound, facts: &Facts, head: &mut RequestHead) {
    const XFCC: &str = "x-forwarded-client-cert";
    let mode = http.manager.client_cert;
    let verified = facts.mutual_tls();
    let keep = match mode {
        ClientCert::AlwaysForwardOnly => true,
        ClientCert::ForwardOnly | ClientCert::AppendForward => verified,
        ClientCert::Sanitize | ClientCert::SanitizeSet => false,
    };
    let given = head.fields.joined(XFCC).filter(|_| keep);
    if !keep {
        head.fields.remove(XFCC);
    }
    let adds = matches!(mode, ClientCert::AppendForward | ClientCert::SanitizeSet);
    if let (true, Some(peer)) = (adds, &facts.peer) {
        let own = bound.plan.principal.as_deref().unwrap_or_default();
        let ours = crate::forwarded::client_cert(own, peer, http.manager.client_cert_details);
        let value = given.map_or(ours.clone(), |given| format!("{given},{ours}"));
        head.fields.set(XFCC, value.as_bytes());
    }
}

/// The cluster of a TCP chain.
pub(crate) fn tcp_cluster(
    worker: &Worker,
    plan: &Plan,
    action: &TcpAction,
) -> Option<Arc<Cluster>> {
    let total: u64 = action.proxy.clusters.iter().map(|(_, weight)| u64::from(*weight)).sum();
    let mut point = worker.rng.borrow_mut().below(total);
    let (name, _) = action.proxy.clusters.iter().find(|(_, weight)| {
        let hit = point < u64::from(*weight);
        point = point.saturating_sub(u64::from(*weight));
        hit
    })?;
    plan.clusters.get(name).map(Arc::clone)
}

/// A host and the way to it. The slot counts the request as long as it is kept.
pub(crate) struct Picked {
    pub(crate) target: Target,
    pub(crate) usable: bool,
    pub(crate) active: Option<Slot>,
    /// The endpoint's name, when it has one.
    pub(crate) hostname: Option<Arc<str>>,
}

/// No bound; long enough, and safe to add to now.
const NEVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// The mark of every socket that we open toward servers.
pub(crate) const MARK: u32 = 1337;

/// What a request wishes of its host.
#[derive(Clone, Copy, Default)]
pub(crate) struct Wish<'a> {
    /// Hosts that were tried already.
    pub(crate) avoid: &'a [SocketAddr],
    /// For consistent hashing.
    pub(crate) hash: Option<u64>,
    /// Other priorities than those of the hosts that were tried.
    pub(crate) remote: bool,
    /// Addresses of the called host, where the cluster looks that up.
    pub(crate) called: &'a [SocketAddr],
}

/// Picks a host of the cluster, by the wishes if that is possible.
pub(crate) fn pick(
    worker: &Worker,
    cluster: &Cluster,
    facts: &Facts,
    head: Option<&RequestHead>,
    wish: Wish<'_>,
) -> Option<Picked> {
    let dial = dial(cluster, facts);
    let version = head.map(|head| head.version);
    let protocol = match cluster.config.protocol {
        Upstream::Http2 => Protocol::Http2,
        Upstream::Downstream if version == Some(Version::Http2) => Protocol::Http2,
        _ => Protocol::Http1,
    };
    if cluster.original_destination {
        // Who connected to us meant nobody else; going on to our own address would go round in circles.
        if !facts.captured {
            return None;
        }
        let (tls, usable) = target_tls(&cluster.default_tls, cluster, head);
        let target = Target { address: facts.local, protocol, tls, dial };
        return Some(Picked { target, usable, active: None, hostname: None });
    }
    if let Discovery::Called(_) = &cluster.config.discovery {
        let fresh = wish.called.iter().find(|address| !wish.avoid.contains(address));
        let address = *fresh.or(wish.called.first())?;
        let (tls, usable) = target_tls(&cluster.default_tls, cluster, head);
        let target = Target { address, protocol, tls, dial };
        return Some(Picked { target, usable, active: None, hostname: None });
    }
    let (endpoint, host) = choose(worker, cluster, wish)?;
    let (tls, usable) = target_tls(&host.tls, cluster, head);
    let target = Target { address: endpoint.address, protocol, tls, dial };
    let name = &endpoint.about.hostname;
    let hostname = (!name.is_empty()).then(|| Arc::clone(name));
    Some(Picked { target, usable, active: Slot::take(&host.active, u32::MAX), hostname })
}

fn dial(cluster: &Cluster, facts: &Facts) -> Dial {
    let config = &cluster.config;
    Dial {
        mark: Some(MARK),
        bind: config.source,
        timeout: config.connect_timeout,
        keepalive: config.keepalive.map(|k| Keepalive {
            probes: k.probes,
            time: k.time,
            interval: k.interval,
        }),
        max_requests: config.max_requests_per_connection,
        idle_timeout: config.idle_timeout.unwrap_or(NEVER),
        max_duration: config.max_connection_duration.unwrap_or(NEVER),
        max_streams: config.max_streams,
        pings: config.pings.map(|p| Pings { interval: p.interval, timeout: p.timeout }),
        keep_case: config.keep_case,
        introduced: config.proxy_protocol.map(|version| Introduced {
            version,
            from: facts.remote,
            to: facts.local,
        }),
    }
}

fn target_tls(
    tls: &Tls,
    cluster: &Cluster,
    head: Option<&RequestHead>,
) -> (Option<proxy_upstream::TlsTarget>, bool) {
    let mut target = match tls {
        Tls::Plain => return (None, true),
        Tls::On(target) => proxy_upstream::TlsTarget::clone(target),
        Tls::Unusable => return (None, false),
    };
    let by = cluster.config.by_host;
    if let Some(head) = head.filter(|_| by.sni || by.san) {
        // A host that is no name of a server could not be verified.
        let Some(name) = proxy_upstream::target::server_name(&head.authority) else {
            return (None, !by.san);
        };
        target.for_host(name);
    }
    (Some(target), true)
}

fn choose<'a>(
    worker: &Worker,
    cluster: &'a Cluster,
    wish: Wish<'_>,
) -> Option<(&'a Endpoint, &'a Host)> {
    let endpoints = cluster.endpoints.as_ref()?;
    let config = &cluster.config;
    let timed = config.outlier.is_some() || config.slow_start.is_some();
    let now = timed.then(|| worker.shared.clock.now());
    let ejects = now.filter(|_| config.outlier.is_some());
    let out = ejects.map(|now| cluster.health.ejected(now)).unwrap_or_default();
    let live = |index: usize| {
        member(cluster, index).map_or_else(Live::default, |(endpoint, host)| Live {
            active: host.active.load(Ordering::Relaxed),
            ejected: out.contains(&endpoint.address),
            warm: now.map_or(warmup::WHOLE, |now| warmth(host, cluster, now)),
        })
    };
    let at = |address: &SocketAddr| {
        endpoints.endpoints.iter().position(|endpoint| endpoint.address == *address)
    };
    let tried: SmallVec<[usize; 4]> = wish.avoid.iter().filter_map(at).collect();
    let question = Pick {
        balancer: cluster.config.balancer,
        endpoints,
        live: &live,
        tried: &tried,
        random: worker.rng.borrow_mut().next_u64(),
        hash: wish.hash,
        table: cluster.table.as_deref(),
        calm: cluster.calm.as_ref().filter(|_| out.is_empty() && config.slow_start.is_none()),
        panic_threshold: config.panic_threshold,
        weighs_localities: config.weighs_localities,
        remote: wish.remote,
    };
    let mut cursors = worker.cursors.borrow_mut();
    let index = match cursors.get_mut(&cluster.name) {
        Some(cursor) => pick_endpoint(&question, cursor)?,
        None => pick_endpoint(&question, cursors.entry(Arc::clone(&cluster.name)).or_default())?,
    };
    member(cluster, index)
}

fn member(cluster: &Cluster, index: usize) -> Option<(&Endpoint, &Host)> {
    let endpoint = cluster.endpoints.as_ref()?.endpoints.get(index)?;
    Some((endpoint, cluster.hosts.get(index)?))
}

/// How much of its share a host gets. Its time began when it came, whether or not somebody asked for it.
fn warmth(host: &Host, cluster: &Cluster, now: Instant) -> u32 {
    let Some(settings) = &cluster.config.slow_start else { return warmup::WHOLE };
    let since = host.since.as_ref().map_or(now, |since| *since.get_or_init(|| now));
    warmup::share(settings, now.saturating_duration_since(since))
}

/// Who the endpoint's workload is.
pub(crate) fn peer_of(
    cluster: Option<&Cluster>,
    host: Option<SocketAddr>,
) -> Option<Arc<Workload>> {
    let host = host?;
    let (_, found) = cluster?.at(host)?;
    found.workload.as_ref().map(Arc::clone)
}
