//! Secrets and ConfigMaps that configuration names: how proxies ask for them, and what they get.
//!
//! In: a name as a user wrote it; the resources of a view. Out: names of secrets, and those secrets that they name.
//! Holds: a proxy gets what its own configuration names, and only of its own namespace. A Secret that is missing or no PEM is
//! not sent, so that whoever needs it is closed and nothing else.
//! Why the resources are searched for names: so no name can be forgotten, and none sent that nobody uses.
//! Why secrets are made apart: the resources that name them stay the same when what they hold is exchanged.

use std::collections::BTreeSet;

use ctl_snapshot::MeshSnapshot;
use prost::Message as _;
use weft_model::api::secret::Credential;

use weft_proto::envoy::config::core::v3::transport_socket::ConfigType;
use weft_proto::envoy::config::core::v3::{
    ConfigSource, DataSource, TransportSocket, data_source::Specifier,
};
use weft_proto::envoy::config::listener::v3::Listener;
use weft_proto::envoy::extensions::transport_sockets::tls::v3 as tls;

use crate::wire;

const SECRET: &str = "kubernetes://";
const CONFIG_MAP: &str = "configmap://";
/// Ends the name under which the authorities of a Secret are asked for.
const AUTHORITIES: &str = "-cacert";

/// Where a proxy's credentials stand.
#[derive(Clone, Copy)]
pub(crate) struct Credentials<'a> {
    pub(crate) snapshot: &'a MeshSnapshot,
    /// Of the proxy.
    pub(crate) namespace: &'a str,
    /// It may have keys: gateways that the cluster knows as such. A sidecar shares its namespace with others.
    pub(crate) keys: bool,
}

impl<'a> Credentials<'a> {
    /// How the certificate of a credential is asked for.
    pub(crate) fn certificate(&self, written: &str) -> tls::SdsSecretConfig {
        self.asked(if written.contains("://") {
            written.to_owned()
        } else {
            format!("{SECRET}{written}")
        })
    }

    /// How its authorities are asked for.
    pub(crate) fn authorities(&self, written: &str) -> tls::SdsSecretConfig {
        if written.starts_with(CONFIG_MAP) {
            return self.asked(written.to_owned());
        }
        let name = if written.ends_with(AUTHORITIES) {
            written.to_owned()
        } else {
            format!("{written}{AUTHORITIES}")
        };
        self.certificate(&name)
    }

    fn asked(&self, name: String) -> tls::SdsSecretConfig {
        // Nobody waits long for what is known not to be there; it still counts when it comes.
        let missing = self.secret(&name).is_none();
        tls::SdsSecretConfig {
            sds_config: Some(ConfigSource {
                initial_fetch_timeout: missing
                    .then(|| wire::duration(std::time::Duration::from_millis(100))),
                ..wire::ads()
            }),
            name,
        }
    }

    /// What is sent under a name.
    fn secret(&self, name: &str) -> Option<tls::Secret> {
        let config = self.snapshot.config();
        let kind = if let Some(written) = name.strip_prefix(CONFIG_MAP) {
            let (namespace, written) = written.split_once('/').unwrap_or((self.namespace, written));
            authorities(config.config_map(namespace, written)?)?
        } else {
            let (namespace, written) = self.allowed(name.strip_prefix(SECRET)?)?;
            match written.strip_suffix(AUTHORITIES) {
                Some(base) => {
                    let own = config.secret(namespace, written);
                    authorities(own.or_else(|| config.secret(namespace, base))?)?
                }
                None if self.keys => certificate(config.secret(namespace, written)?)?,
                None => return None,
            }
        };
        Some(tls::Secret { name: name.to_owned(), r#type: Some(kind) })
    }

    /// Namespace and name of a Secret that the proxy may know.
    fn allowed<'w>(&self, written: &'w str) -> Option<(&'w str, &'w str)>
    where
        'a: 'w,
    {
        let (namespace, name) = written.split_once('/').unwrap_or((self.namespace, written));
        let asked = || format!("{namespace}/{name}");
        let granted = || self.keys && self.snapshot.config().is_granted(self.namespace, &asked());
        (namespace == self.namespace || granted()).then_some((namespace, name))
    }

    /// The DNS names of a credential's certificate; none when it is not known here, or not this proxy's.
    pub(crate) fn names(&self, written: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let written = written.strip_prefix(SECRET).unwrap_or(written);
        let place = self.allowed(written).filter(|_| self.keys);
        let config = self.snapshot.config();
        let found = place.and_then(|(namespace, name)| config.secret(namespace, name));
        found.into_iter().flat_map(|found| &found.names).map(String::as_str)
    }

    /// The secrets of these names that there are.
    pub(crate) fn of(&self, names: &BTreeSet<String>) -> impl Iterator<Item = tls::Secret> {
        names.iter().filter_map(|name| self.secret(name))
    }
}

/// The names of the secrets that sockets ask for.
pub(crate) fn asked<'a>(sockets: impl Iterator<Item = &'a TransportSocket>) -> BTreeSet<String> {
    sockets.flat_map(names).collect()
}

/// The sockets of listeners.
pub(crate) fn of_listeners(listeners: &[Listener]) -> impl Iterator<Item = &TransportSocket> {
    let chains = listeners.iter().flat_map(|listener| &listener.filter_chains);
    chains.filter_map(|chain| chain.transport_socket.as_ref())
}

fn names(socket: &TransportSocket) -> Vec<String> {
    use tls::common_tls_context::ValidationContextType;
    let Some(common) = context(socket) else { return Vec::new() };
    let roots = match common.validation_context_type {
        Some(ValidationContextType::CombinedValidationContext(both)) => {
            both.validation_context_sds_secret_config
        }
        _ => None,
    };
    let all = common.tls_certificate_sds_secret_configs.into_iter().chain(roots);
    all.map(|secret| secret.name).collect()
}

fn context(socket: &TransportSocket) -> Option<tls::CommonTlsContext> {
    use weft_proto::envoy::extensions::transport_sockets::proxy_protocol::v3 as proxy_protocol;
    let Some(ConfigType::TypedConfig(config)) = &socket.config_type else { return None };
    let bytes = config.value.as_slice();
    match config.type_url.rsplit('.').next() {
        Some("UpstreamTlsContext") => {
            tls::UpstreamTlsContext::decode(bytes).ok()?.common_tls_context
        }
        Some("DownstreamTlsContext") => {
            tls::DownstreamTlsContext::decode(bytes).ok()?.common_tls_context
        }
        Some("ProxyProtocolUpstreamTransport") => {
            let outer = proxy_protocol::ProxyProtocolUpstreamTransport::decode(bytes).ok()?;
            context(outer.transport_socket.as_ref()?)
        }
        _ => None,
    }
}

fn certificate(found: &Credential) -> Option<tls::secret::Type> {
    found.has_certificate().then(|| {
        tls::secret::Type::TlsCertificate(tls::TlsCertificate {
            certificate_chain: inline(&found.certificate),
            private_key: inline(&found.key),
            ..tls::TlsCertificate::default()
        })
    })
}

fn authorities(found: &Credential) -> Option<tls::secret::Type> {
    found.has_authorities().then(|| {
        tls::secret::Type::ValidationContext(tls::CertificateValidationContext {
            trusted_ca: inline(&found.authorities),
            crl: if found.revoked.is_empty() { None } else { inline(&found.revoked) },
            ..tls::CertificateValidationContext::default()
        })
    })
}

fn inline(bytes: &[u8]) -> Option<DataSource> {
    let specifier = Some(Specifier::InlineBytes(bytes.to_vec()));
    Some(DataSource { specifier, ..DataSource::default() })
}
