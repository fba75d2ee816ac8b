//! Istio's certificate service, `istio.v1.auth.IstioCertificateService`, both ends.

use crate::google::protobuf::Struct;
use crate::grpc::{Method, MethodServer};

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

/// The service's one method.
#[derive(Debug, Clone, Copy)]
pub struct CreateCertificate;

impl Method for CreateCertificate {
    const SERVICE: &'static str = "istio.v1.auth.IstioCertificateService";
    const PATH: &'static str = "/istio.v1.auth.IstioCertificateService/CreateCertificate";
    type Request = IstioCertificateRequest;
    type Response = IstioCertificateResponse;
}

/// The service. What implements it signs, or refuses with `UNAUTHENTICATED`, `PERMISSION_DENIED` or `INVALID_ARGUMENT`.
pub type CertificateServer<T> = MethodServer<CreateCertificate, T>;
