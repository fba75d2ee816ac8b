//! Verifies a peer: chain to the store's roots, then a URI name that is wanted.
//!
//! Never: host names; in the mesh an identity is a URI, whoever's address it has today.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme, crypto,
    server::ParsedCertificate,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::{IdentityStore, SanMatch, peer, tls};

/// Verifies either end of a mesh connection.
#[derive(Debug)]
pub(crate) struct PeerVerifier {
    pub(crate) store: IdentityStore,
    pub(crate) sans: Vec<SanMatch>,
    pub(crate) algorithms: crypto::WebPkiSupportedAlgorithms,
}

impl PeerVerifier {
    pub(crate) fn new(store: IdentityStore, sans: Vec<SanMatch>) -> Self {
        let algorithms = tls::provider().signature_verification_algorithms;
        Self { store, sans, algorithms }
    }

    fn roots(&self) -> Result<std::sync::Arc<rustls::RootCertStore>, Error> {
        let credential = self.store.current();
        credential
            .map(|credential| credential.bundle().roots().clone())
            .ok_or_else(|| Error::General("no trust bundle yet".into()))
    }

    fn name(&self, leaf: &CertificateDer<'_>) -> Result<(), Error> {
        if SanMatch::any(&self.sans, &peer::peer_uris(leaf)) {
            Ok(())
        } else {
            Err(Error::InvalidCertificate(CertificateError::NotValidForName))
        }
    }
}

impl ServerCertVerifier for PeerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let leaf = ParsedCertificate::try_from(end_entity)?;
        let (roots, algorithms) = (self.roots()?, self.algorithms.all);
        verify_server_cert_signed_by_trust_anchor(&leaf, &roots, intermediates, now, algorithms)?;
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

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        // Built per handshake, so that new roots count at once; it costs microseconds beside the signatures.
        let chain = WebPkiClientVerifier::builder_with_provider(self.roots()?, tls::provider())
            .build()
            .map_err(|e| Error::General(e.to_string()))?;
        let verified = chain.verify_client_cert(end_entity, intermediates, now)?;
        self.name(end_entity)?;
        Ok(verified)
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
