//! What an HTTP/1 request asks for: its method, its target in any of the four forms, and the host.
//!
//! In: words of the request line, and the field `host`. Out: the head's path, scheme and authority.
//! Holds: one authority per request; a target in absolute form names it, whatever `host` says.
//! Never: normalising paths; policies see what the client wrote until `proxy-filter` has changed it.
//! Why a list of methods: a policy that names GET must not be passed by `get`; Envoy takes no others either.

use http::Method;

use crate::parse::{Refused, refuse};
use crate::{RequestHead, Version};

const BAD_URL: Refused = refuse(400, "http1.invalid_url");
const BAD_AUTHORITY: Refused = refuse(400, "http.invalid_authority");

/// Methods besides those that [`Method`] has a name for.
const OTHERS: [&str; 24] = [
    "ACL",
    "BIND",
    "CHECKOUT",
    "COPY",
    "LINK",
    "LOCK",
    "M-SEARCH",
    "MERGE",
    "MKACTIVITY",
    "MKCALENDAR",
    "MKCOL",
    "MOVE",
    "NOTIFY",
    "PROPFIND",
    "PROPPATCH",
    "PURGE",
    "REBIND",
    "REPORT",
    "SEARCH",
    "SOURCE",
    "SUBSCRIBE",
    "UNBIND",
    "UNLINK",
    "UNLOCK",
];

pub(crate) fn method(word: &str) -> Result<Method, Refused> {
    let known = match word {
        "GET" | "POST" | "PUT" | "DELETE" | "HEAD" | "OPTIONS" | "CONNECT" | "PATCH" | "TRACE"
        | "UNSUBSCRIBE" => true,
        _ => OTHERS.contains(&word),
    };
    let method = Method::from_bytes(word.as_bytes()).ok().filter(|_| known);
    method.ok_or(refuse(400, "http1.codec_error"))
}

pub(crate) fn set(head: &mut RequestHead, target: &str) -> Result<(), Refused> {
    if head.method == Method::CONNECT {
        head.authority.push_str(target);
        return if has_port(target) { Ok(()) } else { Err(BAD_URL) };
    }
    if target.starts_with('/') || (target == "*" && head.method == Method::OPTIONS) {
        head.path.push_str(target);
        return Ok(());
    }
    absolute(head, target)
}

fn absolute(head: &mut RequestHead, target: &str) -> Result<(), Refused> {
    let (scheme, rest) = target.split_once("://").ok_or(BAD_URL)?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return Err(refuse(400, "http1.invalid_scheme"));
    }
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    if authority.is_empty() || !port_is_number(authority) {
        return Err(BAD_URL);
    }
    head.scheme.push_str(&scheme.to_ascii_lowercase());
    head.authority.push_str(authority);
    if !path.starts_with('/') {
        head.path.push('/');
    }
    head.path.push_str(path);
    Ok(())
}

/// What stands after the host of an authority, without the colon.
fn port(authority: &str) -> Option<&str> {
    let after = authority.rfind(']').map_or(0, |at| at + 1);
    authority.get(after..)?.split_once(':').map(|(_, port)| port)
}

fn has_port(authority: &str) -> bool {
    port(authority).is_some_and(|port| port.parse::<u16>().is_ok())
}

fn port_is_number(authority: &str) -> bool {
    port(authority).is_none_or(|port| port.is_empty() || port.parse::<u16>().is_ok())
}

/// Takes `host` out of the fields; a target in absolute form has named the authority already.
pub(crate) fn set_authority(head: &mut RequestHead) -> Result<(), Refused> {
    {
        let mut hosts = head.fields.all("host");
        let host = hosts.next();
        if hosts.next().is_some() {
            return Err(BAD_AUTHORITY);
        }
        if host.is_none() && head.version == Version::Http11 {
            return Err(refuse(400, "missing_host_header"));
        }
        if head.authority.is_empty() {
            let host = std::str::from_utf8(host.unwrap_or_default());
            head.authority.push_str(host.map_err(|_odd| BAD_AUTHORITY)?);
        }
    }
    head.fields.remove("host");
    if is_authority(&head.authority) { Ok(()) } else { Err(BAD_AUTHORITY) }
}

/// Has no byte that would end a host or begin another part of a URL.
#[must_use]
pub fn is_authority(text: &str) -> bool {
    let odd = |b: u8| {
        b <= b' '
            || b >= 0x7f
            || matches!(b, b'/' | b'\\' | b'@' | b'?' | b'#' | b',' | b'"' | b'<' | b'>')
    };
    !text.bytes().any(odd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Result<(&str, &str, &str), &str>) {
        let (word, target) = line.split_once(' ').unwrap();
        let mut head = RequestHead::default();
        let read = method(word).and_then(|method| {
            head.method = method;
            set(&mut head, target)
        });
        let got =
            read.map(|()| (head.scheme.as_str(), head.authority.as_str(), head.path.as_str()));
        assert_eq!(got.map_err(|refused| refused.why), expected, "{line}");
    }

    #[test]
    fn each_form_of_a_target_is_read_and_others_are_refused() {
        check("GET /a?b", Ok(("", "", "/a?b")));
        check("OPTIONS *", Ok(("", "", "*")));
        check("M-SEARCH /", Ok(("", "", "/")));
        check("GET HTTP://a:80?q", Ok(("http", "a:80", "/?q")));
        check("GET http://[::1]:8/x", Ok(("http", "[::1]:8", "/x")));
        check("CONNECT a.b:443", Ok(("", "a.b:443", "")));
        for line in ["GET *", "GET a", "GET http:///x", "GET http://a:99999/", "GET http://a:b/"] {
            check(line, Err("http1.invalid_url"));
        }
        for line in ["CONNECT a.b", "CONNECT /x", "CONNECT [::1]", "CONNECT a:"] {
            check(line, Err("http1.invalid_url"));
        }
        check("GET ftp://a/", Err("http1.invalid_scheme"));
        for line in ["get /", "FOO /", "PRI *", "GETS /"] {
            check(line, Err("http1.codec_error"));
        }
    }
}
