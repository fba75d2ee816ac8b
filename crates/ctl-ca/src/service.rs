//! The certificate service on the wire.

use std::sync::Arc;
use std::time::Duration;

use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};
use weft_proto::ca::{CreateCertificate, IstioCertificateRequest, IstioCertificateResponse};
use weft_proto::grpc::Serve;
use weft_proto::trust::{AwaitTrust, AwaitTrustRequest, AwaitTrustResponse};
use weft_types::{SpiffeId, TrustDomain};

use crate::refusal::{Cells, Counters, No, Reason};
use crate::report::spread_ms;
use crate::{Ca, Holder};

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
    /// The uid of that pod.
    pub pod_uid: Option<String>,
}

/// Why a token proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a token, or one that nobody we believe has signed.
    #[error("{0}")]
    Unreadable(String),
    /// Too old.
    #[error("{0}")]
    Expired(String),
    /// Made for somebody else.
    #[error("{0}")]
    Audience(String),
    /// The account or pod that it was made for is gone.
    #[error("{0}")]
    Gone(String),
    /// Whoever judges tokens cannot be asked now.
    #[error("cannot verify tokens now: {0}")]
    Unavailable(String),
}

/// Judges service-account tokens.
#[async_trait::async_trait]
pub trait TokenVerifier: Send + Sync + 'static {
    /// Who holds this token, if it is good for `audience`.
    async fn verify(&self, token: &str, audience: &str) -> Result<Caller, TokenError>;

    /// Whether the account still exists, and the pod, if it is one of a pod, is that one and runs as the account.
    async fn lives(&self, caller: &Caller) -> Result<(), TokenError>;
}

/// The token of a call's `authorization: Bearer` header.
#[must_use]
pub fn bearer(metadata: &MetadataMap) -> Option<&str> {
    let value = metadata.get("authorization")?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Serves `IstioCertificateService`; wrap it in [`weft_proto::ca::CertificateServer`].
pub struct CaService {
    pub(crate) ca: Arc<Ca>,
    pub(crate) verifier: Arc<dyn TokenVerifier>,
    pub(crate) domain: Domain,
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
        self.cells.counters()
    }

    fn issue(&self, caller: &Caller, request: IstioCertificateRequest) -> Result<Vec<String>, No> {
        let IstioCertificateRequest { csr, validity_duration, metadata: _ } = request;
        let identity =
            SpiffeId::new((self.domain)(), &caller.namespace, &caller.service_account)
                .map_err(|e| No(Reason::Identity, Status::permission_denied(e.to_string())))?;
        let ttl = lifetime(validity_duration)?;
        let chain = self.ca.sign(&csr, &identity, caller.holder().as_ref(), ttl)?;
        tracing::debug!(%identity, ?ttl, "certificate issued");
        Ok(chain)
    }
}

impl Caller {
    fn holder(&self) -> Option<Holder> {
        let name = self.pod.as_ref().map(|pod| format!("{pod}.{}", self.namespace))?;
        Some(Holder { name, uid: self.pod_uid.clone() })
    }

    /// For the log.
    pub(crate) fn name(&self) -> String {
        let account = format!("{}/{}", self.namespace, self.service_account);
        self.pod.as_ref().map_or(account.clone(), |pod| format!("{account} (pod {pod})"))
    }
}

#[async_trait::async_trait]
impl Serve<CreateCertificate> for CaService {
    async fn answer(
        &self,
        request: Request<IstioCertificateRequest>,
    ) -> Result<Response<IstioCertificateResponse>, Status> {
        self.cells.request();
        let caller = self.prove(request.metadata(), request.peer_certs()).await;
        let caller = caller.map_err(|no| self.cells.refuse(no, "not proven"))?;
        let cert_chain = self
            .issue(&caller, request.into_inner())
            .map_err(|no| self.cells.refuse(no, &caller.name()))?;
        self.cells.issue();
        Ok(Response::new(IstioCertificateResponse { cert_chain }))
    }
}

/// Longest time that a caller waits; then it asks again, with a token that may be newer.
const WAIT: Duration = Duration::from_secs(600);

#[async_trait::async_trait]
impl Serve<AwaitTrust> for CaService {
    async fn answer(
        &self,
        request: Request<AwaitTrustRequest>,
    ) -> Result<Response<AwaitTrustResponse>, Status> {
        let caller = self.prove(request.metadata(), request.peer_certs()).await;
        let caller = caller.map_err(|no| self.cells.refuse(no, "not proven"))?;
        let AwaitTrustRequest { version, chain } = request.into_inner();
        let (holder, mut changes) = (caller.holder(), self.ca.changes());
        let news = async {
            loop {
                let serving = Arc::clone(&changes.borrow_and_update());
                let renew = self.ca.held(holder.as_ref(), &chain, version);
                // Roots first: whoever renews with them has acknowledged them.
                if renew || serving.version != version || changes.changed().await.is_err() {
                    return (serving, renew);
                }
            }
        };
        let waited = self.ca.clock.timeout(WAIT, news).await;
        let (serving, renew) = waited.unwrap_or_else(|_elapsed| (self.ca.serving(), false));
        Ok(Response::new(AwaitTrustResponse {
            roots: serving.bundle().to_owned(),
            version: serving.version,
            renew,
            spread_ms: spread_ms(self.ca.memory().live().len()),
        }))
    }
}

fn lifetime(seconds: i64) -> Result<Option<Duration>, No> {
    match u64::try_from(seconds) {
        Ok(0) => Ok(None),
        Ok(seconds) => Ok(Some(Duration::from_secs(seconds))),
        Err(_negative) => {
            let told = Status::invalid_argument("validity_duration is negative");
            Err(No(Reason::Lifetime, told))
        }
    }
}
