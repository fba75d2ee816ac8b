//! Fields that a proxy adds, removes or trusts on the way.
//!
//! In: a head and facts of the connection. Out: the head as the next hop should see it.
//! Holds: what a stranger claims about itself at the edge is not passed on as if it were ours.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::fmt::Write as _;
use std::net::IpAddr;

use proxy_config::http::{ClientCertDetails, HttpManager, ServerHeader};
use proxy_filter::forwarded::client as client_behind;
use proxy_http::{RequestHead, ResponseHead};
use proxy_listen::Peer;
use weft_rt::Rng;

use crate::peers::{METADATA, METADATA_ID};

/// How the listener treats forwarding fields.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trust<'a> {
    /// Append the client's address (edge, Envoy's `use_remote_address`).
    pub(crate) use_remote_address: bool,
    /// The client's address.
    pub(crate) remote: &'a str,
    /// `http` or `https`, as the client came.
    pub(crate) scheme: &'a str,
    /// Make `x-request-id` when it is missing.
    pub(crate) request_id: bool,
    /// Keep an id that a stranger sent.
    pub(crate) keep_request_id: bool,
    /// How many proxies in front of us are trusted.
    pub(crate) trusted_hops: u32,
}

/// The client's address: the connection's other end, or what a proxy that is trusted says of it.
pub(crate) fn client(head: &RequestHead, manager: &HttpManager, remote: IpAddr) -> IpAddr {
    let chain = || head.fields.joined("x-forwarded-for");
    client_behind(manager.use_remote_address, manager.trusted_hops, remote, chain)
}

/// `x-forwarded-for`, `x-forwarded-proto` and `x-request-id`.
pub(crate) fn request(head: &mut RequestHead, trust: Trust<'_>, rng: &mut Rng) {
    if trust.use_remote_address {
        match head.fields.joined("x-forwarded-for") {
            Some(chain) if !chain.is_empty() => {
                let chain = format!("{chain},{}", trust.remote);
                head.fields.set("x-forwarded-for", chain.as_bytes());
            }
            Some(_) | None => head.fields.set("x-forwarded-for", trust.remote.as_bytes()),
        }
        if trust.trusted_hops == 0 || !head.fields.has("x-forwarded-proto") {
            head.fields.set("x-forwarded-proto", trust.scheme.as_bytes());
        }
        for name in INTERNAL {
            head.fields.remove(name);
        }
    } else if !head.fields.has("x-forwarded-proto") {
        head.fields.append("x-forwarded-proto", trust.scheme.as_bytes());
    }
    if trust.use_remote_address && !trust.keep_request_id {
        head.fields.remove("x-request-id");
    }
    if trust.request_id && !head.fields.has("x-request-id") {
        head.fields.append("x-request-id", &uuid(rng));
    }
}

/// Orders to a proxy that only the mesh's own may give.
const INTERNAL: [&str; 11] = [
    "x-envoy-retry-on",
    "x-envoy-retry-grpc-on",
    "x-envoy-max-retries",
    "x-envoy-upstream-rq-timeout-ms",
    "x-envoy-upstream-rq-per-try-timeout-ms",
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-attempt-count",
    "x-envoy-original-path",
    "x-envoy-decorator-operation",
    METADATA,
    METADATA_ID,
];

/// Percent signs for all that is not plain in a query.
fn escaped(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len() * 2), |mut out, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            // Writing to a String cannot fail.
            _ => drop(write!(out, "%{byte:02X}").ok()),
        }
        out
    })
}

/// `server` and `x-envoy-upstream-service-time`.
pub(crate) fn response(
    head: &mut ResponseHead,
    upstream_millis: Option<u64>,
    name: &str,
    mode: ServerHeader,
) {
    match mode {
        ServerHeader::Overwrite => head.fields.set("server", name.as_bytes()),
        ServerHeader::AppendIfAbsent if !head.fields.has("server") => {
            head.fields.append("server", name.as_bytes());
        }
        ServerHeader::AppendIfAbsent | ServerHeader::PassThrough => {}
    }
    if let Some(millis) = upstream_millis {
        head.fields.set_number("x-envoy-upstream-service-time", millis);
    }
}

/// A random UUID, version 4.
fn uuid(rng: &mut Rng) -> [u8; 36] {
    let high = (rng.next_u64() & !0xf000) | 0x4000;
    let low = (rng.next_u64() & !(3 << 62)) | (2 << 62);
    let mut out = [b'-'; 36];
    let mut at = 0;
    for byte in [high, low].into_iter().flat_map(u64::to_be_bytes) {
        if matches!(at, 8 | 13 | 18 | 23) {
            at += 1;
        }
        out[at] = b"0123456789abcdef"[usize::from(byte >> 4)];
        out[at + 1] = b"0123456789abcdef"[usize::from(byte & 15)];
        at += 2;
    }
    out
}

/// One client's element of `x-forwarded-client-cert`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Element(OnceCell<Box<Made>>);

#[derive(Debug, Clone)]
struct Made {
    by: Box<str>,
    details: ClientCertDetails,
    text: String,
}

impl Element {
    /// It is made once, unless a later plan has it made in other words.
    pub(crate) fn of(&self, by: &str, peer: &Peer, details: ClientCertDetails) -> Cow<'_, str> {
        let make = || client_cert(by, peer, details);
        let made = self.0.get_or_init(|| Box::new(Made { by: by.into(), details, text: make() }));
        if *made.by == *by && made.details == details {
            return Cow::Borrowed(&made.text);
        }
        Cow::Owned(make())
    }
}

/// As Envoy writes it.
fn client_cert(by: &str, peer: &Peer, details: ClientCertDetails) -> String {
    let mut text = format!("By={by};Hash={}", peer.hash);
    let mut add = |key: &str, value: &str| {
        // Writing to a String cannot fail.
        write!(text, ";{key}={value}").ok();
    };
    if details.cert {
        add("Cert", &format!("\"{}\"", escaped(peer.pem())));
    }
    if details.subject {
        add("Subject", &format!("\"{}\"", peer.names().subject.replace('"', "\\\"")));
    }
    if details.uri {
        peer.uris.iter().for_each(|uri| add("URI", uri));
    }
    if details.dns {
        peer.names().dns.iter().for_each(|name| add("DNS", name));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edge_appends_and_cleans() {
        let mut head = RequestHead::default();
        head.fields.append("x-forwarded-for", b"9.9.9.9");
        head.fields.append("x-envoy-max-retries", b"9");
        let trust = Trust {
            use_remote_address: true,
            remote: "10.0.0.1",
            scheme: "http",
            request_id: true,
            keep_request_id: false,
            trusted_hops: 0,
        };
        request(&mut head, trust, &mut Rng::seeded(1));
        assert_eq!(head.fields.text("x-forwarded-for"), Some("9.9.9.9,10.0.0.1"));
        assert_eq!(head.fields.text("x-forwarded-proto"), Some("http"));
        assert!(!head.fields.has("x-envoy-max-retries"));
        let id = head.fields.text("x-request-id").unwrap();
        assert!(id.len() == 36 && id.as_bytes()[14] == b'4', "{id}");
    }
}
