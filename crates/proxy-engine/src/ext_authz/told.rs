//! What is told of a request or a connection that is asked about.
//!
//! In: its head, the part of its body that is shown, facts of the connection. Out: the question.
//! Never: asks.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use proxy_config::ext_authz::HttpService;
use proxy_filter::ext_authz::by_grpc::{self, End, Question};
use proxy_filter::ext_authz::by_request;
use proxy_http::{BodyKind, Fields, RequestHead, Version};

use crate::connection::Facts;
use crate::plan::Plan;
use crate::worker::Worker;

/// Says whether only the beginning of the body is shown.
const PARTIAL: &str = "x-envoy-auth-partial-body";

/// What is shown of a body.
pub(super) struct Part {
    pub(super) bytes: Bytes,
    pub(super) whole: bool,
}

/// A request that is asked about.
pub(super) struct About<'a> {
    pub(super) head: &'a RequestHead,
    pub(super) part: Option<&'a Part>,
    pub(super) source: SocketAddr,
}

impl About<'_> {
    /// What is shown of its body.
    pub(super) fn part(&self) -> Bytes {
        self.part.map(|part| part.bytes.clone()).unwrap_or_default()
    }

    /// What is said of the body beside it.
    fn partial(&self) -> Option<&'static str> {
        self.part.map(|part| if part.whole { "false" } else { "true" })
    }
}

pub(super) fn listed(fields: &Fields) -> Vec<(String, String)> {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    fields.iter().map(|(name, value)| (name.to_owned(), text(value))).collect()
}

/// The request that a service of HTTP is asked by. `None`: CONNECT, which asks for a tunnel wherever it is sent.
pub(super) fn request_head(service: &HttpService, about: &About<'_>) -> Option<RequestHead> {
    let asked = about.head;
    if asked.method == http::Method::CONNECT {
        return None;
    }
    let mut fields = Fields::new();
    for (name, value) in asked.fields.iter().filter(|(name, _)| by_request::shows(service, name)) {
        fields.append(name, value);
    }
    for (name, value) in &service.added {
        fields.set(name, value.as_bytes());
    }
    if let Some(partial) = about.partial() {
        fields.set(PARTIAL, partial.as_bytes());
    }
    Some(RequestHead {
        method: asked.method.clone(),
        path: format!("{}{}", service.path_prefix, asked.path),
        authority: asked.authority.clone(),
        fields,
        keep_alive: true,
        ..RequestHead::default()
    })
}

pub(super) fn grpc_head(authority: &str, timeout: Option<Duration>) -> RequestHead {
    let mut fields = Fields::new();
    fields.append("content-type", b"application/grpc");
    fields.append("te", b"trailers");
    if let Some(limit) = timeout {
        // Eight digits are what the protocol allows.
        let millis = limit.as_millis().clamp(1, 99_999_999);
        fields.append("grpc-timeout", format!("{millis}m").as_bytes());
    }
    RequestHead {
        method: http::Method::POST,
        path: by_grpc::PATH.to_owned(),
        authority: authority.to_owned(),
        version: Version::Http2,
        fields,
        keep_alive: true,
        ..RequestHead::default()
    }
}

/// What a service of gRPC is told.
pub(super) fn question<'q>(
    worker: &Worker,
    plan: &'q Plan,
    facts: &'q Facts,
    about: Option<&'q About<'q>>,
    as_bytes: bool,
) -> Question<'q> {
    let since = worker.shared.clock.wall().duration_since(SystemTime::UNIX_EPOCH);
    let own = plan.principal.as_deref().filter(|_| facts.mutual_tls());
    let address = about.map_or(facts.remote, |about| about.source);
    Question {
        source: End { address, principal: facts.principal() },
        destination: End { address: facts.local, principal: own },
        time: since.unwrap_or_default(),
        request: about.map(|about| described(about, facts, as_bytes)),
    }
}

fn described<'q>(about: &'q About<'q>, facts: &'q Facts, as_bytes: bool) -> by_grpc::Request<'q> {
    let head = about.head;
    let mut fields = listed(&head.fields);
    if let Some(partial) = about.partial() {
        fields.retain(|(name, _)| name != PARTIAL);
        fields.push((PARTIAL.to_owned(), partial.to_owned()));
    }
    by_grpc::Request {
        id: head.fields.text("x-request-id").unwrap_or_default(),
        method: head.method.as_str(),
        scheme: head.fields.text("x-forwarded-proto").unwrap_or(facts.scheme()),
        authority: &head.authority,
        path: &head.path,
        protocol: head.version.name(),
        size: match head.body {
            BodyKind::Empty => Some(0),
            BodyKind::Length(length) => Some(length),
            BodyKind::Chunked | BodyKind::UntilClose => None,
        },
        fields,
        body: about.part.map_or(&[][..], |part| &part.bytes),
        as_bytes,
    }
}
