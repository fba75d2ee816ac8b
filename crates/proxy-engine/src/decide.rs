//! The questions that a request asks the routes, in the engine's words.
//!
//! In: plan, head, facts. Out: the matched route, and what it does.
//! Holds: randomness comes from the worker's generator; nothing here waits.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use proxy_config::RequestFacts;
use proxy_config::claim::Claim;
use proxy_config::http::RouteSource;
use proxy_config::route::{
    self, HeaderOps, HostRewrite, RouteAction, RouteConfig, WeightedCluster,
};
use proxy_filter::grpc_web::is_grpc;
use proxy_filter::tokens::Claimed;
use proxy_http::RequestHead;
use proxy_route::{Found, Routes, pick_cluster, redirect};
use weft_telemetry::Flag;

use crate::change::change_request;
use crate::connection::{Bound, Facts};
use crate::plan::{HttpAction, Plan};
use crate::reply::Reply;
use crate::worker::Worker;

/// A head with what the connection and a verified token add to it.
#[derive(Clone, Copy)]
pub(crate) struct Head<'a>(
    pub(crate) &'a RequestHead,
    pub(crate) &'a Facts,
    pub(crate) Option<&'a Claimed<'a>>,
);

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

    fn values(&self, name: &str) -> Vec<Cow<'_, str>> {
        self.0.fields.all(name).map(String::from_utf8_lossy).collect()
    }

    fn claim(&self, path: &[Arc<str>]) -> Option<Claim<'_>> {
        self.2?.claim(path)
    }
}

/// What a request matched. Its operations change every answer, our own ones too.
#[derive(Clone, Copy)]
pub(crate) struct Matched<'a> {
    pub(crate) found: Found<'a>,
    config: &'a RouteConfig,
    /// Of several clusters the one that was drawn.
    pub(crate) target: Option<&'a WeightedCluster>,
}

impl<'a> Matched<'a> {
    /// Name of the route configuration.
    pub(crate) fn config_name(&self) -> &'a str {
        &self.config.name
    }

    /// The most specific first, as Envoy applies them.
    pub(crate) fn ops(&self) -> impl Iterator<Item = &'a HeaderOps> {
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
        if !is_grpc(content_type) {
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
    head: Head<'_>,
) -> Option<Matched<'a>> {
    let routes = routes(&bound.plan, http)?;
    let random = worker.rng.borrow_mut().next_u64();
    let found = routes.find(&head, random)?;
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
            let to = redirect(to, &found.route.matches, &Head(head, facts, None));
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
