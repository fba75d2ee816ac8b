//! The certificate service on the wire.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};
use weft_proto::ca::{CreateCertificate, IstioCertificateRequest, IstioCertificateResponse};
use weft_proto::grpc::Serve;
use weft_types::{SpiffeId, TrustDomain};

use crate::{Ca, Refused};

/// The audience that a proxy's token must be made for.
pub const AUDIENCE: &str = "istio-ca";

/// Who a token belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Namespace of the service account.
    pub namespace: String,
    /// Name of the service account.
    pub service_account: String,
    /// The pod that the token is bound to, when it is bound.
    pub pod: Option<String>,
}

/// Why a token proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Wrong signature, audience, time, or the pod is gone.
    #[error("{0}")]
    Invalid(String),
    /// Whoever judges tokens cannot be asked now.
    #[error("cannot verify tokens now: {0}")]
    Unavailable(String),
}

/// Judges service-account tokens.
#[async_trait::async_trait]
pub trait TokenVerifier: Send + Sync + 'static {
    /// Who holds this token, if it is good for `audience`.
    async fn verify(&self, token: &str, audience: &str) -> Result<Caller, TokenError>;
}

/// The token of a call's `authorization: Bearer` header.
#[must_use]
pub fn bearer(metadata: &MetadataMap) -> Option<&str> {
    let value = metadata.get("authorization")?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// What the service did since it began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Requests seen (`citadel_server_csr_count`).
    pub requests: u64,
    /// Certificates issued (`citadel_server_success_cert_issuance_count`).
    pub issued: u64,
    /// Tokens refused (`citadel_server_authentication_failure_count`).
    pub unauthenticated: u64,
    /// CSRs that do not parse (`citadel_server_csr_parsing_err_count`).
    pub unreadable: u64,
    /// CSRs not signed for any other reason (`citadel_server_csr_sign_err_count`).
    pub unsigned: u64,
}

#[derive(Debug, Default)]
struct Cells {
    requests: AtomicU64,
    issued: AtomicU64,
    unauthenticated: AtomicU64,
    unreadable: AtomicU64,
    unsigned: AtomicU64,
}

/// Serves `IstioCertificateService`; wrap it in [`weft_proto::ca::CertificateServer`].
pub struct CaService {
    ca: Arc<Ca>,
    verifier: Arc<dyn TokenVerifier>,
    domain: Domain,
    cells: Cells,
}

/// Tells the trust domain as it is now.
type Domain = Box<dyn Fn() -> TrustDomain + Send + Sync>;

impl std::fmt::Debug for CaService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CaService").field("domain", &(self.domain)()).finish_non_exhaustive()
    }
}

impl CaService {
    /// Binds authority and judge; `domain` is asked for every certificate, since an operator may change it.
    #[must_use]
    pub fn new(
        ca: Arc<Ca>,
        verifier: Arc<dyn TokenVerifier>,
        domain: impl Fn() -> TrustDomain + Send + Sync + 'static,
    ) -> Self {
        Self { ca, verifier, domain: Box::new(domain), cells: Cells::default() }
    }

    /// For the metrics port.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters {
            requests: self.cells.requests.load(Relaxed),
            issued: self.cells.issued.load(Relaxed),
            unauthenticated: self.cells.unauthenticated.load(Relaxed),
            unreadable: self.cells.unreadable.load(Relaxed),
            unsigned: self.cells.unsigned.load(Relaxed),
        }
    }

    async fn prove(&self, metadata: &MetadataMap) -> Result<SpiffeId, Status> {
        let token = bearer(metadata)
            .ok_or_else(|| Status::unauthenticated("send a service-account token as Bearer"))?;
        let caller = self.verifier.verify(token, AUDIENCE).await.map_err(|error| match error {
            TokenError::Invalid(why) => Status::unauthenticated(why),
            TokenError::Unavailable(_) => Status::unavailable(error.to_string()),
        })?;
        SpiffeId::new((self.domain)(), &caller.namespace, &caller.service_account)
            .map_err(|error| Status::permission_denied(error.to_string()))
    }

    fn refused(&self, identity: &SpiffeId, refused: &Refused) -> Status {
        tracing::warn!(%identity, %refused, "certificate refused");
        let (cell, status) = match refused {
            Refused::Csr(_) => (&self.cells.unreadable, Status::invalid_argument as fn(_) -> _),
            Refused::OtherIdentity { .. } => {
                (&self.cells.unsigned, Status::permission_denied as fn(_) -> _)
            }
            Refused::TooLong(_) => (&self.cells.unsigned, Status::invalid_argument as fn(_) -> _),
            Refused::Sign(_) => (&self.cells.unsigned, Status::internal as fn(_) -> _),
        };
        cell.fetch_add(1, Relaxed);
        status(refused.to_string())
    }
}

#[async_trait::async_trait]
impl Serve<CreateCertificate> for CaService {
    async fn answer(
        &self,
        request: Request<IstioCertificateRequest>,
    ) -> Result<Response<IstioCertificateResponse>, Status> {
        self.cells.requests.fetch_add(1, Relaxed);
        let identity = self.prove(request.metadata()).await.inspect_err(|status| {
            self.cells.unauthenticated.fetch_add(1, Relaxed);
            tracing::warn!(%status, "certificate refused: caller not proven");
        })?;
        let IstioCertificateRequest { csr, validity_duration, metadata: _ } = request.into_inner();
        let ttl = lifetime(validity_duration)?;
        let signed = self.ca.sign(&csr, &identity, ttl);
        let cert_chain = signed.map_err(|refused| self.refused(&identity, &refused))?;
        self.cells.issued.fetch_add(1, Relaxed);
        tracing::debug!(%identity, ?ttl, "certificate issued");
        Ok(Response::new(IstioCertificateResponse { cert_chain }))
    }
}

fn lifetime(seconds: i64) -> Result<Option<Duration>, Status> {
    match u64::try_from(seconds) {
        Ok(0) => Ok(None),
        Ok(seconds) => Ok(Some(Duration::from_secs(seconds))),
        Err(_negative) => Err(Status::invalid_argument("validity_duration is negative")),
    }
}
