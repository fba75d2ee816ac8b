//! The way of a request: path, host, route, filters, action.
//!
//! In: a walk that has reached a connection manager. Out: the rest of the answer.
//! Holds: phases and their order are those of the running proxy.

use std::net::SocketAddr;
use std::sync::Arc;

use proxy_config::RequestFacts as _;
use proxy_config::http::{HttpFilter, HttpManager, RouteSource};
use proxy_config::route::{
    FilterOverrides, Forward, HostRewrite, Redirect, Route, RouteAction, RouteConfig, VirtualHost,
};
use proxy_filter::path::{self, Normal};
use proxy_route::{Routes, redirect, rewrite_path, unmet};
use weft_proto::envoy::config::route::v3 as wire;

use crate::answer::{self, DirectResponse, Rewrite, Share};
use crate::facts::Request;
use crate::trace::Step;
use crate::walk::{Left, LeftRequest, Walk};
use crate::{Origin, Outcome, describe};

/// Istio's name of the route that refuses unknown hosts.
const BLOCKED: &str = "block_all";
/// Most routes of which is told why they do not take the request.
const TOLD: usize = 100;

impl<'a> Walk<'a> {
    pub(crate) fn request(&mut self, manager: &'a HttpManager, to: SocketAddr, secure: bool) {
        let mut request = Request::of(self.call, secure);
        request.comes_through(manager);
        if !self.normal(manager, &mut request) {
            return;
        }
        let Some(config) = self.routes(manager) else { return };
        self.answer.route_config = Some(config.name.to_string());
        let own;
        let routes = match self.proxy.matchers(config) {
            Some(known) => known,
            None => {
                own = Routes::compile(Arc::clone(config));
                &own
            }
        };
        let Some(host) = routes.host(&request.authority) else {
            self.answer.status = Some(404);
            let why = format!("no host of {} is called {}", config.name, request.authority);
            return self.end(Outcome::NoVirtualHost, "virtual_host", why);
        };
        self.answer.virtual_host = Some(host.name.to_string());
        self.step("virtual_host", format!("{} stands for {}", host.name, request.authority));
        let mut number = self.first_route(host, &request);
        if !self.filters_of(manager, &mut request, (host, &mut number), to) {
            return;
        }
        let route = number.and_then(|number| host.routes.get(number));
        let (Some(route), Some(number)) = (route, number) else {
            self.answer.status = Some(404);
            let why = format!("no route of {} takes it", host.name);
            return self.end(Outcome::NoRoute, "route", why);
        };
        self.answer.headers = describe::headers([&route.headers, &host.headers, &config.headers]);
        let written = self.written(&config.name, &host.name, number);
        self.act(route, written, &request);
    }

    fn normal(&mut self, manager: &HttpManager, request: &mut Request<'_>) -> bool {
        let options = path::Options {
            normalize: manager.normalize_path,
            merge_slashes: manager.merge_slashes,
            escaped_slashes: manager.escaped_slashes,
        };
        match path::normalize(&request.path, options) {
            Normal::Path(normal) => {
                let normal = normal.into_owned();
                if normal != request.path {
                    self.step("path", format!("{} counts as {normal}", request.path));
                }
                request.path = normal;
                true
            }
            Normal::Redirect(location) => {
                self.answer.status = Some(307);
                let why = format!("the path has escaped slashes: the client is sent to {location}");
                self.answer.redirect = Some(answer::Redirect { code: 307, location });
                self.end(Outcome::Redirect, "path", why);
                false
            }
            Normal::Refused => {
                self.answer.status = Some(400);
                self.end(Outcome::ProtocolError, "path", "the path is refused");
                false
            }
        }
    }

