//! TLS contexts.
//! In: Envoy's TLS contexts. Out: names of secrets and whom to trust. Holds: a check that we cannot do refuses the resource.

use std::sync::Arc;

use proxy_config::SecretName;
use proxy_config::cluster::ProxyVersion;
use proxy_config::tls::{DownstreamTls, PeerName, Pin, TlsLimits, UpstreamTls};
use weft_proto::envoy::config::core::v3::proxy_protocol_config::Version;
use weft_proto::envoy::config::core::v3::transport_socket::ConfigType;
use weft_proto::envoy::config::core::v3::{DataSource, TransportSocket, data_source::Specifier};
use weft_proto::envoy::extensions::transport_sockets::proxy_protocol::v3::ProxyProtocolUpstreamTransport;
use weft_proto::envoy::extensions::transport_sockets::tls::v3 as wire;

use crate::Lowered;
use crate::known::{Rejected, only};
use crate::{any, matcher, wrap};

mod limits;
mod pins;

const RAW: &str = "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer";
const DOWNSTREAM: &str = "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext";
const UPSTREAM: &str = "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";
const PROXY: &str =
    "envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport";

pub(crate) fn downstream(socket: Option<&TransportSocket>) -> Lowered<Option<DownstreamTls>> {
    let Some(config) = typed(socket)? else { return Ok(None) };
    match any::kind(config) {
        RAW => Ok(None),
        DOWNSTREAM => server(&any::open(config)?).map(Some),
        other => Err(Rejected::new("transport_socket", format!("{other} is not known"))),
    }
}

/// What stands between a connection to an endpoint and its bytes.
#[derive(Default)]
pub(crate) struct Upstream {
    pub(crate) tls: Option<Arc<UpstreamTls>>,
    pub(crate) proxy_protocol: Option<ProxyVersion>,
}

