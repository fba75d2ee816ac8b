//! Makes an [`Ads`] into a tonic service, under the name of ADS or of SDS.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tonic::body::Body;
use tonic::server::{NamedService, StreamingService};
use tonic::{Request, Response, Status, Streaming};

use super::{
    Ads, DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
    Outgoing,
};
use crate::grpc;

type Answer<T> = Pin<Box<dyn Future<Output = Result<Response<T>, Status>> + Send>>;

macro_rules! discovery_server {
    ($(#[$doc:meta])* $server:ident, $name:expr, $sotw:literal, $delta:literal) => {
        $(#[$doc])*
        pub struct $server<T>(Arc<T>);

        impl<T> $server<T> {
            /// Wraps the implementation.
            pub fn new(inner: Arc<T>) -> Self {
                Self(inner)
            }
        }

        impl<T> Clone for $server<T> {
            fn clone(&self) -> Self {
                Self(Arc::clone(&self.0))
            }
        }

        impl<T> std::fmt::Debug for $server<T> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(stringify!($server))
            }
        }

        impl<T> NamedService for $server<T> {
            const NAME: &'static str = $name;
        }

        impl<T: Ads> tower_service::Service<http::Request<Body>> for $server<T> {
            type Response = http::Response<Body>;
            type Error = Infallible;
            type Future = grpc::Reply;

            fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
                Poll::Ready(Ok(()))
            }

            fn call(&mut self, request: http::Request<Body>) -> Self::Future {
                let inner = Arc::clone(&self.0);
                match request.uri().path() {
                    $sotw => grpc::serve_streaming(Sotw(inner), request),
                    $delta => grpc::serve_streaming(Delta(inner), request),
                    _ => grpc::unimplemented(),
                }
            }
        }
    };
}

discovery_server!(
    /// Serves the aggregated discovery service.
    AdsServer,
    super::ADS_SERVICE,
    "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources",
    "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
);
discovery_server!(
    /// Serves the secret discovery service, as Envoy asks its agent.
    SdsServer,
    super::SDS_SERVICE,
    "/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets",
    "/envoy.service.secret.v3.SecretDiscoveryService/DeltaSecrets"
);

struct Sotw<T>(Arc<T>);

impl<T: Ads> StreamingService<DiscoveryRequest> for Sotw<T> {
    type Response = DiscoveryResponse;
    type ResponseStream = Outgoing<DiscoveryResponse>;
    type Future = Answer<Self::ResponseStream>;

    fn call(&mut self, request: Request<Streaming<DiscoveryRequest>>) -> Self::Future {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.sotw(request).await })
    }
}

struct Delta<T>(Arc<T>);

impl<T: Ads> StreamingService<DeltaDiscoveryRequest> for Delta<T> {
    type Response = DeltaDiscoveryResponse;
    type ResponseStream = Outgoing<DeltaDiscoveryResponse>;
    type Future = Answer<Self::ResponseStream>;

    fn call(&mut self, request: Request<Streaming<DeltaDiscoveryRequest>>) -> Self::Future {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.delta(request).await })
    }
}
