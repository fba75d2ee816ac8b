//! Compiled conditions in the words of Istio's AuthorizationPolicy.
//! In: conditions, facts. Out: [`Miss`]. Never: decides anything.
//! Why from what was compiled: a proxy has nothing else, and its words must be those of the offline answer.

use proxy_config::claim::{Claim, ClaimValue};
use proxy_config::matcher::StringMatcher;
use proxy_config::rbac::{Permission, Principal};
use proxy_config::route::{HeaderMatch, HeaderValueMatch};

use super::Facts;
use super::trace::{Condition, Miss};

/// Stands where a request is asked about and there is none.
const NO_REQUEST: &str = "a connection without requests";
/// Stands where a rule lists no alternative.
const CALL: &str = "the call";

pub(super) fn nothing() -> Miss {
    Miss { field: "rules".to_owned(), found: CALL.to_owned(), wanted: Vec::new(), negated: false }
}

/// Conditions of one field, of which one should hold, or none.
pub(super) fn told(values: &[Condition<'_>], facts: &Facts<'_>, negated: bool) -> Miss {
    let mut told = values.iter().map(|value| match value {
        Condition::Asked(permission) => asked(permission, facts),
        Condition::Asker(principal) => asker(principal, facts),
    });
    let Some((field, found, first)) = told.next() else {
        return Miss { negated, ..nothing() };
    };
    let mut wanted = vec![first];
    for (_, _, value) in told {
        if !wanted.contains(&value) {
            wanted.push(value);
        }
    }
    let field = if negated { negative(&field) } else { field };
    Miss { field, found, wanted, negated }
}

/// `to.operation.paths` → `to.operation.notPaths`; a condition of `when` has `notValues`.
fn negative(field: &str) -> String {
    match field.rsplit_once('.') {
        Some((place, name)) if !field.starts_with("when ") => {
            let (first, rest) = name.split_at(name.len().min(1));
            format!("{place}.not{}{rest}", first.to_ascii_uppercase())
        }
        _ => format!("{field} notValues"),
    }
}

/// Field, what the call has, what the condition wants.
type Told = (String, String, String);

fn asked(permission: &Permission, facts: &Facts<'_>) -> Told {
    let destination = facts.connection.destination;
    let told = |field: &str, found: String, wanted: String| (field.to_owned(), found, wanted);
    let path = || facts.request.map_or(NO_REQUEST, |request| request.bare_path()).to_owned();
    let (ip, port) = (destination.ip().to_string(), destination.port().to_string());
    match permission {
        Permission::Header(header) => self::header(header, facts),
        Permission::Path(wanted) => told("to.operation.paths", path(), text(wanted)),
        Permission::PathTemplate(wanted) => told("to.operation.paths", path(), wanted.to_string()),
        Permission::DestinationIp(range) => told("when destination.ip", ip, range.0.to_string()),
        Permission::DestinationPort(wanted) => told("to.operation.ports", port, wanted.to_string()),
        Permission::DestinationPorts(first, last) => {
            told("to.operation.ports", port, format!("{first} to {last}"))
        }
        Permission::ServerName(wanted) => {
            let found = facts.connection.server_name.unwrap_or("a connection without server name");
            told("when connection.sni", found.to_owned(), text(wanted))
        }
        Permission::Any | Permission::And(_) | Permission::Or(_) | Permission::Not(_) => {
            told("rules", CALL.to_owned(), "any".to_owned())
        }
    }
}

fn asker(principal: &Principal, facts: &Facts<'_>) -> Told {
    let connection = &facts.connection;
    let told = |field: &str, found: String, wanted: String| (field.to_owned(), found, wanted);
    match principal {
        Principal::Authenticated(name) => {
            let (field, wanted) = name.as_ref().map_or(("principals", "*".to_owned()), identity);
            told(&format!("from.source.{field}"), peer(facts), wanted)
        }
        Principal::DirectRemoteIp(range) => {
            let found = connection.direct_remote.to_string();
            told("from.source.ipBlocks", found, range.0.to_string())
        }
        Principal::RemoteIp(range) => {
            let found = connection.remote.to_string();
            told("from.source.remoteIpBlocks", found, range.0.to_string())
        }
        Principal::Header(header) => self::header(header, facts),
        Principal::Path(wanted) => {
            let path = facts.request.map_or(NO_REQUEST, |request| request.bare_path());
            told("to.operation.paths", path.to_owned(), text(wanted))
        }
        Principal::Claim(path, wanted) => {
            let field: String = path.iter().map(|name| format!("[{name}]")).collect();
            let found = facts.request.and_then(|request| request.claim(path));
            told(&format!("when request.auth.claims{field}"), claimed(found), claim(wanted))
        }
        Principal::Any | Principal::And(_) | Principal::Or(_) | Principal::Not(_) => {
            told("rules", CALL.to_owned(), "any".to_owned())
        }
    }
}

/// What a token says.
fn claimed(found: Option<Claim<'_>>) -> String {
    match found {
        None => "a call without this claim".to_owned(),
        Some(Claim::Text(text)) => text.to_owned(),
        Some(Claim::List(list)) => list.join(", "),
        Some(Claim::Other) => "neither a text nor a list".to_owned(),
    }
}

/// What a claim must be, as it is written in a policy, which does not tell texts from members of lists.
fn claim(wanted: &ClaimValue) -> String {
    match wanted {
        ClaimValue::Present => "*".to_owned(),
        ClaimValue::Text(wanted) | ClaimValue::Member(wanted) => text(wanted),
        ClaimValue::Any(any) => {
            let mut all: Vec<String> = any.iter().map(claim).collect();
            all.dedup();
            all.join(" or ")
        }
    }
}

/// The caller's identity.
fn peer(facts: &Facts<'_>) -> String {
    let connection = &facts.connection;
    match connection.peer_names {
        [first, ..] if connection.peer_verified => {
            first.strip_prefix("spiffe://").unwrap_or(first).to_owned()
        }
        _ if connection.peer_verified => "a certificate without a name".to_owned(),
        _ => "a client without mutual TLS".to_owned(),
    }
}

fn header(header: &HeaderMatch, facts: &Facts<'_>) -> Told {
    let field = match &*header.name {
        ":method" => "to.operation.methods".to_owned(),
        ":authority" => "to.operation.hosts".to_owned(),
        name => format!("when request.headers[{name}]"),
    };
    let found = match facts.request.map(|request| request.any_field(&header.name)) {
        None => NO_REQUEST.to_owned(),
        Some(None) => "a missing field".to_owned(),
        Some(Some(value)) => value.into_owned(),
    };
    let wanted = match &header.value {
        HeaderValueMatch::Present => "*".to_owned(),
        HeaderValueMatch::Absent => "missing".to_owned(),
        HeaderValueMatch::Text(wanted) => text(wanted),
        HeaderValueMatch::Range(start, end) => format!("from {start} to below {end}"),
    };
    (field, found, wanted)
}

/// A matcher as it is written in a policy.
fn text(matcher: &StringMatcher) -> String {
    match matcher {
        StringMatcher::Exact(text) => text.to_string(),
        StringMatcher::Prefix(text) => format!("{text}*"),
        StringMatcher::Suffix(text) => format!("*{text}"),
        StringMatcher::Contains(text) => format!("*{text}*"),
        StringMatcher::Regex(_) | StringMatcher::Pieces(_) => match pattern(matcher).as_deref() {
            None | Some(".+") => "*".to_owned(),
            Some(pattern) => format!("by the pattern {pattern}"),
        },
        StringMatcher::IgnoreCase(inner) => text(inner),
    }
}

/// The pattern of a matcher that has one, as it was written.
fn pattern(matcher: &StringMatcher) -> Option<String> {
    match matcher {
        StringMatcher::Regex(pattern) => Some(whole(pattern.as_str())),
        StringMatcher::Pieces(pieces) => Some(whole(pieces.pattern())),
        _ => None,
    }
}

/// A pattern without its anchors and the groups that reading it added; escaped letters as themselves.
fn whole(pattern: &str) -> String {
    let inner = pattern.strip_prefix("^(?:").and_then(|rest| rest.strip_suffix(")$"));
    let mut rest = inner.unwrap_or(pattern);
    let mut text = String::new();
    while let Some((before, after)) = rest.split_once("\\x{") {
        let (digits, after) = after.split_once('}').unwrap_or((after, ""));
        let letter = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
        text.push_str(before);
        text.extend(letter);
        rest = after;
    }
    (text + rest).replace("(?:.)", ".").replace('\\', "")
}

/// The field that asks for an identity of such a form, and its value there.
fn identity(matcher: &StringMatcher) -> (&'static str, String) {
    let plain = |pattern: &str| pattern.replace(".*", "*");
    if let Some(pattern) = pattern(matcher) {
        let inside = pattern.strip_prefix("spiffe://").unwrap_or(&pattern);
        let of_any_domain = inside.split_once("/ns/").filter(|(domain, _)| domain.contains('['));
        if let Some((_, rest)) = of_any_domain {
            return match rest.split_once("/sa/") {
                Some((namespace, account)) => {
                    ("serviceAccounts", format!("{}/{}", plain(namespace), plain(account)))
                }
                None => ("namespaces", plain(rest.strip_suffix("/.*").unwrap_or(rest))),
            };
        }
        if let Some(domain) = inside.strip_suffix("/.*") {
            return ("trustDomains", plain(domain));
        }
    }
    let text = text(matcher);
    ("principals", text.strip_prefix("spiffe://").map_or(text.clone(), str::to_owned))
}
