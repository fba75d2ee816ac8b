//! The call as filters and routes see it.
//! In: a call. Out: facts. Holds: names of fields are in small letters, values of one name are joined by a comma.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use proxy_config::claim::Claim;
use proxy_config::http::HttpManager;
use proxy_config::{ConnectionFacts, RequestFacts};
use proxy_filter::forwarded::client;
use proxy_filter::tokens::Claimed;

use crate::{Call, Security};

/// Address of a client that nobody told of.
const SOMEBODY: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// A request.
pub(crate) struct Request<'a> {
    pub(crate) call: &'a Call,
    pub(crate) authority: String,
    pub(crate) path: String,
    /// The proxy has taken TLS off.
    pub(crate) secure: bool,
    /// As filters have left them.
    pub(crate) fields: Vec<(String, String)>,
    /// What a verified token claims.
    pub(crate) claimed: Option<Claimed<'a>>,
    /// The client, where a proxy in front of this one says who it is.
    pub(crate) client: Option<IpAddr>,
}

impl<'a> Request<'a> {
    pub(crate) fn of(call: &'a Call, secure: bool) -> Self {
        let named = |wanted: &str| call.fields.iter().find(|(name, _)| name == wanted);
        let named = named("host").or_else(|| named(":authority")).map(|(_, value)| value.clone());
        let host =
            if call.host.contains(':') { format!("[{}]", call.host) } else { call.host.clone() };
        let usual = if secure { 443 } else { 80 };
        let own = if call.port == usual { host } else { format!("{host}:{}", call.port) };
        let (authority, path) = (named.unwrap_or(own), call.path.clone());
        let fields = call.fields.clone();
        Self { call, authority, path, secure, fields, claimed: None, client: None }
    }
}

impl Request<'_> {
    /// Notes who the client is, as far as such a listener believes what proxies say.
    pub(crate) fn comes_through(&mut self, manager: &HttpManager) {
        let remote = self.call.source_ip.unwrap_or(SOMEBODY);
        let chain = || self.field("x-forwarded-for").map(Cow::into_owned);
        let (edge, hops) = (manager.use_remote_address, manager.trusted_hops);
        self.client = Some(client(edge, hops, remote, chain));
    }
}

impl RequestFacts for Request<'_> {
    fn method(&self) -> &str {
        &self.call.method
    }

    fn path(&self) -> &str {
        &self.path
    }

    fn authority(&self) -> &str {
        &self.authority
    }

    fn scheme(&self) -> &str {
        let forwarded = self.fields.iter().find(|(name, _)| name == "x-forwarded-proto");
        match forwarded {
            Some((_, scheme)) => scheme,
            None if self.secure => "https",
            None => "http",
        }
    }

    fn field(&self, wanted: &str) -> Option<Cow<'_, str>> {
        let mut values = self.values(wanted);
        match values.len() {
            0 => None,
            1 => values.pop(),
            _ => Some(Cow::Owned(values.join(","))),
        }
    }

    fn values(&self, wanted: &str) -> Vec<Cow<'_, str>> {
        let found = self.fields.iter().filter(|(name, _)| name == wanted);
        found.map(|(_, value)| Cow::Borrowed(value.as_str())).collect()
    }

    fn claim(&self, path: &[Arc<str>]) -> Option<Claim<'_>> {
        self.claimed.as_ref()?.claim(path)
    }
}

/// Names in the client's certificate; a short identity is one of the mesh's own domain.
pub(crate) fn peer_names(call: &Call, trust_domain: &str) -> Vec<String> {
    if call.security != Security::Mtls {
        return Vec::new();
    }
    let given = call.principal.as_deref();
    let full = |given: &str| match given.split_once('/') {
        _ if given.contains("://") => given.to_owned(),
        Some((namespace, account)) if !account.contains('/') => {
            format!("spiffe://{trust_domain}/ns/{namespace}/sa/{account}")
        }
        _ => format!("spiffe://{given}"),
    };
    given.map(full).into_iter().collect()
}

/// The connection, to a destination.
pub(crate) fn connection<'a>(
    call: &'a Call,
    destination: SocketAddr,
    peer_names: &'a [String],
) -> ConnectionFacts<'a> {
    let remote = call.source_ip.unwrap_or(SOMEBODY);
    ConnectionFacts {
        direct_remote: remote,
        remote,
        destination,
        server_name: call.server_name(),
        peer_names,
        peer_verified: call.security == Security::Mtls,
    }
}
