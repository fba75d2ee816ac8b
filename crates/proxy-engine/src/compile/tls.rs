//! TLS settings of chains and clusters, from the secrets that they name.
//!
//! Holds: where a secret is missing, or a demand cannot be met, the chain or cluster is closed and never falls back to less.
//! Why settings of clients are kept by all that they depend on: equal ones share their pools, and changed ones do not.

use std::collections::HashMap;
use std::sync::Arc;

use proxy_config::SecretName;
use proxy_config::cluster::ByHost;
use proxy_config::matcher::StringMatcher;
use proxy_config::tls::{self as config, DownstreamTls, PeerName, UpstreamTls};
use proxy_upstream::TlsTarget;
use weft_identity::rustls::ClientConfig;
use weft_identity::rustls::pki_types::ServerName;
use weft_identity::{
    ClientTls, Clients, IdentityStore, Own, Pin, SanMatch, ServerTls, TlsLimits, Trust,
    client_config, server_config,
};

use crate::plan::{ServerTlsPair, Tls};
use crate::secrets::{OWN, ROOTS, Secrets};

/// All that the settings of a client depend on; secrets by their number.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    secrets: Vec<(SecretName, u64)>,
    sans: Vec<SanMatch>,
    pins: Vec<Pin>,
    named: bool,
    alpn: Vec<Arc<str>>,
    limits: TlsLimits,
}

/// What TLS settings are made of, and those of clients that were made.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) identity: IdentityStore,
    pub(super) secrets: Secrets,
    made: HashMap<Key, (Arc<ClientConfig>, u64)>,
    last: u64,
}

impl Settings {
    pub(super) fn new(identity: IdentityStore) -> Self {
        Self { identity, secrets: Secrets::default(), made: HashMap::new(), last: 0 }
    }

    /// Forgets settings that were made of secrets as they are no more.
    pub(super) fn forget(&mut self) {
        let secrets = &self.secrets;
        let current = |key: &Key| key.secrets.iter().all(|(name, n)| secrets.number(name) == *n);
        self.made.retain(|key, _| current(key));
    }

    pub(super) fn server(&self, config: &DownstreamTls) -> Result<ServerTlsPair, String> {
        let clients = match (config.require_client_certificate, &config.roots) {
            (true, _) => Clients::Required,
            (false, Some(_)) => Clients::Asked,
            (false, None) => Clients::Unasked,
        };
        let tls = ServerTls {
            own: self.own(config.certificates.iter())?,
            clients,
            trust: self.trust(config.roots.as_deref(), config.revoked.as_deref())?,
            sans: sans(&config.client_sans)?,
            pins: pins(&config.pins),
            alpn: Vec::new(),
            limits: limits(&config.limits),
        };
        let settings = |alpn: &[Arc<str>]| {
            let tls = ServerTls { alpn: bytes(alpn), ..tls.clone() };
            server_config(&self.identity, &tls).map_err(|error| error.to_string())
        };
        Ok(ServerTlsPair {
            alpn: config.alpn.clone(),
            with: settings(&config.alpn)?,
            without: settings(&[])?,
        })
    }

    pub(super) fn client(&mut self, config: &UpstreamTls, by: ByHost) -> Result<Tls, String> {
        let named = by.san && config.roots.is_some();
        let named = named.then(|| self.made(config, true)).transpose()?;
        let (settings, id) = self.made(config, false)?;
        let mesh = config.certificate.as_deref() == Some(OWN);
        let server_name = Arc::new(name(&config.sni));
        Ok(Tls::On(Arc::new(TlsTarget { config: settings, id, named, server_name, mesh })))
    }

    fn made(
        &mut self,
        config: &UpstreamTls,
        named: bool,
    ) -> Result<(Arc<ClientConfig>, u64), String> {
        let key = Key {
            secrets: config.secrets().map(|n| (Arc::clone(n), self.secrets.number(n))).collect(),
            sans: sans(&config.server_sans)?,
            pins: pins(&config.pins),
            named,
            alpn: config.alpn.clone(),
            limits: limits(&config.limits),
        };
        if let Some(known) = self.made.get(&key) {
            return Ok(known.clone());
        }
        let tls = ClientTls {
            own: self.own(config.certificate.iter())?,
            trust: self.trust(config.roots.as_deref(), config.revoked.as_deref())?,
            sans: key.sans.clone(),
            pins: key.pins.clone(),
            named,
            alpn: bytes(&config.alpn),
            limits: key.limits.clone(),
        };
        let settings = client_config(&self.identity, &tls).map_err(|error| error.to_string())?;
        self.last += 1;
        self.made.insert(key, (Arc::clone(&settings), self.last));
        Ok((settings, self.last))
    }

    fn own<'a>(&self, names: impl Iterator<Item = &'a SecretName>) -> Result<Own, String> {
        let mut all = Vec::new();
        for name in names {
            if name.as_ref() == OWN {
                return Ok(Own::Mesh);
            }
            all.push(self.secrets.certificate(name)?);
        }
        Ok(if all.is_empty() { Own::Nothing } else { Own::Given(all) })
    }

    fn trust(&self, roots: Option<&str>, revoked: Option<&str>) -> Result<Trust, String> {
        let bundle = match roots {
            None => return Ok(Trust::Anyone),
            Some(ROOTS) if revoked.is_none() => return Ok(Trust::Mesh),
            Some(name) => self.secrets.authorities(name)?,
        };
        let Some(revoked) = revoked else { return Ok(Trust::Given(bundle)) };
        let lists = self.secrets.revoked(revoked)?;
        let less = bundle.as_ref().clone().without(&lists).map_err(|error| error.to_string())?;
        Ok(Trust::Given(Arc::new(less)))
    }
}

/// Without a name nothing is sent; an address stands for that.
fn name(sni: &str) -> ServerName<'static> {
    ServerName::try_from(sni.to_owned())
        .unwrap_or_else(|_odd| std::net::IpAddr::from([127, 0, 0, 1]).into())
}

fn bytes(alpn: &[Arc<str>]) -> Vec<Vec<u8>> {
    alpn.iter().map(|name| name.as_bytes().to_vec()).collect()
}

fn limits(config: &config::TlsLimits) -> TlsLimits {
    let config::TlsLimits { only_13, only_12, suites, curves } = config.clone();
    TlsLimits { only_13, only_12, suites, curves }
}

fn pins(config: &[config::Pin]) -> Vec<Pin> {
    let one = |pin: &config::Pin| match *pin {
        config::Pin::Certificate(hash) => Pin::Certificate(hash),
        config::Pin::Key(hash) => Pin::Key(hash),
    };
    config.iter().map(one).collect()
}

fn sans(names: &[PeerName]) -> Result<Vec<SanMatch>, String> {
    let one = |name: &PeerName| match name {
        PeerName::Uri(StringMatcher::Exact(text)) => Ok(SanMatch::Exact(text.as_ref().into())),
        PeerName::Uri(StringMatcher::Prefix(text)) => Ok(SanMatch::Prefix(text.as_ref().into())),
        PeerName::Any(StringMatcher::Exact(text)) => Ok(SanMatch::Named(text.as_ref().into())),
        PeerName::Any(StringMatcher::Prefix(text)) => {
            Ok(SanMatch::NamedPrefix(text.as_ref().into()))
        }
        PeerName::Uri(other) | PeerName::Any(other) => {
            Err(format!("a certificate name cannot be matched by {other:?}"))
        }
    };
    names.iter().map(one).collect()
}
