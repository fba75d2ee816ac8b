//! TLS contexts.
//! In: Envoy's TLS contexts. Out: names of secrets and whom to trust. Holds: a check that we cannot do refuses the resource.

use std::sync::Arc;

use proxy_config::cluster::UpstreamTls;
use proxy_config::listener::{DownstreamTls, SecretName};
use proxy_config::matcher::StringMatcher;
use weft_proto::envoy::config::core::v3::TransportSocket;
use weft_proto::envoy::config::core::v3::transport_socket::ConfigType;
use weft_proto::envoy::extensions::transport_sockets::tls::v3 as wire;

use crate::Lowered;
use crate::known::{Rejected, only};
use crate::{any, matcher};

const RAW: &str = "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer";
const DOWNSTREAM: &str = "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext";
const UPSTREAM: &str = "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";

pub(crate) fn downstream(socket: Option<&TransportSocket>) -> Lowered<Option<DownstreamTls>> {
    let Some(config) = typed(socket)? else { return Ok(None) };
    match any::kind(config) {
        RAW => Ok(None),
        DOWNSTREAM => server(&any::open(config)?).map(Some),
        other => Err(Rejected::new("transport_socket", format!("{other} is not known"))),
    }
}

pub(crate) fn upstream(socket: Option<&TransportSocket>) -> Lowered<Option<Arc<UpstreamTls>>> {
    let Some(config) = typed(socket)? else { return Ok(None) };
    match any::kind(config) {
        RAW => Ok(None),
        UPSTREAM => client(&any::open(config)?).map(|tls| Some(Arc::new(tls))),
        other => Err(Rejected::new("transport_socket", format!("{other} is not known"))),
    }
}

fn typed(socket: Option<&TransportSocket>) -> Lowered<Option<&weft_proto::google::protobuf::Any>> {
    let Some(socket) = socket else { return Ok(None) };
    match socket.config_type.as_ref() {
        Some(ConfigType::TypedConfig(config)) => Ok(Some(config)),
        None if socket.name == "envoy.transport_sockets.raw_buffer" => Ok(None),
        None => Err(Rejected::new("transport_socket.typed_config", "is missing")),
    }
}

fn server(context: &wire::DownstreamTlsContext) -> Lowered<DownstreamTls> {
    only!(context, common_tls_context, require_client_certificate)?;
    let common = common(context.common_tls_context.as_ref())?;
    let require = context.require_client_certificate.is_some_and(|b| b.value);
    if require && common.roots.is_none() {
        return Err(Rejected::new("validation_context", "is needed to verify client certificates"));
    }
    Ok(DownstreamTls {
        require_client_certificate: require,
        alpn: common.alpn,
        certificate: common
            .certificate
            .ok_or_else(|| Rejected::new("tls_certificates", "are missing"))?,
        roots: common.roots,
        client_sans: common.sans,
    })
}

fn client(context: &wire::UpstreamTlsContext) -> Lowered<UpstreamTls> {
    only!(context, common_tls_context, sni)?;
    let common = common(context.common_tls_context.as_ref())?;
    Ok(UpstreamTls {
        sni: context.sni.as_str().into(),
        alpn: common.alpn,
        certificate: common.certificate,
        roots: common.roots,
        server_sans: common.sans,
    })
}

struct Common {
    alpn: Vec<Arc<str>>,
    certificate: Option<SecretName>,
    roots: Option<SecretName>,
    sans: Vec<StringMatcher>,
}

