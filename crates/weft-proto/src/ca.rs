//! Istio's certificate service, `istio.v1.auth.IstioCertificateService`, both ends.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tonic::body::Body;
use tonic::server::{NamedService, UnaryService};
use tonic::{Request, Response, Status};

use crate::google::protobuf::Struct;
use crate::grpc;

const CREATE: &str = "/istio.v1.auth.IstioCertificateService/CreateCertificate";

/// Asks for one certificate.
#[derive(Clone, PartialEq, prost::Message)]
pub struct IstioCertificateRequest {
    /// PEM of the signing request.
    #[prost(string, tag = "1")]
    pub csr: String,
    /// Wished lifetime in seconds; 0 leaves it to the authority.
    #[prost(int64, tag = "3")]
    pub validity_duration: i64,
    /// Hints of the caller.
    #[prost(message, optional, tag = "4")]
    pub metadata: Option<Struct>,
}

/// The certificate.
#[derive(Clone, PartialEq, prost::Message)]
pub struct IstioCertificateResponse {
    /// PEM, leaf first, root last.
    #[prost(string, repeated, tag = "1")]
    pub cert_chain: Vec<String>,
}

/// The server side.
#[async_trait::async_trait]
pub trait CertificateService: Send + Sync + 'static {
    /// Signs, or refuses with `UNAUTHENTICATED`, `PERMISSION_DENIED` or `INVALID_ARGUMENT`.
    async fn create(
        &self,
        request: Request<IstioCertificateRequest>,
    ) -> Result<Response<IstioCertificateResponse>, Status>;
}

/// Calls `CreateCertificate`.
///
/// # Errors
/// The status of the call.
pub async fn create_certificate(
    channel: tonic::transport::Channel,
    request: Request<IstioCertificateRequest>,
) -> Result<Response<IstioCertificateResponse>, Status> {
    grpc::unary(channel, CREATE, request).await
}

/// Makes a [`CertificateService`] into a tonic service.
pub struct CertificateServer<T>(Arc<T>);

impl<T> CertificateServer<T> {
    /// Wraps the implementation.
    pub const fn new(inner: Arc<T>) -> Self {
        Self(inner)
    }
}

impl<T> Clone for CertificateServer<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> std::fmt::Debug for CertificateServer<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CertificateServer")
    }
}

impl<T> NamedService for CertificateServer<T> {
    const NAME: &'static str = "istio.v1.auth.IstioCertificateService";
}

impl<T: CertificateService> tower_service::Service<http::Request<Body>> for CertificateServer<T> {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = grpc::Reply;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        match request.uri().path() {
            CREATE => grpc::serve_unary(Create(Arc::clone(&self.0)), request),
            _ => grpc::unimplemented(),
        }
    }
}

struct Create<T>(Arc<T>);

impl<T: CertificateService> UnaryService<IstioCertificateRequest> for Create<T> {
    type Response = IstioCertificateResponse;
    type Future =
        Pin<Box<dyn Future<Output = Result<Response<IstioCertificateResponse>, Status>> + Send>>;

    fn call(&mut self, request: Request<IstioCertificateRequest>) -> Self::Future {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.create(request).await })
    }
}