    fn routes(&mut self, manager: &'a HttpManager) -> Option<&'a Arc<RouteConfig>> {
        let name = match &manager.routes {
            RouteSource::Inline(config) => return Some(config),
            RouteSource::Named(name) => name,
        };
        let found = self.proxy.config.routes.get(name);
        if found.is_none() {
            self.answer.status = Some(404);
            self.answer.route_config = Some(name.to_string());
            self.end(Outcome::NoVirtualHost, "virtual_host", format!("there are no routes {name}"));
        }
        found
    }

    /// The first route that takes the request; tells why those before it do not.
    fn first_route(&mut self, host: &VirtualHost, request: &Request<'_>) -> Option<usize> {
        for (number, route) in host.routes.iter().enumerate() {
            let Some(unmet) = unmet(&route.matches, request, 0) else {
                return Some(number);
            };
            if number < TOLD {
                let why = format!(
                    "{} does not take it: {}",
                    named(route, number),
                    describe::unmet(unmet, request)
                );
                self.step("route", why);
            }
        }
        None
    }

    /// The route of a request behind the verification of its tokens. What was told of routes before was told of a request without claims.
    fn again(&mut self, host: &VirtualHost, request: &Request<'_>) -> Option<usize> {
        self.step("route", "its route is looked for again, now that its token is known");
        self.first_route(host, request)
    }

    /// Asks the filters; tells what they would do. Behind its tokens a request may have another route.
    fn filters_of(
        &mut self,
        manager: &'a HttpManager,
        request: &mut Request<'a>,
        (host, number): (&VirtualHost, &mut Option<usize>),
        to: SocketAddr,
    ) -> bool {
        for filter in &manager.filters {
            let route = number.and_then(|number| host.routes.get(number));
            let overrides = [route.map(|route| &route.filters), route.map(|_| &host.filters)];
            match filter {
                HttpFilter::Tokens(rules) => {
                    let fields = request.fields.len();
                    if !self.verified(rules, request) {
                        return false;
                    }
                    let changed = request.claimed.is_some() || request.fields.len() != fields;
                    if rules.reroutes && changed {
                        *number = self.again(host, request);
                    }
                }
                HttpFilter::Rbac(rules) => {
                    let rules = overridden(overrides, |f| f.rbac.as_deref()).unwrap_or(rules);
                    self.watched(rules, to, Some(request));
                    if !self.allowed(rules, to, Some(request)) {
                        return false;
                    }
                }
                HttpFilter::Ask(filter) => {
                    if !self.asked(filter, Some(request)) {
                        return false;
                    }
                }
                HttpFilter::Limit(own) => {
                    let limit = overridden(overrides, |f| f.limit.as_deref());
                    self.limited(limit.filter(|_| own.by_route).unwrap_or(own), request);
                }
                HttpFilter::Fault(own) => {
                    let fault = overridden(overrides, |f| f.fault.as_deref()).unwrap_or(own);
                    self.answer.faults = describe::faults(fault);
                }
                // It writes the same call in another way.
                HttpFilter::GrpcWeb => {}
                HttpFilter::Cors => {
                    let cors = overridden(overrides, |f| f.cors.as_deref());
                    self.answer.cors = cors.map(describe::cors);
                }
            }
        }
        true
    }

    /// The route as it is sent to the proxy, which names the object that it comes from.
    fn written(&self, config: &str, host: &str, number: usize) -> Option<&'a wire::Route> {
        let config = self.proxy.routes.get(config)?;
        let host = config.virtual_hosts.iter().find(|known| known.name == host)?;
        host.routes.get(number)
    }

    fn act(&mut self, route: &Route, written: Option<&'a wire::Route>, request: &Request<'_>) {
        self.answer.route = Some(route.name.to_string()).filter(|name| !name.is_empty());
        let taken = format!("{} takes it", named(route, usize::MAX));
        match describe::objects(written.and_then(|route| route.metadata.as_ref())).first() {
            Some(object) => {
                let step = Step::new("route", taken).by(object, self.mesh.place(object));
                self.answer.trace.push(step);
            }
            None => self.step("route", taken),
        }
        match &route.action {
            RouteAction::Redirect(to) => self.redirected(to, route, request),
            RouteAction::Respond(respond) => {
                self.answer.status = Some(respond.status);
                let body = String::from_utf8_lossy(&respond.body).into_owned();
                let mut why = format!("the proxy answers {} by itself", respond.status);
                if &*route.name == BLOCKED {
                    why.push_str(": nobody registered this host, and REGISTRY_ONLY lets nothing else out; it counts against BlackHoleCluster");
                }
                self.answer.direct_response = Some(DirectResponse { status: respond.status, body });
                self.end(Outcome::DirectResponse, "action", why);
            }
            RouteAction::Forward(forward) => self.forwarded(forward, route, written, request),
        }
    }

