//! Asking somebody else whether a request or a connection may pass.
//!
//! In: the filter, what is asked about, what was answered. Out: whether to ask, the question, and what the answer means.
//! Holds: an answer that cannot be read is no yes; what an answer changes never touches how a message is framed.
//! Never: the call itself. Source of the semantics: Envoy's external authorization filters.

use proxy_config::ext_authz::ExtAuthz;

pub mod by_grpc;
pub mod by_request;

/// What rules that are only watched have found of this request or connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Note<'a> {
    /// The prefix of the rules.
    pub prefix: &'a str,
    /// The policy that matched.
    pub policy: &'a str,
}

/// Whether the filter asks, after such notes; the last one of a prefix counts.
#[must_use]
pub fn asks(filter: &ExtAuthz, notes: &[Note<'_>]) -> bool {
    let Some(gate) = &filter.gate else { return true };
    let last = notes.iter().rev().find(|note| *note.prefix == *gate.prefix);
    last.is_some_and(|note| gate.policy.matches(note.policy))
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It passes, changed like this.
    Yes(Changes),
    /// It does not.
    No(Refusal),
    /// Who was asked could not say, or not in a way that can be read.
    Failed,
}

/// What changes with a yes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Of the request.
    pub request: Vec<Change>,
    /// Of the query: a value, or none for a parameter that goes.
    pub parameters: Vec<(String, Option<String>)>,
    /// Of what the client is answered in the end.
    pub response: Vec<Change>,
}

impl Changes {
    /// Whether the request is another one now.
    #[must_use]
    pub fn touch_request(&self) -> bool {
        !self.request.is_empty() || !self.parameters.is_empty()
    }
}

/// A change of one field; names are in small letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It has this value.
    Set(String, String),
    /// It has this value too.
    Add(String, String),
    /// It has this value too, where it has one at all.
    Extend(String, String),
    /// It goes.
    Remove(String),
}

/// What the client is told with a no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Status.
    pub status: u16,
    /// Fields; names are in small letters.
    pub fields: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

const FORBIDDEN: u16 = 403;

/// Fields that say where a message ends or belong to one connection; nobody but us writes them.
const FRAMING: [&str; 9] = [
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

fn frames(name: &str) -> bool {
    FRAMING.contains(&name)
}

/// A name in small letters that a field may have.
fn field_name(name: &str) -> Option<String> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    let whole = !name.is_empty() && name.bytes().all(token);
    whole.then(|| name.to_ascii_lowercase())
}

/// What a value may be: nothing that ends a line.
fn is_value(value: &str) -> bool {
    !value.bytes().any(|b| matches!(b, b'\r' | b'\n' | 0))
}

/// The path with such parameters.
#[must_use]
pub fn with_parameters(path: &str, parameters: &[(String, Option<String>)]) -> String {
    let mut found = path.to_owned();
    for (name, value) in parameters {
        found = crate::tokens::without_parameter(&found, name);
        if let Some(value) = value {
            found.push(if found.contains('?') { '&' } else { '?' });
            found.push_str(name);
            found.push('=');
            found.push_str(value);
        }
    }
    found
}

#[cfg(test)]
mod tests;
