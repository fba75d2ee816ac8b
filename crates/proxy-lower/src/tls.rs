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
    // TLS parameters narrow what rustls offers anyway: 1.2 and 1.3 with modern ciphers.
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
            let secret = combined.validation_context_sds_secret_config.as_ref();
            let sans = sans(combined.default_validation_context.as_ref())?;
            (secret.map(|secret| secret.name.as_str().into()), sans)
        }
        Some(_) => return Err(Rejected::new("validation_context", "must come by SDS")),
    };
    let certificate = context.tls_certificate_sds_secret_configs.first();
    Ok(Common {
        alpn: context.alpn_protocols.iter().map(|p| p.as_str().into()).collect(),
        certificate: certificate.map(|secret| secret.name.as_str().into()),
        roots,
        sans,
    })
}

fn sans(context: Option<&wire::CertificateValidationContext>) -> Lowered<Vec<StringMatcher>> {
    let Some(context) = context else { return Ok(Vec::new()) };
    #[expect(deprecated, reason = "Istio still writes the untyped form")]
    {
        only!(context, match_subject_alt_names, match_typed_subject_alt_names)?;
        let typed = context.match_typed_subject_alt_names.iter().filter_map(|m| m.matcher.as_ref());
        context.match_subject_alt_names.iter().chain(typed).map(matcher::text).collect()
    }
}
