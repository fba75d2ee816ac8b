//! Asked by Envoy's gRPC service for authorization.
//! In: facts, or bytes of an answer. Out: bytes of a question, or what the answer means.
//! Holds: an answer with a field that no message may have is no answer.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use prost::Message as _;
use weft_proto::envoy::config::core::v3 as core;
use weft_proto::envoy::config::core::v3::header_value_option::HeaderAppendAction;
use weft_proto::envoy::service::auth::v3 as wire;
use weft_proto::google::protobuf::Timestamp;
use wire::attribute_context as parts;
use wire::check_response::HttpResponse;

use super::{Answer, Change, Changes, FORBIDDEN, Refusal, field_name, frames, is_value};

/// The path of the method.
pub const PATH: &str = "/envoy.service.auth.v3.Authorization/Check";
/// Bytes in front of a message: whether it is compressed, and its length.
const FRAME: usize = 5;

/// One end of the connection.
#[derive(Debug, Clone, Copy)]
pub struct End<'a> {
    /// Its address.
    pub address: SocketAddr,
    /// Its proven identity.
    pub principal: Option<&'a str>,
}

/// What is asked about.
#[derive(Debug)]
pub struct Question<'a> {
    /// Who asks for something.
    pub source: End<'a>,
    /// Of whom.
    pub destination: End<'a>,
    /// When, since 1970.
    pub time: Duration,
    /// The request; `None` for bytes of something else.
    pub request: Option<Request<'a>>,
}

/// A request.
#[derive(Debug)]
pub struct Request<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its method.
    pub method: &'a str,
    /// `http` or `https`.
    pub scheme: &'a str,
    /// The host.
    pub authority: &'a str,
    /// Path and query.
    pub path: &'a str,
    /// Such as `HTTP/1.1`.
    pub protocol: &'a str,
    /// Bytes of the body, where that is known.
    pub size: Option<u64>,
    /// Fields by names in small letters.
    pub fields: Vec<(String, String)>,
    /// What is shown of the body.
    pub body: &'a [u8],
    /// It is shown as bytes.
    pub as_bytes: bool,
}

/// A question as the body of a gRPC request.
#[must_use]
pub fn question(asked: Question<'_>) -> Vec<u8> {
    let Question { source, destination, time, request } = asked;
    let attributes = wire::AttributeContext {
        source: Some(end(source)),
        destination: Some(end(destination)),
        request: Some(parts::Request {
            time: Some(Timestamp {
                seconds: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
                nanos: i32::try_from(time.subsec_nanos()).unwrap_or(0),
            }),
            http: request.map(about),
        }),
        metadata_context: Some(core::Metadata::default()),
        ..wire::AttributeContext::default()
    };
    let message = wire::CheckRequest { attributes: Some(attributes) }.encode_to_vec();
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let mut body = Vec::with_capacity(FRAME + message.len());
    body.push(0);
    body.extend_from_slice(&length.to_be_bytes());
    body.extend_from_slice(&message);
    body
}

fn end(end: End<'_>) -> parts::Peer {
    let socket = core::SocketAddress {
        address: end.address.ip().to_string(),
        port_specifier: Some(core::socket_address::PortSpecifier::PortValue(u32::from(
            end.address.port(),
        ))),
        ..core::SocketAddress::default()
    };
    let address = core::address::Address::SocketAddress(socket);
    parts::Peer {
        address: Some(core::Address { address: Some(address) }),
        principal: end.principal.unwrap_or_default().to_owned(),
        ..parts::Peer::default()
    }
}

