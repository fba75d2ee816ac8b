//! Service-account tokens, judged by whoever issued them.
//! In: a token. Out: who holds it, in the words of the certificate authority and of the push server.

use ctl_apiserver::Registry;
use ctl_apiserver::tokens::{BoundPod, Claims, TokenError as Wrong};
use ctl_ca::{AUDIENCE, Caller, TokenError, TokenVerifier, bearer};
use ctl_push::{Identity, StreamAuth};
use tonic::Status;
use tonic::metadata::MetadataMap;

/// Asks the embedded API server.
#[derive(Debug, Clone)]
pub(crate) struct Tokens(pub(crate) Registry);

impl Tokens {
    fn claims(&self, token: &str, audience: &str) -> Result<Claims, TokenError> {
        self.0.verify_token(token, audience).map_err(why)
    }
}

fn why(error: Wrong) -> TokenError {
    let told = error.to_string();
    match error {
        Wrong::Unreadable(_) => TokenError::Unreadable(told),
        Wrong::Expired => TokenError::Expired(told),
        Wrong::Audience(_) => TokenError::Audience(told),
        Wrong::Gone(_) => TokenError::Gone(told),
    }
}

#[async_trait::async_trait]
impl TokenVerifier for Tokens {
    async fn verify(&self, token: &str, audience: &str) -> Result<Caller, TokenError> {
        let Claims { namespace, service_account, pod, .. } = self.claims(token, audience)?;
        let (pod, pod_uid) = pod.map(|pod| (pod.name, pod.uid)).unzip();
        Ok(Caller { namespace, service_account, pod, pod_uid })
    }

    async fn lives(&self, caller: &Caller) -> Result<(), TokenError> {
        let Caller { namespace, service_account, pod, pod_uid } = caller;
        let pod =
            pod.clone().map(|name| BoundPod { name, uid: pod_uid.clone().unwrap_or_default() });
        self.0.account_lives(namespace, service_account, pod.as_ref()).map_err(why)
    }
}

#[async_trait::async_trait]
impl StreamAuth for Tokens {
    async fn authenticate(&self, metadata: &MetadataMap) -> Result<Identity, Status> {
        let token = bearer(metadata).ok_or_else(|| {
            Status::unauthenticated(
                "port 15012 wants a service-account token: authorization: Bearer …",
            )
        })?;
        let claims = self.claims(token, AUDIENCE);
        let claims = claims.map_err(|error| Status::unauthenticated(error.to_string()))?;
        Ok(Identity {
            namespace: claims.namespace,
            service_account: claims.service_account,
            pod: claims.pod.map(|pod| pod.name),
        })
    }
}

#[cfg(test)]
mod tests;
