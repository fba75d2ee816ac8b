//! Istio's default text format.
//! In: a line. Out: its fields, or why there are none. Holds: a client's words in quotes may have quotes themselves; the
//! addresses behind them are looked for from the end of the line.

use std::borrow::Cow;
use std::net::SocketAddr;

use crate::{Entry, told};

type Read<T> = Result<T, &'static str>;

const OTHER: &str = "it has another form than Istio's default; write the log with accessLogFormat unset, or as JSON";

/// Whether a line begins as an entry: `[TIME] "`.
pub(crate) fn is_meant(line: &str) -> bool {
    let time = line.strip_prefix('[').and_then(|rest| rest.split_once("] \""));
    time.is_some_and(|(time, _)| time.as_bytes().first().is_some_and(u8::is_ascii_digit))
}

/// Reads it.
pub(crate) fn read(line: &str) -> Read<Entry<'_>> {
    let (_, rest) = line.split_once("] \"").ok_or(OTHER)?;
    let (request, rest) = until_number(rest)?;
    let (method, request) =
        request.split_once(' ').ok_or("the request is no METHOD PATH PROTOCOL")?;
    let (path, protocol) =
        request.rsplit_once(' ').ok_or("the request is no METHOD PATH PROTOCOL")?;
    let mut words = rest.splitn(5, ' ');
    let mut word = || words.next().ok_or(OTHER);
    let (code, flags, details, termination) = (word()?, word()?, word()?, word()?);
    let (_, rest) = until_number(word()?.strip_prefix('"').ok_or(OTHER)?)?;
    // Bytes received and sent, duration, time of the server.
    let quoted = rest.splitn(5, ' ').nth(4).ok_or(OTHER)?;
    let quoted = quoted.strip_prefix('"').ok_or(OTHER)?;
    let (texts, tail) = tail(without_reason(quoted)).ok_or("its last fields are no cluster, addresses, server name and route; a part of the line may be missing")?;
    let mut texts = texts.rsplitn(4, "\" \"");
    let mut text = || texts.next().ok_or(OTHER);
    let (upstream_host, authority, request_id, client) = (text()?, text()?, text()?, text()?);
    let (forwarded_for, user_agent) = client.split_once("\" \"").ok_or(OTHER)?;
    let some = |text| told(Cow::Borrowed(text));
    Ok(Entry {
        pod: None,
        method: some(method),
        path: some(path),
        protocol: some(protocol),
        code: code.parse().map_err(|_no_number| "the status is no number")?,
        flags: some(flags),
        details: some(details),
        termination: some(termination),
        forwarded_for: some(forwarded_for),
        user_agent: some(user_agent),
        request_id: some(request_id),
        authority: some(authority),
        upstream_host: some(upstream_host),
        cluster: some(tail.cluster),
        downstream_local: tail.local,
        downstream_remote: tail.remote,
        server_name: some(tail.server_name),
        route: some(tail.route),
    })
}

/// Splits behind the first quote that a number follows.
fn until_number(text: &str) -> Read<(&str, &str)> {
    let is_number = |rest: &str| {
        let word = rest.split(' ').next().unwrap_or_default();
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit())
    };
    let mut ends = text.match_indices("\" ").map(|(at, _)| (&text[..at], &text[at + 2..]));
    ends.find(|(_, rest)| is_number(rest)).ok_or(OTHER)
}

/// The line without the reason that weft-proxy puts behind it where it was told to.
fn without_reason(line: &str) -> &str {
    match line.rfind(" denied=\"") {
        Some(at) if line.ends_with('"') => &line[..at],
        _ => line,
    }
}

/// What stands behind the last text in quotes.
struct Tail<'a> {
    cluster: &'a str,
    local: Option<SocketAddr>,
    remote: Option<SocketAddr>,
    server_name: &'a str,
    route: &'a str,
}

/// Splits behind the last quote that addresses follow.
fn tail(line: &str) -> Option<(&str, Tail<'_>)> {
    let mut ends = line.rmatch_indices("\" ");
    ends.find_map(|(at, _)| Some((&line[..at], Tail::read(&line[at + 2..])?)))
}

impl<'a> Tail<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let mut words = text.splitn(6, ' ');
        let cluster = words.next()?;
        address(words.next()?)?;
        let (local, remote) = (address(words.next()?)?, address(words.next()?)?);
        Some(Self { cluster, local, remote, server_name: words.next()?, route: words.next()? })
    }
}

/// `Some(None)` is an address without a number: nothing, a pipe, or a place inside of the proxy.
pub(crate) fn address(text: &str) -> Option<Option<SocketAddr>> {
    let without = text == "-" || text.starts_with(['/', '@']) || text.starts_with("envoy:");
    if without { Some(None) } else { text.parse().ok().map(Some) }
}
