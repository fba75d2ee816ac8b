//! What a route and the connection change in heads.
//!
//! In: a matched route, heads, facts of the connection. Out: changed heads.
//! Holds: operations are done in the order of their levels; an empty value changes nothing, as with Envoy.

use std::net::SocketAddr;

use proxy_config::http::ClientCert;
use proxy_config::route::{HeaderOp, HostRewrite};
use proxy_http::{Fields, RequestHead, ResponseHead};
use proxy_route::{FormatFacts, format_value, rewrite_path};
use weft_rt::Clock;

use crate::connection::{Bound, Facts};
use crate::decide::{Forward, Head, Matched};
use crate::plan::HttpAction;

pub(crate) fn change_request(
    forward: &Forward<'_>,
    facts: &Facts,
    head: &mut RequestHead,
    clock: &Clock,
) {
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

/// Does one operation whose value holds no operator.
pub(crate) fn plain(fields: &mut Fields, op: &HeaderOp) {
    change(fields, op, told(op).text);
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
            request: &Head(head, facts, None),
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
        let ours = facts.element.of(own, peer, http.manager.client_cert_details);
        match given {
            None => head.fields.set(XFCC, ours.as_bytes()),
            Some(given) => head.fields.set(XFCC, format!("{given},{ours}").as_bytes()),
        }
    }
}
