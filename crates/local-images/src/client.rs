//! The HTTP client that the programs here share.
//! In: a choice of protocol. Out: a pooled client. Holds: HTTP/2 means prior knowledge, cleartext.

use bytes::Bytes;
use http_body_util::Full;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;

/// A pooled client for plain HTTP.
pub(crate) type Http = Client<HttpConnector, Full<Bytes>>;

/// Builds a client; `idle` bounds the kept connections per host.
pub(crate) fn new(http2: bool, idle: usize) -> Http {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new())
        .http2_only(http2)
        .pool_max_idle_per_host(idle)
        .build(connector)
}
