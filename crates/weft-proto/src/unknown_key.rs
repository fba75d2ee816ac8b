//! Our own service `weft.discovery.v1.UnknownKeyService`: a proxy met a token that none of its issuer's keys could have signed.
//!
//! Why a service beside discovery: the control plane fetches keys, and only proxies see tokens, so that a key that its issuer did not
//! show beforehand would wait for the next look.

use crate::grpc::{Method, MethodServer};

/// Whose token.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct UnknownKeyRequest {
    /// The issuer, as the proxy's rules name it.
    #[prost(string, tag = "1")]
    pub issuer: String,
}

/// It is noted; nothing is said about what comes of it.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct UnknownKeyResponse {}

/// The service's one method.
#[derive(Debug, Clone, Copy)]
pub struct TellUnknownKey;

impl Method for TellUnknownKey {
    const SERVICE: &'static str = "weft.discovery.v1.UnknownKeyService";
    const PATH: &'static str = "/weft.discovery.v1.UnknownKeyService/TellUnknownKey";
    type Request = UnknownKeyRequest;
    type Response = UnknownKeyResponse;
}

/// The service. What implements it answers at once.
pub type UnknownKeyServer<T> = MethodServer<TellUnknownKey, T>;
