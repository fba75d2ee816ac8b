//! Reads access logs of proxies: Istio's default text and its default JSON, as weft-proxy and Envoy write them.
//!
//! In: one line, also as `kubectl logs` prints it (`--prefix`, `--timestamps`) or as a container runtime keeps it.
//! Out: [`Line`]: an [`Entry`], a line of something else, or an entry that cannot be read and why.
//! Holds: what stands in an entry came from its place in the line: where a client's words could be taken for others, the
//! fields behind them are found from the end of the line.
//! Never: I/O; a guess at a format of somebody's own.
//! Why its own room: whoever asks what a log's requests would become needs the same fields, wherever the log came from.

mod json;
mod text;

use std::borrow::Cow;
use std::net::SocketAddr;

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line<'a> {
    /// A request or connection.
    Entry(Box<Entry<'a>>),
    /// Something else that the proxy or another container said.
    Other,
    /// It begins as an entry does, but cannot be read: why, and what to do.
    Unreadable(&'static str),
}

/// What an access log tells of one request, or of one connection of plain bytes. What it says as `-` is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry<'a> {
    /// Name of the pod, where each line names it.
    pub pod: Option<&'a str>,
    /// Method; none for plain bytes.
    pub method: Option<Cow<'a, str>>,
    /// Path as the client wrote it, with its query.
    pub path: Option<Cow<'a, str>>,
    /// `HTTP/1.1` and so on.
    pub protocol: Option<Cow<'a, str>>,
    /// Status; 0 for plain bytes, or when nobody was answered.
    pub code: u16,
    /// Response flags, as Envoy abbreviates them.
    pub flags: Option<Cow<'a, str>>,
    /// Why this response.
    pub details: Option<Cow<'a, str>>,
    /// Why the connection was ended.
    pub termination: Option<Cow<'a, str>>,
    /// `x-forwarded-for`.
    pub forwarded_for: Option<Cow<'a, str>>,
    /// `user-agent`.
    pub user_agent: Option<Cow<'a, str>>,
    /// `x-request-id`.
    pub request_id: Option<Cow<'a, str>>,
    /// Host that was called.
    pub authority: Option<Cow<'a, str>>,
    /// Endpoint that was asked.
    pub upstream_host: Option<Cow<'a, str>>,
    /// Its cluster.
    pub cluster: Option<Cow<'a, str>>,
    /// Where the client wanted to go.
    pub downstream_local: Option<SocketAddr>,
    /// The client; port 0 where another proxy told of it.
    pub downstream_remote: Option<SocketAddr>,
    /// Name in the client's TLS hello.
    pub server_name: Option<Cow<'a, str>>,
    /// Name of the route.
    pub route: Option<Cow<'a, str>>,
}

/// The container of a proxy, in sidecars and gateways.
const PROXY: &str = "istio-proxy";

/// Reads a line, with or without its end.
#[must_use]
pub fn read(line: &str) -> Line<'_> {
    let line = line.trim_end_matches(['\n', '\r']);
    let (pod, line) = match prefix(line) {
        Some((_, container, _)) if container != PROXY => return Line::Other,
        Some((pod, _, rest)) => (Some(pod), rest),
        None => (None, line),
    };
    let line = without_time(line);
    let read = match line.as_bytes().first() {
        Some(b'[') if text::is_meant(line) => text::read(line),
        Some(b'{') => match json::read(line) {
            Some(read) => read,
            None => return Line::Other,
        },
        _ => return Line::Other,
    };
    match read {
        Ok(mut entry) => {
            entry.pod = pod;
            Line::Entry(Box::new(entry))
        }
        Err(why) => Line::Unreadable(why),
    }
}

/// Pod, container and the rest of a line that `kubectl logs --prefix` printed.
fn prefix(line: &str) -> Option<(&str, &str, &str)> {
    let (name, rest) = line.strip_prefix("[pod/")?.split_once("] ")?;
    let (pod, container) = name.split_once('/')?;
    Some((pod, container, rest))
}

/// The line behind the time that `kubectl logs --timestamps` or a container runtime put before it.
fn without_time(line: &str) -> &str {
    let is_time = |word: &str| {
        word.len() > 18
            && word.as_bytes()[0].is_ascii_digit()
            && word.as_bytes().get(10) == Some(&b'T')
    };
    let Some((_, rest)) = line.split_once(' ').filter(|(word, _)| is_time(word)) else {
        return line;
    };
    let streams = ["stdout F ", "stderr F "];
    streams.into_iter().find_map(|stream| rest.strip_prefix(stream)).unwrap_or(rest)
}

/// A text, where it is not the sign for nothing.
fn told(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
    Some(text).filter(|text| !text.is_empty() && text != "-")
}

#[cfg(test)]
mod tests;
