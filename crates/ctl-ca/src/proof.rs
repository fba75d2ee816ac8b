//! Who calls: by the token of a service account, or by the certificate that the mesh gave before.
//!
//! In: a call's metadata and the certificates of its connection. Out: the caller, or why there is none.
//! Holds: a token that is sent decides, and a bad one is refused whatever certificate stands beside it. A certificate alone proves
//! the account that it names, while it leads to a root of now, has not ended, is one of the last two that its holder was
//! given, and that pod and account live. Both together must not name different accounts.
//! Why a certificate that proves nothing does not spoil a good token: a proxy whose certificate has ended while the control plane
//! was away still shows it when it comes for a new one.

use std::sync::Arc;

use tonic::Status;
use tonic::metadata::MetadataMap;
use tonic::transport::CertificateDer;
use weft_identity::{Proof, prove};

use crate::refusal::{No, Reason};
use crate::service::{AUDIENCE, CaService, Caller, bearer};

/// The certificates that a client showed.
type Shown = Arc<Vec<CertificateDer<'static>>>;

impl CaService {
    pub(crate) async fn prove(
        &self,
        metadata: &MetadataMap,
        shown: Option<Shown>,
    ) -> Result<Caller, No> {
        let shown = shown.filter(|chain| !chain.is_empty());
        let by_certificate = shown.map(|chain| self.shown(&chain));
        match (bearer(metadata), by_certificate) {
            (Some(token), by_certificate) => {
                let caller = self.verifier.verify(token, AUDIENCE).await?;
                match by_certificate {
                    Some(Ok(other)) if !other.is_account_of(&caller) => {
                        Err(differ(&caller, &other))
                    }
                    _ => Ok(caller),
                }
            }
            (None, Some(by_certificate)) => {
                let caller = by_certificate?;
                self.verifier.lives(&caller).await?;
                Ok(caller)
            }
            (None, None) => {
                let told =
                    "send a service-account token as Bearer, or show a certificate of the mesh";
                Err(No(Reason::NoToken, Status::unauthenticated(told)))
            }
        }
    }

    /// Whom a certificate names.
    fn shown(&self, chain: &[CertificateDer<'static>]) -> Result<Caller, No> {
        let Proof { identity, serial } =
            prove(chain, self.ca.serving().bundle(), self.ca.clock.wall())?;
        let domain = (self.domain)();
        if *identity.trust_domain() != domain {
            let told = format!("{identity} is not of the trust domain {}", domain.as_str());
            return Err(No(Reason::OtherTrustDomain, Status::unauthenticated(told)));
        }
        let memory = self.ca.memory();
        let Some((holder, entry)) = memory.live().holder_of(&serial) else {
            let told = format!(
                "the certificate {serial} of {identity} is not one of the last two that a living holder was given; send \
                 a service-account token as Bearer"
            );
            return Err(No(Reason::UnknownCertificate, Status::unauthenticated(told)));
        };
        let suffix = format!(".{}", identity.namespace());
        let pod = holder.strip_suffix(&suffix).filter(|_| entry.of_pod);
        if entry.of_pod && (pod.is_none() || entry.uid.is_none()) {
            let told = format!("it is not known which pod {holder} was; send its token as Bearer");
            return Err(No(Reason::UnknownCertificate, Status::unauthenticated(told)));
        }
        Ok(Caller {
            namespace: identity.namespace().to_owned(),
            service_account: identity.service_account().to_owned(),
            pod: pod.map(str::to_owned),
            pod_uid: entry.uid.clone(),
        })
    }
}

impl Caller {
    fn is_account_of(&self, other: &Self) -> bool {
        self.namespace == other.namespace && self.service_account == other.service_account
    }
}

fn differ(by_token: &Caller, by_certificate: &Caller) -> No {
    let told = format!(
        "the token proves {}, but the certificate proves {}; show one of them",
        by_token.name(),
        by_certificate.name()
    );
    No(Reason::ProofsDiffer, Status::permission_denied(told))
}
