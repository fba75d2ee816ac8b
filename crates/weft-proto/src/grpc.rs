//! The little that a generated gRPC client or server does, once for all our services.

mod messages;

use std::convert::Infallible;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use messages::Messages;
use prost::Message;
use tokio::sync::oneshot;
use tokio_stream::Stream;
use tonic::body::Body;
use tonic::server::{NamedService, StreamingService, UnaryService};
use tonic::transport::Channel;
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

/// A service of one method that takes one message and answers with one.
pub trait Method: Send + Sync + 'static {
    /// Full name of the service.
    const SERVICE: &'static str;
    /// `/SERVICE/METHOD`.
    const PATH: &'static str;
    /// What it takes.
    type Request: Message + Default + 'static;
    /// What it answers with.
    type Response: Message + Default + 'static;
}

/// The server side of a [`Method`].
#[async_trait::async_trait]
pub trait Serve<M: Method>: Send + Sync + 'static {
    /// Answers one call.
    async fn answer(&self, request: Request<M::Request>) -> Result<Response<M::Response>, Status>;
}

/// Calls a [`Method`].
///
/// # Errors
/// The status of the call.
pub async fn call<M: Method>(
    channel: Channel,
    request: Request<M::Request>,
) -> Result<Response<M::Response>, Status> {
    let path = http::uri::PathAndQuery::from_static(M::PATH);
    ready(channel)
        .await?
        .unary(request, path, ProstCodec::<M::Request, M::Response>::default())
        .await
}

/// Makes an implementation of a [`Method`] into a tonic service.
pub struct MethodServer<M, T>(Arc<T>, PhantomData<fn(M)>);

impl<M: Method, T: Serve<M>> MethodServer<M, T> {
    /// Wraps the implementation.
    pub const fn new(inner: Arc<T>) -> Self {
        Self(inner, PhantomData)
    }
}

impl<M, T> Clone for MethodServer<M, T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0), PhantomData)
    }
}

impl<M: Method, T> std::fmt::Debug for MethodServer<M, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("MethodServer").field(&M::PATH).finish()
    }
}

impl<M: Method, T> NamedService for MethodServer<M, T> {
    const NAME: &'static str = M::SERVICE;
}

impl<M: Method, T: Serve<M>> tower_service::Service<http::Request<Body>> for MethodServer<M, T> {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Reply;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Reply {
        if request.uri().path() != M::PATH {
            return unimplemented();
        }
        let service = Called(self.clone());
        Box::pin(async move {
            let codec = ProstCodec::<M::Response, M::Request>::default();
            Ok(tonic::server::Grpc::new(codec).unary(service, request).await)
        })
    }
}

struct Called<M, T>(MethodServer<M, T>);

impl<M: Method, T: Serve<M>> UnaryService<M::Request> for Called<M, T> {
    type Response = M::Response;
    type Future = Pin<Box<dyn Future<Output = Result<Response<M::Response>, Status>> + Send>>;

    fn call(&mut self, request: Request<M::Request>) -> Self::Future {
        let inner = Arc::clone(&self.0.0);
        Box::pin(async move { inner.answer(request).await })
    }
}

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

pub(crate) fn serve_streaming<S, Req>(service: S, request: http::Request<Body>) -> Reply
where
    S: StreamingService<Req> + Send + 'static,
    Req: Message + Default + 'static,
    S::Response: Message + 'static,
    S::ResponseStream: Send + Unpin + 'static,
    S::Future: Send + 'static,
{
    Box::pin(async move {
        let codec = ProstCodec::<S::Response, Req>::default();
        let mut grpc = tonic::server::Grpc::new(codec)
            .apply_max_message_size_config(Some(MAX_MESSAGE), Some(MAX_MESSAGE));
        let (aside, mut answer) = oneshot::channel();
        let head = grpc.streaming(Headed { service, aside: Some(aside) }, request).await;
        // A call that was refused has its status in the head, and no answer.
        Ok(match answer.try_recv() {
            Ok(messages) => head.map(|_empty| Body::new(Messages::new(messages))),
            Err(_refused) => head,
        })
    })
}

/// A service whose answer is told aside, so that of tonic's answer only the head is used.
struct Headed<S, R> {
    service: S,
    aside: Option<oneshot::Sender<R>>,
}

impl<S, Req> StreamingService<Req> for Headed<S, S::ResponseStream>
where
    S: StreamingService<Req>,
    S::Response: Send + 'static,
    S::ResponseStream: Send + 'static,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type ResponseStream = tokio_stream::Empty<Result<S::Response, Status>>;
    type Future =
        Pin<Box<dyn Future<Output = Result<Response<Self::ResponseStream>, Status>> + Send>>;

    fn call(&mut self, request: Request<Streaming<Req>>) -> Self::Future {
        let (answer, aside) = (self.service.call(request), self.aside.take());
        Box::pin(async move {
            let answer = answer.await?;
            Ok(answer.map(|messages| {
                // Who asked may have gone; then nobody reads it.
                aside.map(|aside| aside.send(messages).ok());
                tokio_stream::empty()
            }))
        })
    }
}

pub(crate) fn unimplemented() -> Reply {
    Box::pin(async { Ok(Status::unimplemented("no such method").into_http()) })
}
