//! Has certificates signed by the control plane.
//!
//! In: where it is, which roots, which token file. Out: signed chains for `weft_identity::rotate`.
//! Holds: token and roots are read anew for every call, because both are renewed on disk.

use std::path::PathBuf;
use std::time::Duration;

use weft_identity::{CertificateSigner, SignError, SignedChain};
use weft_proto::ca::{CreateCertificate, IstioCertificateRequest};
use weft_proto::grpc::call;
use weft_xds::{Target, connect};

use crate::MARK;

/// Where the service-account token is.
pub(crate) const TOKEN: &str = "/var/run/secrets/tokens/istio-token";
/// Where the roots of the control plane are.
pub(crate) const ROOTS: &str = "/var/run/secrets/istio/root-cert.pem";
/// The name in the control plane's certificate.
pub(crate) const SERVER_NAME: &str = "istiod.istio-system.svc";

/// How to reach the control plane and prove who we are.
#[derive(Debug, Clone)]
pub(crate) struct ControlPlane {
    /// `HOST:PORT`.
    pub(crate) address: String,
    /// File of the token.
    pub(crate) token: PathBuf,
    /// File of the roots.
    pub(crate) roots: PathBuf,
}

impl ControlPlane {
    /// The control plane at `address`, with the files of a pod.
    pub(crate) fn at(address: &str) -> Self {
        Self { address: address.to_owned(), token: TOKEN.into(), roots: ROOTS.into() }
    }

    /// Opens a channel.
    pub(crate) async fn channel(&self) -> Result<tonic::transport::Channel, tonic::Status> {
        let target = if self.is_plain() {
            Target::Plain(self.address.clone())
        } else {
            let roots_pem = std::fs::read(&self.roots).map_err(|e| {
                tonic::Status::unavailable(format!("{}: {e}", self.roots.display()))
            })?;
            let server_name = SERVER_NAME.to_owned();
            Target::Tls { address: self.address.clone(), server_name, roots_pem }
        };
        connect(&target, usable_mark()).await
    }

    /// Istio's port for discovery without TLS.
    fn is_plain(&self) -> bool {
        self.address.ends_with(":15010")
    }

    /// The metadata that proves who we are.
    pub(crate) fn headers(&self) -> Result<tonic::metadata::MetadataMap, tonic::Status> {
        let mut map = tonic::metadata::MetadataMap::new();
        if self.is_plain() {
            // A token must not travel in plain text; that port is for those who are trusted by where they are.
            return Ok(map);
        }
        let token = std::fs::read_to_string(&self.token).map_err(|e| {
            tonic::Status::unauthenticated(format!("{}: {e}", self.token.display()))
        })?;
        let mut value: tonic::metadata::MetadataValue<_> = format!("Bearer {}", token.trim())
            .parse()
            .map_err(|_odd| tonic::Status::unauthenticated("the token is not text"))?;
        value.set_sensitive(true);
        map.insert("authorization", value);
        map.insert("clusterid", tonic::metadata::MetadataValue::from_static("Kubernetes"));
        Ok(map)
    }
}

/// The mark, if this process may set it: without the privilege there are no capture rules to escape either.
fn usable_mark() -> Option<u32> {
    use socket2::{Domain, Socket, Type};
    let mark = MARK?;
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).ok()?;
    socket.set_mark(mark).is_ok().then_some(mark)
}

/// A signer that asks the control plane.
#[derive(Debug, Clone)]
pub(crate) struct Authority(pub(crate) ControlPlane);

impl CertificateSigner for Authority {
    async fn sign(&self, csr: &str, ttl: Option<Duration>) -> Result<SignedChain, SignError> {
        let refused = |status: tonic::Status| match status.code() {
            tonic::Code::PermissionDenied
            | tonic::Code::Unauthenticated
            | tonic::Code::InvalidArgument => SignError::Refused(status.message().to_owned()),
            _ => SignError::Unavailable(status.message().to_owned()),
        };
        let channel = self.0.channel().await.map_err(refused)?;
        let mut request = tonic::Request::new(IstioCertificateRequest {
            csr: csr.to_owned(),
            validity_duration: ttl
                .map_or(0, |ttl| i64::try_from(ttl.as_secs()).unwrap_or(i64::MAX)),
            metadata: None,
        });
        *request.metadata_mut() = self.0.headers().map_err(refused)?;
        let signed = call::<CreateCertificate>(channel, request).await.map_err(refused)?;
        let mut chain = signed.into_inner().cert_chain;
        // The last certificate of the answer is the root, as Istio's service has it.
        let roots = chain.last().cloned().unwrap_or_default();
        if chain.len() > 1 {
            chain.pop();
        }
        Ok(SignedChain { chain, roots })
    }
}
