//! TLS towards destinations with other certificates than the mesh's, as a DestinationRule asks for it.
//!
//! In: `tls` of a policy with SIMPLE or MUTUAL, what is known of the destination. Out: the transport socket, and whether the
//! host of a request counts in TLS.
//! Holds: where nothing else is said the server is verified by the authorities that the proxy's system trusts.
//! Why a credential is not for every sidecar: a rule without a selector reaches sidecars that may not read the Secret.

use weft_model::Protocol;
use weft_model::api::traffic_policy::{ClientTls, ClientTlsMode};
use weft_proto::envoy::config::cluster::v3::Cluster;
use weft_proto::envoy::config::core::v3::{
    DataSource, TransportSocket, UpstreamHttpProtocolOptions, data_source::Specifier,
};
use weft_proto::envoy::extensions::transport_sockets::tls::v3 as tls;
use weft_proto::envoy::r#type::matcher::v3::{StringMatcher, string_matcher::MatchPattern};

use crate::credential::Credentials;
use crate::policy;
use crate::tls::{bare, secret, socket, verified};
use crate::wire;

/// What TLS to a destination depends on.
pub(crate) struct Origination<'a> {
    pub(crate) asked: &'a ClientTls,
    /// Names that the destination's own object gives to its servers.
    pub(crate) known_names: &'a [String],
    /// What is spoken inside.
    pub(crate) spoken: Protocol,
    pub(crate) credentials: Credentials<'a>,
}

impl Origination<'_> {
    /// The socket; and the request's host counts where no server name is given.
    pub(crate) fn apply(&self, cluster: &mut Cluster) {
        let auto = UpstreamHttpProtocolOptions {
            auto_sni: self.asked.sni.is_empty(),
            auto_san_validation: self.asked.sni.is_empty()
                && self.asked.subject_alt_names.is_empty()
                && !self.skips(),
            ..UpstreamHttpProtocolOptions::default()
        };
        if auto != UpstreamHttpProtocolOptions::default() {
            policy::by_host(cluster, auto);
        }
        cluster.transport_socket = Some(self.socket());
    }

    fn socket(&self) -> TransportSocket {
        let alpn = match self.spoken {
            Protocol::Http2 | Protocol::GrpcWeb => vec!["h2".to_owned()],
            _ => Vec::new(),
        };
        let mut common = bare(alpn);
        if self.asked.mode == ClientTlsMode::Mutual {
            common.tls_certificate_sds_secret_configs = vec![self.certificate()];
        }
        common.validation_context_type = Some(self.validation());
        let context = tls::UpstreamTlsContext {
            common_tls_context: Some(common),
            sni: self.asked.sni.clone(),
            ..tls::UpstreamTlsContext::default()
        };
        socket("tls", wire::any(&context))
    }

    fn skips(&self) -> bool {
        self.asked.insecure_skip_verify == Some(true)
    }

    fn certificate(&self) -> tls::SdsSecretConfig {
        if self.asked.credential_name.is_empty() {
            let ClientTls { client_certificate, private_key, .. } = self.asked;
            return secret(&format!("file-cert:{client_certificate}~{private_key}"));
        }
        self.credentials.certificate(&self.asked.credential_name)
    }

    fn validation(&self) -> tls::common_tls_context::ValidationContextType {
        use tls::common_tls_context::ValidationContextType;
        if self.skips() {
            let none = tls::CertificateValidationContext::default();
            return ValidationContextType::ValidationContext(none);
        }
        let said = &self.asked.subject_alt_names;
        let names = if said.is_empty() { self.known_names } else { said };
        #[expect(
            deprecated,
            reason = "a name may be of any kind, which only the untyped form says"
        )]
        let context = tls::CertificateValidationContext {
            match_subject_alt_names: names.iter().map(|name| exactly(name)).collect(),
            crl: (!self.asked.ca_crl.is_empty()).then(|| DataSource {
                specifier: Some(Specifier::Filename(self.asked.ca_crl.clone())),
                ..DataSource::default()
            }),
            ..tls::CertificateValidationContext::default()
        };
        verified(context, self.roots())
    }

    fn roots(&self) -> tls::SdsSecretConfig {
        let ClientTls { credential_name, ca_certificates, .. } = self.asked;
        match (credential_name.as_str(), ca_certificates.as_str()) {
            ("", "") => secret("file-root:system"),
            ("", file) => secret(&format!("file-root:{file}")),
            (name, _) => self.credentials.authorities(name),
        }
    }
}

/// This name and no other.
pub(crate) fn exactly(name: &str) -> StringMatcher {
    let match_pattern = Some(MatchPattern::Exact(name.to_owned()));
    StringMatcher { match_pattern, ignore_case: false }
}
