//! Hosts that an HTTPS server is asked for although another server of its port has them.
//!
//! In: the servers of a port, what one of them serves, the names of its certificates. Out: the virtual host that answers 421.
//! Holds: a client that keeps to one connection for all names of a certificate is told to make another; a host that no server
//! has is not found. What is written grows with the servers, not with their square.
//! Why not every host of every other server on large ports: a client only asks a server for names that its certificate has.

use std::collections::{BTreeSet, HashMap, HashSet};

use weft_model::HostPattern;
use weft_proto::envoy::config::route::v3::{
    DirectResponseAction, Route, RouteMatch, VirtualHost, route::Action, route_match::PathSpecifier,
};

use crate::gateway::Opened;

/// Hosts times servers up to which every server knows all hosts of the others.
const ALL_KNOWN: usize = 10_000;

/// What all servers of a port have.
pub(super) struct Elsewhere {
    /// Their hosts but the one that means every host.
    known: BTreeSet<String>,
    /// How many of them are below a name.
    below: HashMap<String, usize>,
    /// They are few enough to be listed by every server.
    few: bool,
}

impl Elsewhere {
    pub(super) fn of(all: &[Opened<'_>]) -> Self {
        let hosts = all.iter().flat_map(Opened::hosts).filter(|host| host != "*");
        let known: BTreeSet<String> = hosts.collect();
        let few = known.len().saturating_mul(all.len()) <= ALL_KNOWN;
        let below = if few { HashMap::new() } else { counted(&known) };
        Self { known, below, few }
    }

    /// The virtual host for what others have, beside those that the server serves itself; `shown` are the names of its certificates.
    pub(super) fn misdirected(
        &self,
        own: &Opened<'_>,
        served: &[VirtualHost],
        shown: &BTreeSet<String>,
    ) -> Option<VirtualHost> {
        let served = Served::of(served);
        let own_hosts = own.hosts();
        let domains: Vec<String> = if self.few {
            let others = self.known.iter().filter(|host| !own_hosts.contains(*host));
            others.filter(|host| !served.has(host)).cloned().collect()
        } else {
            let own_below = counted(&own_hosts);
            let others =
                shown.iter().filter(|name| self.is_elsewhere(name, &own_hosts, &own_below));
            others.filter(|name| !served.has(name)).cloned().collect()
        };
        (!domains.is_empty()).then(|| told(own.port, domains))
    }

    /// Whether a name of a certificate is one of another server, or has some of them below it.
    fn is_elsewhere(
        &self,
        name: &str,
        own: &BTreeSet<String>,
        own_below: &HashMap<String, usize>,
    ) -> bool {
        if own.contains(name) {
            return false;
        }
        let count = |all: &HashMap<String, usize>, name: &str| all.get(name).copied().unwrap_or(0);
        match name.strip_prefix("*.") {
            Some(name) => count(&self.below, name) > count(own_below, name),
            None => self.known.contains(name) || self.is_below_a_wildcard(name),
        }
    }

    fn is_below_a_wildcard(&self, name: &str) -> bool {
        parents(name).any(|parent| self.known.contains(&format!("*.{parent}")))
    }
}

/// What a server answers itself.
struct Served<'a> {
    exact: HashSet<&'a str>,
    wide: Vec<HostPattern>,
}

impl<'a> Served<'a> {
    fn of(hosts: &'a [VirtualHost]) -> Self {
        let routed = hosts.iter().filter(|host| !host.routes.is_empty());
        let domains = routed.flat_map(|host| &host.domains).map(String::as_str);
        let (wide, exact): (Vec<_>, Vec<_>) = domains.partition(|host| host.starts_with('*'));
        let wide = wide.into_iter().map(HostPattern::new).collect();
        Self { exact: exact.into_iter().collect(), wide }
    }

    fn has(&self, host: &str) -> bool {
        let meant = HostPattern::new(host);
        self.exact.contains(host) || self.wide.iter().any(|wide| wide.covers(&meant))
    }
}

/// How many hosts are below each name; a wildcard is below the name that it stands on, too.
fn counted(hosts: &BTreeSet<String>) -> HashMap<String, usize> {
    let mut found = HashMap::new();
    for parent in hosts.iter().flat_map(|host| parents(host)) {
        *found.entry(parent.to_owned()).or_default() += 1;
    }
    found
}

/// `b.c` and `c` of `a.b.c`.
fn parents(host: &str) -> impl Iterator<Item = &str> {
    host.match_indices('.').map(|(dot, _)| &host[dot + 1..])
}

fn told(port: u16, domains: Vec<String>) -> VirtualHost {
    let told = Route {
        name: "misdirected".to_owned(),
        r#match: Some(RouteMatch {
            path_specifier: Some(PathSpecifier::Prefix("/".to_owned())),
            ..RouteMatch::default()
        }),
        action: Some(Action::DirectResponse(DirectResponseAction {
            status: 421,
            ..DirectResponseAction::default()
        })),
        ..Route::default()
    };
    VirtualHost {
        name: format!("misdirected:{port}"),
        domains,
        routes: vec![told],
        ..VirtualHost::default()
    }
}
