//! Our own service `weft.telemetry.v1.CallerService`: who called a pod without the mesh's mutual TLS?
//!
//! Why a service beside metrics: a caller without a certificate has no identity that a metric could name, only an address, and
//! addresses are too many for labels. Times are ages, so that the clocks of two machines need not agree.

use crate::grpc::{Method, MethodServer};

/// What the proxy of a pod has seen since it reported last.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ReportCallersRequest {
    /// Name of the pod.
    #[prost(string, tag = "1")]
    pub pod: String,
    /// Its namespace.
    #[prost(string, tag = "2")]
    pub namespace: String,
    /// Milliseconds for which this proxy has been looking.
    #[prost(uint64, tag = "3")]
    pub watched_ms: u64,
    /// Who called in plaintext.
    #[prost(message, repeated, tag = "4")]
    pub callers: Vec<Caller>,
    /// Connections with mutual TLS, by port; a proxy that does not count them sends none.
    #[prost(message, repeated, tag = "5")]
    pub secured: Vec<Secured>,
}

/// A caller of one port, or all callers of it that found no room of their own: then the address is empty.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Caller {
    /// Its address.
    #[prost(string, tag = "1")]
    pub address: String,
    /// The port of the pod that it called.
    #[prost(uint32, tag = "2")]
    pub port: u32,
    /// New connections that were served.
    #[prost(uint64, tag = "3")]
    pub connections: u64,
    /// Milliseconds since it was seen first.
    #[prost(uint64, tag = "4")]
    pub first_ms: u64,
    /// Milliseconds since it was seen last; 0 while a connection is open.
    #[prost(uint64, tag = "5")]
    pub last_ms: u64,
    /// New connections that were refused, since the port takes mutual TLS only.
    #[prost(uint64, tag = "6")]
    pub refused: u64,
    /// Milliseconds since the last refusal; means something where `refused` is not 0.
    #[prost(uint64, tag = "7")]
    pub refused_ms: u64,
}

/// Connections with mutual TLS.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Secured {
    /// The port of the pod.
    #[prost(uint32, tag = "1")]
    pub port: u32,
    /// New ones.
    #[prost(uint64, tag = "2")]
    pub connections: u64,
    /// Milliseconds since the last of them.
    #[prost(uint64, tag = "3")]
    pub last_ms: u64,
}

/// The report was taken.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ReportCallersResponse {}

/// The service's one method.
#[derive(Debug, Clone, Copy)]
pub struct ReportCallers;

impl Method for ReportCallers {
    const SERVICE: &'static str = "weft.telemetry.v1.CallerService";
    const PATH: &'static str = "/weft.telemetry.v1.CallerService/ReportCallers";
    type Request = ReportCallersRequest;
    type Response = ReportCallersResponse;
}

/// The service. What implements it takes reports of the pod that the caller proves to be.
pub type CallerServer<T> = MethodServer<ReportCallers, T>;
