//! What decisions may look at: facts of a request and of its connection.
//!
//! In: whoever holds a request implements [`RequestFacts`]. Out: the matching of fields that routes and filters share.
//! Why a trait: the live proxy has parsed heads, `weft explain` has a few lines of text; both ask the same question.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::claim::Claim;
use crate::route::{HeaderMatch, HeaderValueMatch};

/// A request's head, as far as decisions need it.
pub trait RequestFacts {
    /// `GET` and so on.
    fn method(&self) -> &str;
    /// Path and query as they go on (normalised where configured).
    fn path(&self) -> &str;
    /// Host, with the port if the client wrote one.
    fn authority(&self) -> &str;
    /// `http` or `https`.
    fn scheme(&self) -> &str;
    /// Values of a field joined by `,`; `None` when it is missing. `name` is lower case.
    fn field(&self, name: &str) -> Option<Cow<'_, str>>;

    /// Path without query and fragment.
    fn bare_path(&self) -> &str {
        let path = self.path();
        &path[..path.find(['?', '#']).unwrap_or(path.len())]
    }

    /// Query without the question mark; empty when there is none.
    fn query(&self) -> &str {
        let path = self.path();
        let query = path.split_once('?').map_or("", |(_, query)| query);
        query.split('#').next().unwrap_or_default()
    }

    /// Every value of a field for itself, where whoever holds the request knows them apart.
    fn values(&self, name: &str) -> Vec<Cow<'_, str>> {
        self.field(name).into_iter().collect()
    }

    /// A claim of the request's verified token, by its path; none where there is no such token.
    fn claim(&self, _path: &[Arc<str>]) -> Option<Claim<'_>> {
        None
    }

    /// A field or pseudo-header.
    fn any_field(&self, name: &str) -> Option<Cow<'_, str>> {
        match name {
            ":method" => Some(Cow::Borrowed(self.method())),
            ":path" => Some(Cow::Borrowed(self.path())),
            ":authority" | "host" => Some(Cow::Borrowed(self.authority())),
            ":scheme" => Some(Cow::Borrowed(self.scheme())),
            _ => self.field(name),
        }
    }
}

/// Names and values of a query's parameters in their order, with escapes read; one without `=` has an empty value.
pub fn parameters(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    query.split('&').map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name), decoded(value))
    })
}

fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let escape = text.get(at + 1..at + 3).filter(|_| *byte == b'%');
        if let Some(value) = escape.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            out.push(value);
            at += 3;
        } else {
            out.push(*byte);
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned().into()
}

/// A connection, as far as decisions need it.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionFacts<'a> {
    /// The connection's other end.
    pub direct_remote: IpAddr,
    /// The client, by `x-forwarded-for` where that is trusted; else the same.
    pub remote: IpAddr,
    /// Where the client wanted to go.
    pub destination: SocketAddr,
    /// SNI.
    pub server_name: Option<&'a str>,
    /// Names in the verified client certificate, URIs first; empty without one.
    pub peer_names: &'a [String],
    /// True when the client showed a certificate and it was verified.
    pub peer_verified: bool,
}

impl HeaderMatch {
    /// Does the condition hold?
    #[must_use]
    pub fn holds(&self, request: &dyn RequestFacts) -> bool {
        let value = request.any_field(&self.name);
        let value = match (value, self.missing_is_empty) {
            (None, true) => Some(Cow::Borrowed("")),
            (value, _) => value,
        };
        let holds = match (&self.value, &value) {
            (HeaderValueMatch::Present, value) => value.is_some(),
            (HeaderValueMatch::Absent, value) => value.is_none(),
            (_, None) => return false,
            (HeaderValueMatch::Text(matcher), Some(text)) => matcher.matches(text),
            (HeaderValueMatch::Range(start, end), Some(text)) => {
                text.trim().parse::<i64>().is_ok_and(|n| (*start..*end).contains(&n))
            }
        };
        holds != self.invert
    }
}
