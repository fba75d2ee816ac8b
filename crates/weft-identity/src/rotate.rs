//! Keeps the store's credential fresh: first certificate, renewal at half-life or when the authority asks for it, roots
//! as they change, patience while the authority is away.
//!
//! In: identity, a signer, the clock. Out: publications into the store; never returns by itself.
//! Holds: the old credential serves until the new one is whole; a new key is made for every certificate; new roots are
//! acknowledged after they are in force; a failure is told with what is left of the certificate, louder near its end.
//! Never: gives up, or publishes something that does not parse.

use std::sync::Arc;
use std::time::Duration;

use weft_rt::{Backoff, Clock, Rng};
use weft_types::SpiffeId;

use crate::alarm::Urgency;
use crate::{Credential, IdentityError, IdentityStore, SigningRequest};

/// A signed answer.
#[derive(Debug, Clone)]
pub struct SignedChain {
    /// PEM certificates, leaf first.
    pub chain: Vec<String>,
    /// PEM of the roots to trust.
    pub roots: String,
}

/// Why nothing was signed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SignError {
    /// Try again later.
    #[error("certificate authority unavailable: {0}")]
    Unavailable(String),
    /// The authority said no; a later try may carry a better token.
    #[error("certificate authority refused: {0}")]
    Refused(String),
}

/// What a workload has, as it tells the authority.
#[derive(Debug, Clone)]
pub struct Held {
    /// Version of the roots in force; 0 when it is not known. Naming it acknowledges it.
    pub version: u64,
    /// PEM of the certificate that is shown.
    pub chain: String,
}

/// What the authority says to whoever holds an older state.
#[derive(Debug, Clone)]
pub struct TrustNews {
    /// PEM of all roots to trust.
    pub roots: String,
    /// Their version.
    pub version: u64,
    /// The certificate is to be renewed within this time, at a moment left to chance.
    pub renew: Option<Duration>,
}

/// Somebody who signs, e.g. the control plane over gRPC.
pub trait CertificateSigner: Send + Sync {
    /// Has `csr_pem` signed, for `ttl` or for the authority's default.
    fn sign(
        &self,
        csr_pem: &str,
        ttl: Option<Duration>,
    ) -> impl Future<Output = Result<SignedChain, SignError>> + Send;

    /// Waits until the authority wants something else of who has this. An authority that never does need not answer.
    fn trust(&self, held: Held) -> impl Future<Output = Result<TrustNews, SignError>> + Send {
        drop(held);
        std::future::pending()
    }
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct RotateOptions {
    /// Whose certificate.
    pub identity: SpiffeId,
    /// Wished lifetime; `None` leaves it to the authority.
    pub ttl: Option<Duration>,
}

#[derive(Debug, thiserror::Error)]
enum RenewError {
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error(transparent)]
    Sign(#[from] SignError),
}

/// Share of the remaining life after which a certificate is renewed, and how far chance may move it.
const RENEW_AT: f64 = 0.5;
const JITTER: f64 = 0.05;
const LONGEST_RETRY: Duration = Duration::from_secs(15);
/// An authority that takes a request and is silent is asked again after this.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs for as long as the proxy does; drop the future to stop.
pub async fn rotate<S: CertificateSigner>(
    store: IdentityStore,
    signer: S,
    options: RotateOptions,
    clock: Clock,
) {
    let mut rng = Rng::from_os();
    let mut backoff = Backoff::new(Duration::from_millis(200), LONGEST_RETRY);
    let mut issued = clock.wall();
    loop {
        let renewed = renew(&signer, &options, &clock).await;
        store.count(renewed.is_err());
        match renewed {
            Ok(credential) => {
                backoff.reset();
                issued = clock.wall();
                let wait = until_renewal(&credential, &clock, &mut rng);
                tracing::info!(serial = credential.serial(), next = ?wait, "certificate issued");
                let credential = Arc::new(credential);
                store.publish(Arc::clone(&credential));
                let following = follow(&store, &signer, &clock, credential);
                if let Ok(spread) = clock.timeout(wait, following).await {
                    clock.sleep(spread.mul_f64(rng.unit())).await;
                }
            }
            Err(error) => {
                let wait = backoff.next(&mut rng);
                Urgency::of(store.current().as_deref(), issued, clock.wall()).tell(&error, wait);
                clock.sleep(wait).await;
            }
        }
    }
}

/// Takes in roots as they change, until the authority asks for a renewal; answers within which time.
async fn follow<S: CertificateSigner>(
    store: &IdentityStore,
    signer: &S,
    clock: &Clock,
    mut own: Arc<Credential>,
) -> Duration {
    let mut rng = Rng::from_os();
    let mut backoff = Backoff::new(Duration::from_millis(200), LONGEST_RETRY);
    let mut version = 0;
    loop {
        let held = Held { version, chain: own.chain_pem().to_owned() };
        let taken = match signer.trust(held).await {
            Ok(news) => take(store, &mut own, &news).map(|()| news).map_err(|e| e.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match taken {
            Ok(TrustNews { renew: Some(within), .. }) => return within,
            Ok(news) => {
                backoff.reset();
                version = news.version;
            }
            Err(error) => {
                let wait = backoff.next(&mut rng);
                tracing::debug!(error, retry_in = ?wait, "no word on what to trust; the last roots count");
                clock.sleep(wait).await;
            }
        }
    }
}

/// Puts other roots into force.
fn take(
    store: &IdentityStore,
    own: &mut Arc<Credential>,
    news: &TrustNews,
) -> Result<(), IdentityError> {
    if own.bundle().pem() != news.roots {
        *own = Arc::new(own.trusting(&news.roots)?);
        store.publish(Arc::clone(own));
        tracing::info!(version = news.version, "the roots that the mesh trusts have changed");
    }
    Ok(())
}

async fn renew<S: CertificateSigner>(
    signer: &S,
    options: &RotateOptions,
    clock: &Clock,
) -> Result<Credential, RenewError> {
    let request = SigningRequest::new(&options.identity)?;
    let signed = clock.timeout(PATIENCE, signer.sign(&request.csr_pem, options.ttl)).await;
    let silent = |_| SignError::Unavailable(format!("no answer within {PATIENCE:?}"));
    let signed = signed.map_err(silent)??;
    let credential =
        Credential::from_pem(&request.key_pem, &signed.chain.join("\n"), &signed.roots)?;
    // The authority says what the trust domain is called now.
    if !credential.spiffe_id().is_some_and(|id| id.is_account_of(&options.identity)) {
        return Err(SignError::Refused("certificate is for another identity".into()).into());
    }
    Ok(credential)
}

fn until_renewal(credential: &Credential, clock: &Clock, rng: &mut Rng) -> Duration {
    let left = credential.not_after().duration_since(clock.wall()).unwrap_or_default();
    rng.jittered(left.mul_f64(RENEW_AT), JITTER).max(Duration::from_secs(1))
}