fn common(context: Option<&wire::CommonTlsContext>) -> Lowered<Common> {
    use wire::common_tls_context::ValidationContextType as Validation;
    let context = context.ok_or_else(|| Rejected::new("common_tls_context", "is missing"))?;
    parameters(context.tls_params.as_ref()).map_err(|e| e.within("common_tls_context"))?;
    only!(
        context,
        tls_params,
        tls_certificate_sds_secret_configs,
        alpn_protocols,
        validation_context_type
    )
    .map_err(|e| e.within("common_tls_context"))?;
    let (roots, sans) = match context.validation_context_type.as_ref() {
        None => (None, Vec::new()),
        Some(Validation::ValidationContextSdsSecretConfig(secret)) => {
            (Some(secret.name.as_str().into()), Vec::new())
        }
        Some(Validation::CombinedValidationContext(combined)) => {
            let at = |e: Rejected| e.within("combined_validation_context");
            only!(combined, default_validation_context, validation_context_sds_secret_config)
                .map_err(at)?;
            let secret = combined.validation_context_sds_secret_config.as_ref();
            let secret = secret.ok_or_else(|| {
                at(Rejected::new("validation_context_sds_secret_config", "is missing"))
            })?;
            let sans = sans(combined.default_validation_context.as_ref()).map_err(at)?;
            (Some(secret.name.as_str().into()), sans)
        }
        Some(_) => return Err(Rejected::new("validation_context", "must come by SDS")),
    };
    let certificate = match context.tls_certificate_sds_secret_configs.as_slice() {
        [] => None,
        [only] => Some(only.name.as_str().into()),
        _ => {
            let path = "common_tls_context.tls_certificate_sds_secret_configs";
            return Err(Rejected::new(path, "holds more than one certificate"));
        }
    };
    Ok(Common {
        alpn: context.alpn_protocols.iter().map(|p| p.as_str().into()).collect(),
        certificate,
        roots,
        sans,
    })
}

fn sans(context: Option<&wire::CertificateValidationContext>) -> Lowered<Vec<StringMatcher>> {
    let Some(context) = context else { return Ok(Vec::new()) };
    #[expect(deprecated, reason = "Istio still writes the untyped form")]
    {
        only!(context, match_subject_alt_names, match_typed_subject_alt_names)?;
        // The untyped form may match names of every kind; we look at URIs only, which is stricter.
        let untyped = context.match_subject_alt_names.iter().map(matcher::text);
        untyped.chain(context.match_typed_subject_alt_names.iter().map(typed_san)).collect()
    }
}

fn typed_san(wire: &wire::SubjectAltNameMatcher) -> Lowered<StringMatcher> {
    use wire::subject_alt_name_matcher::SanType;
    let at = |e: Rejected| e.within("match_typed_subject_alt_names");
    only!(wire, san_type, matcher).map_err(at)?;
    if wire.san_type() != SanType::Uri {
        let why = format!("{} is not verified, only URI is", wire.san_type().as_str_name());
        return Err(at(Rejected::new("san_type", why)));
    }
    let matcher =
        wire.matcher.as_ref().ok_or_else(|| at(Rejected::new("matcher", "is missing")))?;
    matcher::text(matcher).map_err(at)
}

/// The cipher suites of TLS 1.2 that rustls offers with AES; it adds ChaCha20 to them. Those of 1.3 are not chosen by lists.
const SUITES: [&str; 4] = [
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
];

/// What rustls offers is fixed: 1.2 and 1.3 with modern ciphers. What would narrow that is refused; what would
/// widen it is left stricter.
fn parameters(wire: Option<&wire::TlsParameters>) -> Lowered<()> {
    use wire::tls_parameters::TlsProtocol;
    let Some(wire) = wire else { return Ok(()) };
    let at = |e: Rejected| e.within("tls_params");
    only!(wire, tls_minimum_protocol_version, tls_maximum_protocol_version, cipher_suites)
        .map_err(at)?;
    let refuse = |field: &str, why: &str| Err(at(Rejected::new(field, why)));
    if wire.tls_minimum_protocol_version() == TlsProtocol::TlSv13 {
        return refuse("tls_minimum_protocol_version", "1.3 is not supported, 1.2 is the minimum");
    }
    if !matches!(wire.tls_maximum_protocol_version(), TlsProtocol::TlsAuto | TlsProtocol::TlSv13) {
        return refuse("tls_maximum_protocol_version", "must be 1.3");
    }
    let suites = &wire.cipher_suites;
    if !suites.is_empty() && !SUITES.iter().all(|ours| suites.iter().any(|suite| suite == ours)) {
        return refuse("cipher_suites", "must hold the four ECDHE suites with AES-GCM");
    }
    Ok(())
}