    fn redirected(&mut self, to: &Redirect, route: &Route, request: &Request<'_>) {
        let found = redirect(to, &route.matches, request);
        self.answer.status = Some(found.status);
        let secure_only = to.scheme.as_deref() == Some("https")
            && to.host.is_none()
            && to.port.is_none()
            && to.path.is_none();
        let gateway = matches!(self.call.origin, Origin::Gateway(..));
        let outcome = if gateway && secure_only && route.name.is_empty() {
            Outcome::TlsRedirect
        } else {
            Outcome::Redirect
        };
        let why = format!("the client is sent to {}", found.location);
        self.answer.redirect =
            Some(answer::Redirect { code: found.status, location: found.location });
        self.end(outcome, "action", why);
    }

    fn forwarded(
        &mut self,
        forward: &Forward,
        route: &Route,
        written: Option<&wire::Route>,
        request: &Request<'_>,
    ) {
        let answer = &mut self.answer;
        answer.clusters = forward
            .clusters
            .iter()
            .map(|one| Share { name: describe::istio_name(&one.cluster), weight: one.weight })
            .collect();
        answer.timeout_ms = Some(describe::millis(forward.timeout.unwrap_or_default()));
        answer.retries = forward.retry.as_deref().map(|retry| describe::retries(retry, written));
        answer.mirrors = forward.mirrors.iter().map(describe::mirror).collect();
        answer.hash = forward.hash.iter().map(describe::hash).collect();
        answer.rewrite = rewritten(forward, route, request);
        let names: Vec<String> =
            answer.clusters.iter().map(|one| format!("{} ({})", one.name, one.weight)).collect();
        let first = forward.clusters.first().map(|one| one.cluster.to_string());
        self.end(Outcome::Routed, "action", format!("the request goes to {}", names.join(", ")));
        if let Some(first) = first {
            self.cluster(&first);
            let rewrite = self.answer.rewrite.clone().unwrap_or_default();
            let authority = rewrite.authority.unwrap_or_else(|| request.authority.clone());
            let path = rewrite.path.unwrap_or_else(|| request.path.clone());
            self.left = Some(Left {
                cluster: first,
                request: Some(LeftRequest { authority, path, fields: request.fields.clone() }),
            });
        }
    }
}

fn rewritten(forward: &Forward, route: &Route, request: &Request<'_>) -> Option<Rewrite> {
    let path = forward.rewrite.as_ref();
    let path = path.map(|rewrite| rewrite_path(rewrite, &route.matches, request.path()));
    let authority = match &forward.host_rewrite {
        Some(HostRewrite::Literal(host)) => Some(host.to_string()),
        Some(HostRewrite::Auto) => Some("(name of the endpoint)".to_owned()),
        Some(HostRewrite::Header(name)) => request.field(name).map(std::borrow::Cow::into_owned),
        None => None,
    };
    (path.is_some() || authority.is_some()).then_some(Rewrite { path, authority })
}

fn overridden<'a, T: ?Sized>(
    places: [Option<&'a FilterOverrides>; 2],
    pick: impl Fn(&'a FilterOverrides) -> Option<&'a T>,
) -> Option<&'a T> {
    places.into_iter().flatten().find_map(pick)
}

fn named(route: &Route, number: usize) -> String {
    match (&*route.name, number) {
        ("", usize::MAX) => "a route without a name".to_owned(),
        ("", number) => format!("route {number}"),
        (name, _) => format!("route {name:?}"),
    }
}
