//! What a request is hashed by, for consistent picks.
//! In: hash policies, facts of the request, the client's address. Out: a hash, and a cookie to hand out.
//! Holds: a policy whose part is missing gives nothing; without any, the pick is random.
//! Source of the semantics: Envoy's RouteAction.HashPolicy.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;

use proxy_config::RequestFacts;
use proxy_config::route::{HashBy, HashPolicy};

use crate::hash::hash;

/// The hash of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Key {
    /// The hash; `None` when no policy gave one.
    pub hash: Option<u64>,
    /// Values of `set-cookie` for the answer, so that the client comes back to the same host.
    pub cookies: Vec<String>,
}

/// Looks at the policies in order. `fresh` makes the value of a new cookie.
#[must_use]
pub fn key(
    policies: &[HashPolicy],
    request: &dyn RequestFacts,
    client: IpAddr,
    mut fresh: impl FnMut() -> u64,
) -> Key {
    let mut key = Key::default();
    for policy in policies {
        let found = match &policy.by {
            HashBy::Header(name) => request.any_field(name).map(|value| hash(value.as_bytes())),
            HashBy::SourceIp => Some(address(client)),
            HashBy::Query(name) => parameter(request.query(), name).map(|v| hash(v.as_bytes())),
            HashBy::Cookie { name, ttl, path, attributes } => {
                let given = request.field("cookie").and_then(|all| cookie(&all, name));
                match (given, ttl) {
                    (Some(value), _) => Some(hash(value.as_bytes())),
                    (None, None) => None,
                    (None, Some(ttl)) => {
                        let value = format!("{:016x}", fresh());
                        let mut cookie = set_cookie(name, &value, ttl.as_secs(), path);
                        add(&mut cookie, attributes);
                        key.cookies.push(cookie);
                        Some(hash(value.as_bytes()))
                    }
                }
            }
        };
        if let Some(found) = found {
            key.hash = Some(key.hash.unwrap_or(0).rotate_left(1) ^ found);
        }
        if policy.terminal && key.hash.is_some() {
            break;
        }
    }
    key
}

/// The hash of a client's address.
#[must_use]
pub fn address(client: IpAddr) -> u64 {
    hash(client.to_string().as_bytes())
}

fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value)
}

fn cookie(all: &str, name: &str) -> Option<String> {
    // Several fields were joined by commas; each holds pairs between semicolons.
    let pairs = all.split([';', ',']).filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.into_iter().find(|(key, _)| *key == name)?;
    Some(value.trim_matches('"').to_owned())
}

/// `; SameSite=Strict`, or `; Secure` for a mark.
fn add(cookie: &mut String, attributes: &[(Arc<str>, Arc<str>)]) {
    for (name, value) in attributes {
        cookie.push_str("; ");
        cookie.push_str(name);
        if !value.is_empty() {
            cookie.push('=');
            cookie.push_str(value);
        }
    }
}

fn set_cookie(name: &str, value: &str, seconds: u64, path: &str) -> String {
    let mut text = format!("{name}=\"{value}\"");
    if seconds > 0 {
        // Writing to a String cannot fail.
        write!(text, "; Max-Age={seconds}").ok();
    }
    if !path.is_empty() {
        write!(text, "; Path={path}").ok();
    }
    text + "; HttpOnly"
}
