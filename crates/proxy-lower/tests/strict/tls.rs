//! TLS towards upstreams: who a peer is, and what is offered to it.

use weft_proto::envoy::config::core::v3 as core;
use weft_proto::envoy::extensions::transport_sockets::tls::v3 as tls;
use weft_proto::envoy::r#type::matcher::v3::{StringMatcher, string_matcher::MatchPattern};

use crate::clusters::lowered;
use crate::{any, refused};

fn secret(name: &str) -> tls::SdsSecretConfig {
    tls::SdsSecretConfig { name: name.into(), ..Default::default() }
}

fn context() -> tls::CommonTlsContext {
    use tls::common_tls_context::{CombinedCertificateValidationContext, ValidationContextType};
    let matcher = StringMatcher {
        match_pattern: Some(MatchPattern::Prefix("spiffe://x/".into())),
        ignore_case: false,
    };
    let san = tls::SubjectAltNameMatcher {
        san_type: tls::subject_alt_name_matcher::SanType::Uri.into(),
        matcher: Some(matcher),
        ..Default::default()
    };
    let validation = tls::CertificateValidationContext {
        match_typed_subject_alt_names: vec![san],
        ..Default::default()
    };
    tls::CommonTlsContext {
        tls_certificate_sds_secret_configs: vec![secret("default")],
        validation_context_type: Some(ValidationContextType::CombinedValidationContext(
            CombinedCertificateValidationContext {
                default_validation_context: Some(validation),
                validation_context_sds_secret_config: Some(secret("ROOTCA")),
                ..Default::default()
            },
        )),
        ..Default::default()
    }
}

fn tls_cluster(context: tls::CommonTlsContext) -> Result<proxy_config::Cluster, String> {
    let context =
        tls::UpstreamTlsContext { common_tls_context: Some(context), ..Default::default() };
    let socket = core::TransportSocket {
        name: "tls".into(),
        config_type: Some(core::transport_socket::ConfigType::TypedConfig(any(&context))),
    };
    lowered(|c| c.transport_socket = Some(socket))
}

fn typed_sans(context: &mut tls::CommonTlsContext) -> &mut tls::SubjectAltNameMatcher {
    use tls::common_tls_context::ValidationContextType::CombinedValidationContext;
    let Some(CombinedValidationContext(combined)) = &mut context.validation_context_type else {
        panic!("not combined")
    };
    let validation = combined.default_validation_context.as_mut().unwrap();
    &mut validation.match_typed_subject_alt_names[0]
}

#[test]
fn names_of_peers_are_never_left_out() {
    use tls::common_tls_context::ValidationContextType::CombinedValidationContext;
    let tls = tls_cluster(context()).unwrap().tls.unwrap();
    assert_eq!(tls.server_sans.len(), 1);
    let mut without = context();
    typed_sans(&mut without).matcher = None;
    refused(tls_cluster(without), &["match_typed_subject_alt_names", "matcher: is missing"]);
    let mut dns = context();
    typed_sans(&mut dns).san_type = tls::subject_alt_name_matcher::SanType::Dns.into();
    refused(tls_cluster(dns), &["san_type", "DNS"]);
    let mut rootless = context();
    if let Some(CombinedValidationContext(c)) = &mut rootless.validation_context_type {
        c.validation_context_sds_secret_config = None;
    }
    refused(tls_cluster(rootless), &["validation_context_sds_secret_config", "is missing"]);
    let mut two = context();
    two.tls_certificate_sds_secret_configs.push(secret("other"));
    refused(tls_cluster(two), &["tls_certificate_sds_secret_configs", "more than one"]);
}

#[test]
fn hashes_of_peers_are_read_or_refused() {
    use proxy_config::tls::Pin;
    use tls::common_tls_context::ValidationContextType::CombinedValidationContext;
    let with = |certificate: &str, key: &str| {
        let mut context = context();
        if let Some(CombinedValidationContext(c)) = &mut context.validation_context_type {
            let said = c.default_validation_context.get_or_insert_default();
            said.verify_certificate_hash.push(certificate.to_owned());
            said.verify_certificate_spki.push(key.to_owned());
        }
        tls_cluster(context)
    };
    let (hex, key) = (["0A"; 32].join(":"), format!("{}=", "A".repeat(43)));
    let pins = with(&hex, &key).unwrap().tls.unwrap().pins.clone();
    assert_eq!(pins, [Pin::Certificate([10; 32]), Pin::Key([0; 32])]);
    refused(with("0a", &key), &["verify_certificate_hash"]);
    refused(with(&hex, "AAAA"), &["verify_certificate_spki"]);
}

#[test]
fn tls_parameters_limit_what_is_offered_and_what_nothing_is_left_of_is_refused() {
    use tls::tls_parameters::TlsProtocol;
    let with = |change: fn(&mut tls::TlsParameters)| {
        let mut params = tls::TlsParameters::default();
        change(&mut params);
        tls_cluster(tls::CommonTlsContext { tls_params: Some(params), ..context() })
    };
    let istio = |p: &mut tls::TlsParameters| {
        p.tls_minimum_protocol_version = TlsProtocol::TlSv12.into();
        p.tls_maximum_protocol_version = TlsProtocol::TlSv13.into();
        p.cipher_suites = [
            "ECDHE-ECDSA-AES256-GCM-SHA384",
            "ECDHE-RSA-AES256-GCM-SHA384",
            "ECDHE-ECDSA-AES128-GCM-SHA256",
            "ECDHE-RSA-AES128-GCM-SHA256",
            "AES256-GCM-SHA384",
            "AES128-GCM-SHA256",
        ]
        .map(str::to_owned)
        .to_vec();
    };
    let limits = |change: fn(&mut tls::TlsParameters)| {
        let tls = with(change).unwrap().tls.unwrap();
        (tls.limits.only_12, tls.limits.only_13, tls.limits.suites.clone())
    };
    assert_eq!(limits(istio).2.len(), 4);
    assert!(limits(|p| p.tls_minimum_protocol_version = TlsProtocol::TlSv13.into()).1);
    assert!(limits(|p| p.tls_maximum_protocol_version = TlsProtocol::TlSv12.into()).0);
    let one = limits(|p| {
        p.cipher_suites = vec!["[ECDHE-ECDSA-AES256-GCM-SHA384|AES128-SHA]".into()];
    });
    assert_eq!(one.2, ["ECDHE-ECDSA-AES256-GCM-SHA384"]);
    refused(
        with(|p| p.tls_maximum_protocol_version = TlsProtocol::TlSv11.into()),
        &["tls_maximum_protocol_version"],
    );
    let crossed = |p: &mut tls::TlsParameters| {
        p.tls_minimum_protocol_version = TlsProtocol::TlSv13.into();
        p.tls_maximum_protocol_version = TlsProtocol::TlSv12.into();
    };
    refused(with(crossed), &["tls_minimum_protocol_version"]);
    assert!(limits(|p| p.cipher_suites = vec!["AES128-SHA".into()]).1);
    let old = |p: &mut tls::TlsParameters| {
        p.tls_maximum_protocol_version = TlsProtocol::TlSv12.into();
        p.cipher_suites = vec!["AES128-SHA".into()];
    };
    refused(with(old), &["cipher_suites"]);
    refused(with(|p| p.ecdh_curves = vec!["P-521".into()]), &["ecdh_curves"]);
}
