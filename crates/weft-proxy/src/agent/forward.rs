//! Passes Envoy's discovery streams to the control plane, with the pod's token.
//!
//! Holds: one stream up per stream down; when one side ends, the other does, and Envoy comes again by itself.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::{ReceiverStream, UnixListenerStream};
use tonic::{Request, Response, Status, Streaming};
use weft_proto::ads::{
    self, Ads, AdsServer, DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest,
    DiscoveryResponse, Outgoing,
};

use crate::authority::ControlPlane;

/// Serves Envoy on `incoming` for as long as the agent lives.
pub(super) async fn serve(incoming: UnixListenerStream, control_plane: ControlPlane) {
    let service = AdsServer::new(Arc::new(Forward(control_plane)));
    let server = tonic::transport::Server::builder().add_service(service);
    if let Err(error) = server.serve_with_incoming(incoming).await {
        tracing::error!(%error, "discovery socket failed");
    }
}

struct Forward(ControlPlane);

/// Messages under way up; beyond that Envoy waits.
const UNDER_WAY: usize = 64;

impl Forward {
    async fn up(
        &self,
    ) -> Result<(tonic::transport::Channel, tonic::metadata::MetadataMap), Status> {
        let channel = self.0.channel().await.inspect_err(|status| {
            tracing::warn!(%status, "control plane not reached; Envoy keeps what it has");
        })?;
        Ok((channel, self.0.headers()?))
    }
}

/// A stream of what Envoy says, which ends when Envoy hangs up.
fn upward<T: Send + 'static>(mut down: Streaming<T>) -> ReceiverStream<T> {
    let (up, messages) = mpsc::channel(UNDER_WAY);
    tokio::spawn(async move {
        while let Ok(Some(message)) = down.message().await {
            if up.send(message).await.is_err() {
                return;
            }
        }
    });
    ReceiverStream::new(messages)
}

/// The control plane's answers; losing it is told to Envoy as unavailable, so that it comes again.
fn downward<T: Send + 'static>(answers: Streaming<T>) -> Outgoing<T> {
    let lost = |status: Status| Status::unavailable(status.message().to_owned());
    Box::pin(answers.map(move |answer| answer.map_err(lost)))
}

#[weft_proto::async_trait]
impl Ads for Forward {
    async fn sotw(
        &self,
        request: Request<Streaming<DiscoveryRequest>>,
    ) -> Result<Response<Outgoing<DiscoveryResponse>>, Status> {
        let (channel, headers) = self.up().await?;
        let mut up = Request::new(upward(request.into_inner()));
        *up.metadata_mut() = headers;
        Ok(ads::sotw_stream(channel, up).await?.map(downward))
    }

    async fn delta(
        &self,
        request: Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Result<Response<Outgoing<DeltaDiscoveryResponse>>, Status> {
        let (channel, headers) = self.up().await?;
        let mut up = Request::new(upward(request.into_inner()));
        *up.metadata_mut() = headers;
        Ok(ads::delta_stream(channel, up).await?.map(downward))
    }
}
