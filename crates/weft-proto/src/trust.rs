//! Our own service `weft.ca.v1.TrustService`: what does the mesh trust now, and is a certificate still good?
//!
//! Why a service beside the certificates: Istio's answers only who asks for a certificate, and a root that is replaced
//! must be known everywhere before anybody shows a certificate of the new one.

use crate::grpc::{Method, MethodServer};

/// What the caller has.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct AwaitTrustRequest {
    /// Version of the roots that it trusts; 0 when it does not know. To name one acknowledges it.
    #[prost(uint64, tag = "1")]
    pub version: u64,
    /// PEM of the certificate that it shows, with its intermediates.
    #[prost(string, tag = "2")]
    pub chain: String,
}

/// What it is to do.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct AwaitTrustResponse {
    /// PEM of all roots to trust.
    #[prost(string, tag = "1")]
    pub roots: String,
    /// Their version.
    #[prost(uint64, tag = "2")]
    pub version: u64,
    /// Its certificate comes from an authority that ends: ask for a new one.
    #[prost(bool, tag = "3")]
    pub renew: bool,
    /// Milliseconds over which all that renew spread themselves.
    #[prost(uint64, tag = "4")]
    pub spread_ms: u64,
}

/// The service's one method.
#[derive(Debug, Clone, Copy)]
pub struct AwaitTrust;

impl Method for AwaitTrust {
    const SERVICE: &'static str = "weft.ca.v1.TrustService";
    const PATH: &'static str = "/weft.ca.v1.TrustService/AwaitTrust";
    type Request = AwaitTrustRequest;
    type Response = AwaitTrustResponse;
}

/// The service. What implements it answers when there is something that the caller does not have, or after some
/// minutes; then the caller asks again.
pub type TrustServer<T> = MethodServer<AwaitTrust, T>;
