//! The messages of the aggregated discovery service and its two methods, both ends.
//!
//! In: messages. Out: clients ([`delta_stream`], [`sotw_stream`]) and a servers ([`AdsServer`], [`SdsServer`] over the trait [`Ads`]).
//! Holds: resource bytes are shared, never copied between proxies.
//! Never: protocol state; nonces and versions are `weft-xds`' business.

use std::collections::HashMap;
use std::pin::Pin;

use bytes::Bytes;
use tokio_stream::Stream;
use tonic::{Request, Response, Status, Streaming};

use crate::envoy::config::core::v3::Node;
use crate::google::rpc;
use crate::grpc;

/// A serialized message with its type.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Any {
    /// `type.googleapis.com/NAME`.
    #[prost(string, tag = "1")]
    pub type_url: String,
    /// The message.
    #[prost(bytes = "bytes", tag = "2")]
    pub value: Bytes,
}

/// One named resource of a delta answer.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Resource {
    /// Changes when the bytes change.
    #[prost(string, tag = "1")]
    pub version: String,
    /// The resource.
    #[prost(message, optional, tag = "2")]
    pub resource: Option<Any>,
    /// Its name.
    #[prost(string, tag = "3")]
    pub name: String,
}

/// What a client sends on the state-of-the-world stream.
#[derive(Clone, PartialEq, prost::Message)]
pub struct DiscoveryRequest {
    /// The last version that was accepted.
    #[prost(string, tag = "1")]
    pub version_info: String,
    /// Who asks; on the first message at least.
    #[prost(message, optional, tag = "2")]
    pub node: Option<Node>,
    /// Wanted names; empty on the first request means all.
    #[prost(string, repeated, tag = "3")]
    pub resource_names: Vec<String>,
    /// Which type.
    #[prost(string, tag = "4")]
    pub type_url: String,
    /// The answer that this message answers.
    #[prost(string, tag = "5")]
    pub response_nonce: String,
    /// Set when that answer was refused.
    #[prost(message, optional, tag = "6")]
    pub error_detail: Option<rpc::Status>,
}

/// What a server sends on the state-of-the-world stream.
#[derive(Clone, PartialEq, prost::Message)]
pub struct DiscoveryResponse {
    /// Version of the whole set.
    #[prost(string, tag = "1")]
    pub version_info: String,
    /// The whole set.
    #[prost(message, repeated, tag = "2")]
    pub resources: Vec<Any>,
    /// Which type.
    #[prost(string, tag = "4")]
    pub type_url: String,
    /// Names this answer.
    #[prost(string, tag = "5")]
    pub nonce: String,
}

/// What a client sends on the delta stream.
#[derive(Clone, PartialEq, prost::Message)]
pub struct DeltaDiscoveryRequest {
    /// Who asks; on the first message at least.
    #[prost(message, optional, tag = "1")]
    pub node: Option<Node>,
    /// Which type.
    #[prost(string, tag = "2")]
    pub type_url: String,
    /// Names wanted from now on; `*` is all.
    #[prost(string, repeated, tag = "3")]
    pub resource_names_subscribe: Vec<String>,
    /// Names wanted no more.
    #[prost(string, repeated, tag = "4")]
    pub resource_names_unsubscribe: Vec<String>,
    /// What the client still has from an earlier stream: name to version.
    #[prost(map = "string, string", tag = "5")]
    pub initial_resource_versions: HashMap<String, String>,
    /// The answer that this message answers.
    #[prost(string, tag = "6")]
    pub response_nonce: String,
    /// Set when that answer was refused.
    #[prost(message, optional, tag = "7")]
    pub error_detail: Option<rpc::Status>,
}

/// What a server sends on the delta stream.
#[derive(Clone, PartialEq, prost::Message)]
pub struct DeltaDiscoveryResponse {
    /// For people only.
    #[prost(string, tag = "1")]
    pub system_version_info: String,
    /// New and changed resources.
    #[prost(message, repeated, tag = "2")]
    pub resources: Vec<Resource>,
    /// Which type.
    #[prost(string, tag = "4")]
    pub type_url: String,
    /// Names this answer.
    #[prost(string, tag = "5")]
    pub nonce: String,
    /// Names that are gone.
    #[prost(string, repeated, tag = "6")]
    pub removed_resources: Vec<String>,
}

/// An outgoing stream of messages.
pub type Outgoing<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Full name of the aggregated discovery service.
pub const ADS_SERVICE: &str = "envoy.service.discovery.v3.AggregatedDiscoveryService";
/// Full name of the secret discovery service, which Envoy calls on the agent.
pub const SDS_SERVICE: &str = "envoy.service.secret.v3.SecretDiscoveryService";

/// The server side of a discovery service. Serve it with [`AdsServer`] or [`SdsServer`].
#[async_trait::async_trait]
pub trait Ads: Send + Sync + 'static {
    /// `StreamAggregatedResources`: state of the world.
    async fn sotw(
        &self,
        request: Request<Streaming<DiscoveryRequest>>,
    ) -> Result<Response<Outgoing<DiscoveryResponse>>, Status>;
    /// `DeltaAggregatedResources`.
    async fn delta(
        &self,
        request: Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Result<Response<Outgoing<DeltaDiscoveryResponse>>, Status>;
}

pub use server::{AdsServer, SdsServer};

mod server;

/// Opens the delta stream of ADS over `channel`.
///
/// # Errors
/// The status of the call.
pub async fn delta_stream(
    channel: tonic::transport::Channel,
    request: Request<impl Stream<Item = DeltaDiscoveryRequest> + Send + 'static>,
) -> Result<Response<Streaming<DeltaDiscoveryResponse>>, Status> {
    grpc::bidi(
        channel,
        "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources",
        request,
    )
    .await
}

/// Opens the state-of-the-world stream of ADS over `channel`.
///
/// # Errors
/// The status of the call.
pub async fn sotw_stream(
    channel: tonic::transport::Channel,
    request: Request<impl Stream<Item = DiscoveryRequest> + Send + 'static>,
) -> Result<Response<Streaming<DiscoveryResponse>>, Status> {
    grpc::bidi(
        channel,
        "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources",
        request,
    )
    .await
}