fn about(request: Request<'_>) -> parts::HttpRequest {
    let mut headers: HashMap<String, String> = [
        (":method", request.method),
        (":scheme", request.scheme),
        (":authority", request.authority),
        (":path", request.path),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    for (name, value) in request.fields {
        let known = headers.entry(name).or_default();
        if !known.is_empty() {
            known.push(',');
        }
        known.push_str(&value);
    }
    let mut found = parts::HttpRequest {
        id: request.id.to_owned(),
        method: request.method.to_owned(),
        headers,
        path: request.path.to_owned(),
        host: request.authority.to_owned(),
        scheme: request.scheme.to_owned(),
        size: request.size.and_then(|size| i64::try_from(size).ok()).unwrap_or(-1),
        protocol: request.protocol.to_owned(),
        ..parts::HttpRequest::default()
    };
    match request.as_bytes {
        true => found.raw_body = request.body.to_vec(),
        false => found.body = String::from_utf8_lossy(request.body).into_owned(),
    }
    found
}

/// What the body of a gRPC answer means, which came with status OK.
#[must_use]
pub fn answer(body: &[u8]) -> Answer {
    let message = match body.split_at_checked(FRAME) {
        Some(([0, length @ ..], message)) => {
            let length = length.iter().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
            (message.len() == length).then_some(message)
        }
        _ => None,
    };
    let Some(Ok(said)) = message.map(wire::CheckResponse::decode) else { return Answer::Failed };
    let found = match (said.status.map_or(0, |status| status.code), said.http_response) {
        (_, Some(HttpResponse::ErrorResponse(_))) => None,
        (0, None | Some(HttpResponse::DeniedResponse(_))) => Some(Answer::Yes(Changes::default())),
        (0, Some(HttpResponse::OkResponse(yes))) => changes(&yes).map(Answer::Yes),
        (_, Some(HttpResponse::DeniedResponse(no))) => refusal(no).map(Answer::No),
        (_, None | Some(HttpResponse::OkResponse(_))) => {
            let (fields, body) = (Vec::new(), Vec::new());
            Some(Answer::No(Refusal { status: FORBIDDEN, fields, body }))
        }
    };
    found.unwrap_or(Answer::Failed)
}

fn refusal(no: wire::DeniedHttpResponse) -> Option<Refusal> {
    let status = no.status.and_then(|status| u16::try_from(status.code).ok());
    let status = status.filter(|status| (200..600).contains(status)).unwrap_or(FORBIDDEN);
    let mut fields = Vec::new();
    for option in &no.headers {
        let (name, value) = field(option)?;
        if !frames(&name) {
            fields.push((name, value));
        }
    }
    Some(Refusal { status, fields, body: no.body.into_bytes() })
}

/// `None`: a field of it cannot be.
fn changes(yes: &wire::OkHttpResponse) -> Option<Changes> {
    let mut found = Changes::default();
    for option in &yes.headers {
        let (name, value) = request_field(option)?;
        #[expect(deprecated, reason = "this is how the protocol says it of requests")]
        let extends = option.append.is_some_and(|append| append.value);
        if !frames(&name) {
            let change = if extends { Change::Extend } else { Change::Set };
            found.request.push(change(name, value));
        }
    }
    let removed = yes.headers_to_remove.iter().filter_map(|name| field_name(name));
    found.request.extend(removed.filter(|name| !frames(name)).map(Change::Remove));
    for option in &yes.response_headers_to_add {
        let (name, value) = field(option)?;
        if !frames(&name) {
            let change = if replaces(option) { Change::Set } else { Change::Add };
            found.response.push(change(name, value));
        }
    }
    let removed = yes.query_parameters_to_remove.iter().map(|name| (name.clone(), None));
    let set = yes.query_parameters_to_set.iter();
    let set = set.map(|one| (one.key.clone(), Some(one.value.clone())));
    found.parameters = removed.chain(set).collect();
    let odd = |text: &str| text.bytes().any(|b| b <= b' ' || b == 0x7f || b == b'#');
    let unfit =
        |(name, value): &(String, Option<String>)| odd(name) || value.as_deref().is_some_and(odd);
    (!found.parameters.iter().any(unfit)).then_some(found)
}

fn replaces(option: &core::HeaderValueOption) -> bool {
    #[expect(deprecated, reason = "older services still say it so")]
    let written = option.append.map(|append| !append.value);
    written.unwrap_or_else(|| match option.append_action() {
        HeaderAppendAction::OverwriteIfExistsOrAdd | HeaderAppendAction::OverwriteIfExists => true,
        HeaderAppendAction::AppendIfExistsOrAdd | HeaderAppendAction::AddIfAbsent => false,
    })
}

fn field(option: &core::HeaderValueOption) -> Option<(String, String)> {
    let header = option.header.as_ref()?;
    let value = value_of(header)?;
    Some((field_name(&header.key)?, value))
}

fn value_of(header: &core::HeaderValue) -> Option<String> {
    let value = match header.raw_value.is_empty() {
        true => header.value.clone(),
        false => String::from_utf8_lossy(&header.raw_value).into_owned(),
    };
    is_value(&value).then_some(value)
}

/// Of a request also what is no field: its path and its host.
fn request_field(option: &core::HeaderValueOption) -> Option<(String, String)> {
    let header = option.header.as_ref()?;
    match header.key.to_ascii_lowercase().as_str() {
        ":path" => {
            let value = value_of(header)?;
            let whole = value.starts_with('/') && !value.bytes().any(|b| b <= b' ' || b == 0x7f);
            whole.then(|| (":path".to_owned(), value))
        }
        ":authority" | "host" => {
            let value = value_of(header)?;
            let whole =
                !value.is_empty() && !value.bytes().any(|b| b <= b' ' || b == 0x7f || b == b'/');
            whole.then(|| (":authority".to_owned(), value))
        }
        _ => field(option),
    }
}
