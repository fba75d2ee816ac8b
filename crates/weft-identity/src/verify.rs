//! Verifies a peer: a hash that is wanted, chain to the roots, nothing revoked, then a name that is wanted.
//!
//! Holds: within the mesh no host names; there an identity is a URI, whoever's address it has today.
//! Why a certificate that is itself a root is taken: people sign servers by themselves and trust just that, as Envoy lets
//! them.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme, crypto,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::peer::LeafFacts;
use crate::san::stands_for;
use crate::{IdentityStore, PeerNames, Pin, SanMatch, Trust, TrustBundle, tls};

/// Verifies either end of a connection.
#[derive(Debug)]
pub(crate) struct PeerVerifier {
    pub(crate) store: IdentityStore,
    pub(crate) trust: Trust,
    pub(crate) sans: Vec<SanMatch>,
    pub(crate) pins: Vec<Pin>,
    /// The server must have the name that is asked for.
    pub(crate) named: bool,
    /// A client without a certificate is refused.
    pub(crate) required: bool,
    pub(crate) algorithms: crypto::WebPkiSupportedAlgorithms,
}

impl PeerVerifier {
    pub(crate) fn new(store: IdentityStore, trust: Trust, sans: Vec<SanMatch>) -> Self {
        let algorithms = tls::provider().signature_verification_algorithms;
        Self { store, trust, sans, pins: Vec::new(), named: false, required: true, algorithms }
    }

    /// The roots; `None` when nobody is to be verified.
    fn roots(&self) -> Result<Option<Arc<TrustBundle>>, Error> {
        match (self.trust.roots(&self.store), &self.trust) {
            (Some(roots), _) => Ok(Some(roots)),
            (None, Trust::Anyone) => Ok(None),
            (None, Trust::Mesh | Trust::Given(_)) => {
                Err(Error::General("no trust bundle yet".into()))
            }
        }
    }

    /// Known by a hash: this also counts where nobody vouches for a peer.
    fn pinned(&self, leaf: &CertificateDer<'_>) -> Result<(), Error> {
        if Pin::any(&self.pins, leaf) {
            return Ok(());
        }
        Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
    }

    fn name(&self, leaf: &CertificateDer<'_>) -> Result<(), Error> {
        if self.sans.is_empty() || SanMatch::any(&self.sans, &PeerNames::of(leaf)) {
            Ok(())
        } else {
            Err(Error::InvalidCertificate(CertificateError::NotValidForName))
        }
    }

    fn asked_for(&self, leaf: &CertificateDer<'_>, asked: &ServerName<'_>) -> Result<(), Error> {
        let names = PeerNames::of(leaf);
        let has = match asked {
            ServerName::DnsName(host) => {
                names.hosts.iter().any(|own| stands_for(own, host.as_ref()))
            }
            ServerName::IpAddress(ip) => names.addresses.contains(&(*ip).into()),
            _ => false,
        };
        if has || !self.named {
            return Ok(());
        }
        Err(Error::InvalidCertificate(CertificateError::NotValidForName))
    }
}

/// A root that is shown as it is needs no chain, only that its time has come and not gone.
fn is_root(roots: &TrustBundle, leaf: &CertificateDer<'_>, now: UnixTime) -> Result<bool, Error> {
    if !roots.holds(leaf) {
        return Ok(false);
    }
    let facts = LeafFacts::read(leaf);
    let facts = facts.ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))?;
    match now.as_secs() {
        now if now < facts.not_before => {
            Err(Error::InvalidCertificate(CertificateError::NotValidYet))
        }
        now if now > facts.not_after => Err(Error::InvalidCertificate(CertificateError::Expired)),
        _ => Ok(true),
    }
}

impl ServerCertVerifier for PeerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.pinned(end_entity)?;
        let Some(roots) = self.roots()? else { return Ok(ServerCertVerified::assertion()) };
        if !is_root(&roots, end_entity, now)? {
            // Built per handshake, so that new roots count at once; it costs microseconds beside the signatures.
            let builder = WebPkiServerVerifier::builder_with_provider(
                Arc::clone(roots.roots()),
                tls::provider(),
            );
            let chain = builder
                .with_crls(roots.revoked().iter().cloned())
                .enforce_revocation_expiration()
                .build()
                .map_err(|e| Error::General(e.to_string()))?;
            let found = chain.verify_server_cert(
                end_entity,
                intermediates,
                server_name,
                ocsp_response,
                now,
            );
            match found {
                // The chain was verified before the name, and the name is judged below.
                Ok(_)
                | Err(Error::InvalidCertificate(
                    CertificateError::NotValidForName
                    | CertificateError::NotValidForNameContext { .. },
                )) => {}
                Err(error) => return Err(error),
            }
        }
        self.asked_for(end_entity, server_name)?;
        self.name(end_entity)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        crypto::verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        crypto::verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl ClientCertVerifier for PeerVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn client_auth_mandatory(&self) -> bool {
        self.required
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.pinned(end_entity)?;
        let Some(roots) = self.roots()? else { return Ok(ClientCertVerified::assertion()) };
        if !is_root(&roots, end_entity, now)? {
            let builder = WebPkiClientVerifier::builder_with_provider(
                Arc::clone(roots.roots()),
                tls::provider(),
            );
            let chain = builder
                .with_crls(roots.revoked().iter().cloned())
                .enforce_revocation_expiration()
                .build()
                .map_err(|e| Error::General(e.to_string()))?;
            chain.verify_client_cert(end_entity, intermediates, now)?;
        }
        self.name(end_entity)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        crypto::verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        crypto::verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
