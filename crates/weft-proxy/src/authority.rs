//! Has certificates signed by the control plane.
//!
//! In: where it is, which roots, which token file. Out: signed chains and roots for `weft_identity::rotate`.
//! Holds: token and roots are read anew for every call, because both are renewed on disk; the control plane may be
//! certified by a root in the file, or by one that it told us of since.
//! Why the wait for trust takes the connection of discovery: one of its own for each proxy would double what connections
//! cost the control plane.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tonic::transport::Channel;
use weft_identity::{CertificateSigner, Held, IdentityStore, SignError, SignedChain, TrustNews};
use weft_proto::ca::{CreateCertificate, IstioCertificateRequest};
use weft_proto::grpc::call;
use weft_proto::trust::{AwaitTrust, AwaitTrustRequest};
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
    /// What we have been told to trust since.
    identity: IdentityStore,
    /// The connection of discovery.
    open: Arc<Mutex<Option<Channel>>>,
}

impl ControlPlane {
    /// The control plane at `address`, with the files of a pod.
    pub(crate) fn at(address: &str, identity: IdentityStore) -> Self {
        let (address, open) = (address.to_owned(), Arc::default());
        Self { address, token: TOKEN.into(), roots: ROOTS.into(), identity, open }
    }

    /// The same control plane at another address, if it is another.
    pub(crate) fn also_at(&self, address: &str) -> Self {
        if address == self.address {
            self.clone()
        } else {
            Self::at(address, self.identity.clone())
        }
    }

    /// Opens a channel for discovery, which others may use beside it.
    pub(crate) async fn shared(&self) -> Result<Channel, tonic::Status> {
        let channel = self.channel().await?;
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = Some(channel.clone());
        Ok(channel)
    }

    /// The channel of discovery, or one of our own.
    pub(crate) async fn beside(&self) -> Result<Channel, tonic::Status> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match open {
            Some(channel) => Ok(channel),
            None => self.channel().await,
        }
    }

    /// Opens a channel.
    pub(crate) async fn channel(&self) -> Result<Channel, tonic::Status> {
        let target = if self.is_plain() {
            Target::Plain(self.address.clone())
        } else {
            let mut roots_pem = std::fs::read(&self.roots).map_err(|e| {
                tonic::Status::unavailable(format!("{}: {e}", self.roots.display()))
            })?;
            if let Some(own) = self.identity.current() {
                roots_pem.push(b'\n');
                roots_pem.extend_from_slice(own.bundle().pem().as_bytes());
            }
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

    async fn trust(&self, held: Held) -> Result<TrustNews, SignError> {
        let Held { version, chain } = held;
        let mut request = tonic::Request::new(AwaitTrustRequest { version, chain });
        *request.metadata_mut() = self.0.headers().map_err(refused)?;
        let channel = self.0.beside().await.map_err(refused)?;
        let told = match call::<AwaitTrust>(channel, request).await {
            Ok(told) => told.into_inner(),
            // Istio's own authority: its roots come with its certificates.
            Err(status) if status.code() == tonic::Code::Unimplemented => {
                return std::future::pending().await;
            }
            Err(status) => return Err(refused(status)),
        };
        let renew = told.renew.then(|| Duration::from_millis(told.spread_ms));
        Ok(TrustNews { roots: told.roots, version: told.version, renew })
    }
}

fn refused(status: tonic::Status) -> SignError {
    match status.code() {
        tonic::Code::PermissionDenied
        | tonic::Code::Unauthenticated
        | tonic::Code::InvalidArgument => SignError::Refused(status.message().to_owned()),
        _ => SignError::Unavailable(status.message().to_owned()),
    }
}
