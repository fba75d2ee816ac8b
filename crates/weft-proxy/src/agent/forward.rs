//! Passes Envoy's discovery streams to the control plane, with the pod's token.
//!
//! In: Envoy's streams. Out: the same messages, except those of the table of names, which the agent asks for itself on
//! Envoy's stream (as Istio's agent does) because it, and not Envoy, answers name questions.
//! Holds: one stream up per stream down; when one side ends, the other does, and Envoy comes again by itself.

use std::sync::Arc;

use proxy_config::names::NameTable;
use tokio::sync::mpsc::{self, WeakSender};
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::{ReceiverStream, UnixListenerStream};
use tonic::{Request, Response, Status, Streaming};
use weft_proto::ads::{
    self, Ads, AdsServer, DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest,
    DiscoveryResponse, Outgoing,
};

use weft_proto::type_url;

use crate::authority::ControlPlane;
use crate::names::Resolving;

/// Serves Envoy on `incoming` for as long as the agent lives.
pub(super) async fn serve(
    incoming: UnixListenerStream,
    control_plane: ControlPlane,
    names: Option<Resolving>,
) {
    let service = AdsServer::new(Arc::new(Forward { control_plane, names }));
    let server = tonic::transport::Server::builder().add_service(service);
    if let Err(error) = server.serve_with_incoming(incoming).await {
        tracing::error!(%error, "discovery socket failed");
    }
}

struct Forward {
    control_plane: ControlPlane,
    names: Option<Resolving>,
}

/// Messages under way up; beyond that Envoy waits.
const UNDER_WAY: usize = 64;

impl Forward {
    async fn up(
        &self,
    ) -> Result<(tonic::transport::Channel, tonic::metadata::MetadataMap), Status> {
        let channel = self.control_plane.shared().await.inspect_err(|status| {
            tracing::warn!(%status, "control plane not reached; Envoy keeps what it has");
        })?;
        Ok((channel, self.control_plane.headers()?))
    }
}

/// A stream of what Envoy says, which ends when Envoy hangs up, and its other end. The first message, which names the
/// node, is followed by `own`.
fn upward<T: Send + 'static>(
    mut down: Streaming<T>,
    own: Option<T>,
) -> (ReceiverStream<T>, WeakSender<T>) {
    let (up, messages) = mpsc::channel(UNDER_WAY);
    let end = up.downgrade();
    tokio::spawn(async move {
        let mut own = own;
        while let Ok(Some(message)) = down.message().await {
            for message in std::iter::once(message).chain(own.take()) {
                if up.send(message).await.is_err() {
                    return;
                }
            }
        }
    });
    (ReceiverStream::new(messages), end)
}

/// The wish for the table of names.
fn all_names() -> DeltaDiscoveryRequest {
    DeltaDiscoveryRequest {
        type_url: type_url::NAMES.to_owned(),
        resource_names_subscribe: vec!["*".to_owned()],
        ..DeltaDiscoveryRequest::default()
    }
}

/// Takes a table in; the answer to the control plane says so, or why not.
fn take_names(names: &Resolving, told: &DeltaDiscoveryResponse) -> DeltaDiscoveryRequest {
    let taken = told.resources.iter().filter_map(|resource| resource.resource.as_ref());
    let why = taken.filter_map(|body| {
        let table = proxy_lower::lower_names(&body.value);
        table.map(|table| names.publish(Arc::new(table))).err()
    });
    let why: Vec<String> = why.map(|refused| refused.to_string()).collect();
    if !told.removed_resources.is_empty() {
        names.publish(Arc::new(NameTable::default()));
    }
    let error_detail = (!why.is_empty()).then(|| {
        tracing::warn!(why = why.join("; "), "names refused; the last table serves on");
        weft_proto::google::rpc::Status {
            code: tonic::Code::InvalidArgument.into(),
            message: why.join("; "),
            ..weft_proto::google::rpc::Status::default()
        }
    });
    DeltaDiscoveryRequest {
        type_url: type_url::NAMES.to_owned(),
        response_nonce: told.nonce.clone(),
        error_detail,
        ..DeltaDiscoveryRequest::default()
    }
}

/// The control plane's answers; losing it is told to Envoy as unavailable, so that it comes again.
fn downward<T: Send + 'static>(answers: Streaming<T>) -> Outgoing<T> {
    let lost = |status: Status| Status::unavailable(status.message().to_owned());
    Box::pin(answers.map(move |answer| answer.map_err(lost)))
}

/// What is Envoy's; the rest is taken in and answered here.
fn for_envoy(
    answer: Result<DeltaDiscoveryResponse, Status>,
    names: Option<&Resolving>,
    end: &WeakSender<DeltaDiscoveryRequest>,
) -> Option<Result<DeltaDiscoveryResponse, Status>> {
    match (answer, names) {
        (Ok(told), Some(names)) if told.type_url == type_url::NAMES => {
            let verdict = take_names(names, &told);
            let full = end.upgrade().is_some_and(|end| end.try_send(verdict).is_err());
            if full {
                tracing::debug!("the control plane does not read; it is told of the names later");
            }
            None
        }
        (answer, _) => Some(answer),
    }
}

#[weft_proto::async_trait]
impl Ads for Forward {
    async fn sotw(
        &self,
        request: Request<Streaming<DiscoveryRequest>>,
    ) -> Result<Response<Outgoing<DiscoveryResponse>>, Status> {
        let (channel, headers) = self.up().await?;
        let (messages, _end) = upward(request.into_inner(), None);
        let mut up = Request::new(messages);
        *up.metadata_mut() = headers;
        Ok(ads::sotw_stream(channel, up).await?.map(downward))
    }

    async fn delta(
        &self,
        request: Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Result<Response<Outgoing<DeltaDiscoveryResponse>>, Status> {
        let (channel, headers) = self.up().await?;
        let own = self.names.as_ref().map(|_| all_names());
        let (messages, end) = upward(request.into_inner(), own);
        let mut up = Request::new(messages);
        *up.metadata_mut() = headers;
        let answers = ads::delta_stream(channel, up).await?;
        let names = self.names.clone();
        Ok(answers.map(|answers| {
            let ours = move |answer| for_envoy(answer, names.as_ref(), &end);
            Box::pin(downward(answers).filter_map(ours)) as Outgoing<_>
        }))
    }
}
