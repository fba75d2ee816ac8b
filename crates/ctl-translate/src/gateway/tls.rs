//! How a gateway ends TLS.
//!
//! In: the TLS settings of a server. Out: the transport socket of its chain.
//! Holds: certificates come as secrets, so that they are exchanged without a connection being cut; who asks for more than can
//! be verified gets nothing.

use std::collections::BTreeSet;

use weft_model::api::gateway::{Tls, TlsMode, TlsVersion};
use weft_proto::envoy::config::core::v3::{DataSource, TransportSocket, data_source::Specifier};
use weft_proto::envoy::extensions::transport_sockets::tls::v3 as wire_tls;
use weft_proto::envoy::extensions::transport_sockets::tls::v3::common_tls_context::ValidationContextType;

use crate::credential::Credentials;
use crate::origination::exactly;
use crate::tls::{bare, secret, socket, verified};
use crate::wire;

/// What a gateway offers inside of TLS.
const HTTP: [&str; 2] = ["h2", "http/1.1"];

/// A server's TLS.
pub(crate) struct Termination<'a> {
    pub(crate) tls: &'a Tls,
    pub(crate) credentials: Credentials<'a>,
    /// It carries bytes, not requests.
    pub(crate) bytes: bool,
}

impl Termination<'_> {
    pub(crate) fn socket(&self) -> TransportSocket {
        let mesh = self.tls.mode == TlsMode::IstioMutual;
        let exchange = (mesh && self.bytes).then_some("istio-peer-exchange");
        let alpn = exchange.into_iter().chain(HTTP).map(str::to_owned).collect();
        let mut common = bare(alpn);
        if !mesh {
            self.limit(&mut common);
        }
        common.tls_certificate_sds_secret_configs = self.certificates();
        common.validation_context_type = self.validation();
        let required = matches!(self.tls.mode, TlsMode::Mutual | TlsMode::IstioMutual);
        let context = wire_tls::DownstreamTlsContext {
            common_tls_context: Some(common),
            require_client_certificate: wire::truth(required),
            ..wire_tls::DownstreamTlsContext::default()
        };
        socket("tls", wire::any(&context))
    }

    fn limit(&self, common: &mut wire_tls::CommonTlsContext) {
        use wire_tls::tls_parameters::TlsProtocol;
        let Some(params) = common.tls_params.as_mut() else { return };
        let version = |version: TlsVersion, otherwise: TlsProtocol| match version {
            TlsVersion::Auto => otherwise,
            TlsVersion::V1_0 => TlsProtocol::TlSv10,
            TlsVersion::V1_1 => TlsProtocol::TlSv11,
            TlsVersion::V1_2 => TlsProtocol::TlSv12,
            TlsVersion::V1_3 => TlsProtocol::TlSv13,
        };
        let Tls { min_protocol_version: least, max_protocol_version: most, .. } = self.tls;
        params.tls_minimum_protocol_version = version(*least, TlsProtocol::TlSv12).into();
        params.tls_maximum_protocol_version = version(*most, TlsProtocol::TlSv13).into();
        // Unknown ones are told of when they are written, and Envoy would refuse the listener.
        let known = |suite: &&String| weft_model::is_cipher_suite(suite);
        params.cipher_suites = self.tls.cipher_suites.iter().filter(known).cloned().collect();
        params.ecdh_curves.clone_from(&self.tls.ecdh_curves);
    }

    fn names(&self) -> Vec<&str> {
        let many = self.tls.credential_names.iter().flatten().map(String::as_str);
        let one = Some(self.tls.credential_name.as_str()).filter(|name| !name.is_empty());
        many.chain(one).collect()
    }

    /// DNS names of the certificates that it shows; none of those that the proxy reads of its own disk.
    pub(crate) fn dns_names(&self) -> BTreeSet<String> {
        let meant = self.tls.mode != TlsMode::IstioMutual;
        let names = self.names().into_iter().filter(|_| meant);
        names.flat_map(|name| self.credentials.names(name)).map(str::to_owned).collect()
    }

    /// Hashes of clients' certificates, and of their keys; those that Envoy cannot read would make it refuse the whole port.
    fn pins(&self) -> (impl Iterator<Item = &String>, impl Iterator<Item = &String>) {
        let Tls { verify_certificate_spki: keys, verify_certificate_hash: certificates, .. } =
            self.tls;
        let certificates = certificates.iter().filter(|hash| weft_model::is_certificate_hash(hash));
        (certificates, keys.iter().filter(|hash| weft_model::is_key_hash(hash)))
    }

    /// Whether no client can be the right one, because none of the hashes can be read.
    pub(crate) fn takes_nobody(&self) -> bool {
        let Tls { verify_certificate_spki: keys, verify_certificate_hash: certificates, .. } =
            self.tls;
        let (mut readable, mut other) = self.pins();
        !(certificates.is_empty() && keys.is_empty())
            && readable.next().is_none()
            && other.next().is_none()
    }

    fn certificates(&self) -> Vec<wire_tls::SdsSecretConfig> {
        if self.tls.mode == TlsMode::IstioMutual {
            return vec![secret("default")];
        }
        let names = self.names();
        if !names.is_empty() {
            return names.into_iter().map(|name| self.credentials.certificate(name)).collect();
        }
        let file = |certificate: &str, key: &str| secret(&format!("file-cert:{certificate}~{key}"));
        let listed = self.tls.tls_certificates.iter().flatten();
        let listed: Vec<_> =
            listed.map(|one| file(&one.server_certificate, &one.private_key)).collect();
        if !listed.is_empty() {
            return listed;
        }
        vec![file(&self.tls.server_certificate, &self.tls.private_key)]
    }

    fn validation(&self) -> Option<ValidationContextType> {
        match self.tls.mode {
            TlsMode::IstioMutual => Some(verified(self.said(), secret("ROOTCA"))),
            TlsMode::Mutual | TlsMode::OptionalMutual => Some(verified(self.said(), self.roots())),
            TlsMode::Simple | TlsMode::Passthrough | TlsMode::AutoPassthrough => None,
        }
    }

    fn said(&self) -> wire_tls::CertificateValidationContext {
        use wire_tls::certificate_validation_context::TrustChainVerification;
        let subject_alt_names = &self.tls.subject_alt_names;
        let (certificates, keys) = self.pins();
        let chain = match self.tls.insecure_skip_verify {
            Some(true) => TrustChainVerification::AcceptUntrusted,
            _ => TrustChainVerification::VerifyTrustChain,
        };
        #[expect(
            deprecated,
            reason = "a name may be of any kind, which only the untyped form says"
        )]
        wire_tls::CertificateValidationContext {
            match_subject_alt_names: subject_alt_names.iter().map(|name| exactly(name)).collect(),
            verify_certificate_spki: keys.cloned().collect(),
            verify_certificate_hash: certificates.cloned().collect(),
            trust_chain_verification: chain.into(),
            crl: (!self.tls.ca_crl.is_empty()).then(|| DataSource {
                specifier: Some(Specifier::Filename(self.tls.ca_crl.clone())),
                ..DataSource::default()
            }),
            ..wire_tls::CertificateValidationContext::default()
        }
    }

    fn roots(&self) -> wire_tls::SdsSecretConfig {
        let own = self.tls.ca_cert_credential_name.as_str();
        match (own, self.names().first()) {
            ("", Some(name)) => self.credentials.authorities(name),
            ("", None) => secret(&format!("file-root:{}", self.authorities_file())),
            (own, _) => self.credentials.authorities(own),
        }
    }

    fn authorities_file(&self) -> &str {
        let listed = self.tls.tls_certificates.iter().flatten();
        let listed = listed.map(|one| one.ca_certificates.as_str()).find(|file| !file.is_empty());
        Some(self.tls.ca_certificates.as_str())
            .filter(|file| !file.is_empty())
            .or(listed)
            .unwrap_or_default()
    }
}
