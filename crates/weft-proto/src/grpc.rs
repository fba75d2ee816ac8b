//! The little that a generated gRPC client or server does, once for all our services.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;

use prost::Message;
use tokio_stream::Stream;
use tonic::body::Body;
use tonic::server::{StreamingService, UnaryService};
use tonic::transport::Channel;
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

/// Resources of a large mesh do not fit into gRPC's default of 4 MB.
const MAX_MESSAGE: usize = 256 << 20;

pub(crate) type Reply =
    Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

async fn ready(channel: Channel) -> Result<tonic::client::Grpc<Channel>, Status> {
    let mut client = tonic::client::Grpc::new(channel).max_decoding_message_size(MAX_MESSAGE);
    client.ready().await.map_err(|e| Status::unavailable(with_causes(&e)))?;
    Ok(client)
}

/// tonic's own text is "transport error"; what a person needs is in its causes.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

pub(crate) async fn bidi<S, Req, Res>(
    channel: Channel,
    path: &'static str,
    request: Request<S>,
) -> Result<Response<Streaming<Res>>, Status>
where
    S: Stream<Item = Req> + Send + 'static,
    Req: Message + 'static,
    Res: Message + Default + 'static,
{
    let path = http::uri::PathAndQuery::from_static(path);
    ready(channel).await?.streaming(request, path, ProstCodec::<Req, Res>::default()).await
}

pub(crate) async fn unary<Req, Res>(
    channel: Channel,
    path: &'static str,
    request: Request<Req>,
) -> Result<Response<Res>, Status>
where
    Req: Message + 'static,
    Res: Message + Default + 'static,
{
    let path = http::uri::PathAndQuery::from_static(path);
    ready(channel).await?.unary(request, path, ProstCodec::<Req, Res>::default()).await
}

pub(crate) fn serve_streaming<S, Req>(service: S, request: http::Request<Body>) -> Reply
where
    S: StreamingService<Req> + Send + 'static,
    Req: Message + Default + 'static,
    S::Response: Message + 'static,
    S::ResponseStream: Send + 'static,
    S::Future: Send,
{
    Box::pin(async move {
        let codec = ProstCodec::<S::Response, Req>::default();
        let mut grpc = tonic::server::Grpc::new(codec)
            .apply_max_message_size_config(Some(MAX_MESSAGE), Some(MAX_MESSAGE));
        Ok(grpc.streaming(service, request).await)
    })
}

pub(crate) fn serve_unary<S, Req>(service: S, request: http::Request<Body>) -> Reply
where
    S: UnaryService<Req> + Send + 'static,
    Req: Message + Default + 'static,
    S::Response: Message + 'static,
    S::Future: Send,
{
    Box::pin(async move {
        let codec = ProstCodec::<S::Response, Req>::default();
        Ok(tonic::server::Grpc::new(codec).unary(service, request).await)
    })
}

pub(crate) fn unimplemented() -> Reply {
    Box::pin(async { Ok(Status::unimplemented("no such method").into_http()) })
}
