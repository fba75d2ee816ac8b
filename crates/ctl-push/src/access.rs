//! Who may open a stream, and as whom.

use std::net::SocketAddr;
use std::sync::Arc;

use tonic::Status;
use tonic::metadata::MetadataMap;

use crate::ProxyNode;
use crate::world::Contradiction;

/// Who a caller was proven to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Namespace.
    pub namespace: String,
    /// Service account.
    pub service_account: String,
    /// The pod that the token is bound to, when it is bound.
    pub pod: Option<String>,
}

/// Judges the token of a stream.
#[async_trait::async_trait]
pub trait StreamAuth: Send + Sync + 'static {
    /// Who opened the stream, or `UNAUTHENTICATED` / `UNAVAILABLE`.
    async fn authenticate(&self, metadata: &MetadataMap) -> Result<Identity, Status>;
}

/// The rule of one port.
#[derive(Clone)]
pub enum Access {
    /// A token must prove the node's namespace, service account and pod (15012).
    Proven(Arc<dyn StreamAuth>),
    /// No proof, but only from these addresses (15010).
    From(fn(SocketAddr) -> bool),
    /// No proof at all; for tests and trusted networks.
    Anyone,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Proven(_) => "Proven",
            Self::From(_) => "From",
            Self::Anyone => "Anyone",
        })
    }
}

impl Access {
    /// Judges a new stream or call; `None` means that no identity is known.
    ///
    /// # Errors
    /// The status that a caller who is not admitted gets.
    pub async fn open(
        &self,
        metadata: &MetadataMap,
        peer: Option<SocketAddr>,
    ) -> Result<Option<Identity>, Status> {
        match self {
            Self::Proven(auth) => auth.authenticate(metadata).await.map(Some),
            Self::From(allowed) => match peer {
                Some(peer) if allowed(peer) => Ok(None),
                _ => Err(Status::permission_denied("this port serves local callers; use 15012")),
            },
            Self::Anyone => Ok(None),
        }
    }
}

/// Whether a proven caller is this pod, or may be.
pub(crate) fn speaks_for(identity: &Identity, namespace: &str, pod: &str) -> bool {
    identity.namespace == namespace && identity.pod.as_deref().is_none_or(|own| own == pod)
}

/// A proven caller may speak for its own node only: another node's configuration is none of its business.
pub(crate) fn matches(identity: &Identity, proxy: &ProxyNode) -> Result<(), Status> {
    let Identity { namespace, service_account, pod } = identity;
    let account = proxy.metadata("SERVICE_ACCOUNT");
    let same = speaks_for(identity, &proxy.namespace, &proxy.pod)
        && account.is_none_or(|account| account == service_account);
    if same {
        return Ok(());
    }
    Err(Status::permission_denied(format!(
        "token proves {namespace}/{service_account}{}, but the node is {} with service account {}",
        pod.as_deref().map(|pod| format!(" (pod {pod})")).unwrap_or_default(),
        proxy.name(),
        account.unwrap_or("(none)"),
    )))
}

/// What a node is told against which the known pods speak.
pub(crate) fn against(why: Contradiction, identity: &Identity, proxy: &ProxyNode) -> Status {
    let (name, ip) = (proxy.name(), proxy.ip);
    match why {
        Contradiction::Account => Status::permission_denied(format!(
            "token proves {}/{}, but {name} runs as another service account",
            identity.namespace, identity.service_account
        )),
        Contradiction::Address => {
            Status::permission_denied(format!("{ip} is not an address of {name}"))
        }
        Contradiction::Unknown => Status::unavailable(format!(
            "{name} is not known, and {ip} is another pod's; try again"
        )),
    }
}