pub(crate) fn upstream(socket: Option<&TransportSocket>) -> Lowered<Upstream> {
    let Some(config) = typed(socket)? else { return Ok(Upstream::default()) };
    match any::kind(config) {
        RAW => Ok(Upstream::default()),
        UPSTREAM => {
            let tls = Some(Arc::new(client(&any::open(config)?)?));
            Ok(Upstream { tls, proxy_protocol: None })
        }
        PROXY => {
            let outer: ProxyProtocolUpstreamTransport = any::open(config)?;
            only!(outer, config, transport_socket)?;
            let inner = upstream(outer.transport_socket.as_ref())?;
            if inner.proxy_protocol.is_some() {
                return Err(Rejected::new("transport_socket", "has a PROXY header in another"));
            }
            let settings = outer.config.unwrap_or_default();
            only!(settings, version).map_err(|e| e.within("config"))?;
            let version = match settings.version() {
                Version::V1 => ProxyVersion::V1,
                Version::V2 => ProxyVersion::V2,
            };
            Ok(Upstream { proxy_protocol: Some(version), ..inner })
        }
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
    let Common { alpn, certificates, trusted, limits } =
        common(context.common_tls_context.as_ref())?;
    let require = context.require_client_certificate.is_some_and(|b| b.value);
    if require && trusted.roots.is_none() && !trusted.anyone {
        return Err(Rejected::new("validation_context", "is needed to verify client certificates"));
    }
    if trusted.roots.is_none() && !trusted.names.is_empty() {
        return Err(Rejected::new("validation_context", "names are verified by roots only"));
    }
    if certificates.is_empty() {
        return Err(Rejected::new("tls_certificates", "are missing"));
    }
    Ok(DownstreamTls {
        require_client_certificate: require,
        alpn,
        certificates,
        roots: trusted.roots,
        revoked: trusted.revoked,
        trusts_anyone: trusted.anyone,
        client_sans: trusted.names,
        pins: trusted.pins,
        limits,
    })
}

fn client(context: &wire::UpstreamTlsContext) -> Lowered<UpstreamTls> {
    only!(context, common_tls_context, sni)?;
    let Common { alpn, mut certificates, trusted, limits } =
        common(context.common_tls_context.as_ref())?;
    if certificates.len() > 1 {
        let path = "common_tls_context.tls_certificate_sds_secret_configs";
        return Err(Rejected::new(path, "holds more than one certificate"));
    }
    if trusted.roots.is_none() && !trusted.names.is_empty() {
        return Err(Rejected::new("validation_context", "names are verified by roots only"));
    }
    Ok(UpstreamTls {
        sni: context.sni.as_str().into(),
        alpn,
        certificate: certificates.pop(),
        roots: trusted.roots,
        revoked: trusted.revoked,
        server_sans: trusted.names,
        pins: trusted.pins,
        limits,
    })
}

struct Common {
    alpn: Vec<Arc<str>>,
    certificates: Vec<SecretName>,
    trusted: Trusted,
    limits: TlsLimits,
}

/// Whose certificates are taken.
#[derive(Default)]
struct Trusted {
    roots: Option<SecretName>,
    revoked: Option<SecretName>,
    names: Vec<PeerName>,
    pins: Vec<Pin>,
    /// It is said that any certificate will do.
    anyone: bool,
}

fn common(context: Option<&wire::CommonTlsContext>) -> Lowered<Common> {
    let context = context.ok_or_else(|| Rejected::new("common_tls_context", "is missing"))?;
    let within = |e: Rejected| e.within("common_tls_context");
    only!(
        context,
        tls_params,
        tls_certificate_sds_secret_configs,
        alpn_protocols,
        validation_context_type
    )
    .map_err(within)?;
    let certificates = context.tls_certificate_sds_secret_configs.iter();
    Ok(Common {
        alpn: context.alpn_protocols.iter().map(|p| p.as_str().into()).collect(),
        certificates: certificates.map(|secret| secret.name.as_str().into()).collect(),
        trusted: trusted(context.validation_context_type.as_ref())?,
        limits: limits::lower(context.tls_params.as_ref()).map_err(within)?,
    })
}

fn trusted(
    validation: Option<&wire::common_tls_context::ValidationContextType>,
) -> Lowered<Trusted> {
    use wire::common_tls_context::ValidationContextType as Validation;
    match validation {
        None => Ok(Trusted::default()),
        Some(Validation::ValidationContextSdsSecretConfig(secret)) => {
            Ok(Trusted { roots: Some(secret.name.as_str().into()), ..Trusted::default() })
        }
        Some(Validation::CombinedValidationContext(combined)) => {
            let at = |e: Rejected| e.within("combined_validation_context");
            only!(combined, default_validation_context, validation_context_sds_secret_config)
                .map_err(at)?;
            let secret = combined.validation_context_sds_secret_config.as_ref();
            let secret = secret.ok_or_else(|| {
                at(Rejected::new("validation_context_sds_secret_config", "is missing"))
            })?;
            let found = given(combined.default_validation_context.as_ref()).map_err(at)?;
            Ok(Trusted { roots: Some(secret.name.as_str().into()), ..found })
        }
        Some(Validation::ValidationContext(context)) => {
            given(Some(context)).map_err(|e| e.within("validation_context"))
        }
        Some(_) => Err(Rejected::new("validation_context", "must come by SDS")),
    }
}

/// What is said without roots, which come by SDS.
fn given(context: Option<&wire::CertificateValidationContext>) -> Lowered<Trusted> {
    use wire::certificate_validation_context::TrustChainVerification;
    let Some(context) = context else { return Ok(Trusted::default()) };
    #[expect(deprecated, reason = "Istio still writes the untyped form")]
    {
        only!(
            context,
            match_subject_alt_names,
            match_typed_subject_alt_names,
            crl,
            verify_certificate_spki,
            verify_certificate_hash,
            trust_chain_verification
        )?;
        let untyped = context.match_subject_alt_names.iter();
        let untyped = untyped.map(|name| matcher::text(name).map(PeerName::Any));
        let typed = context.match_typed_subject_alt_names.iter().map(typed_san);
        Ok(Trusted {
            roots: None,
            revoked: context.crl.as_ref().map(file_of_crl).transpose()?,
            names: wrap::snug(untyped.chain(typed))?,
            pins: pins::lower(context)?,
            anyone: context.trust_chain_verification() == TrustChainVerification::AcceptUntrusted,
        })
    }
}

fn file_of_crl(source: &DataSource) -> Lowered<SecretName> {
    only!(source, specifier).map_err(|e| e.within("crl"))?;
    match &source.specifier {
        Some(Specifier::Filename(file)) => Ok(format!("file-crl:{file}").into()),
        _ => Err(Rejected::new("crl", "must name a file")),
    }
}

fn typed_san(wire: &wire::SubjectAltNameMatcher) -> Lowered<PeerName> {
    use wire::subject_alt_name_matcher::SanType;
    let at = |e: Rejected| e.within("match_typed_subject_alt_names");
    only!(wire, san_type, matcher).map_err(at)?;
    if wire.san_type() != SanType::Uri {
        let why = format!("{} is not verified, only URI is", wire.san_type().as_str_name());
        return Err(at(Rejected::new("san_type", why)));
    }
    let matcher =
        wire.matcher.as_ref().ok_or_else(|| at(Rejected::new("matcher", "is missing")))?;
    matcher::text(matcher).map(PeerName::Uri).map_err(at)
}
