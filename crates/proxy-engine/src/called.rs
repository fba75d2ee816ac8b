//! Looks up hosts when they are called.
//!
//! In: the host that a request or a connection is for. Out: its addresses, or why there are none.
//! Holds: a host is asked for once, however many wait for it; while it is being called its addresses are renewed beside the
//! requests, and stay when DNS does not answer; a host that nobody called for a while is forgotten.
//! Bounds: hosts known at once are as many as the configuration says, and one more is refused; a look-up has a time limit.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use proxy_config::cluster::{CalledHosts, Discovery};
use smallvec::SmallVec;
use tokio::sync::Notify;
use weft_rt::Clock;

use crate::plan::{Cluster, Plan, Tls};
use crate::resolve;

/// How soon a host is asked for again that DNS does not know.
const AGAIN: Duration = Duration::from_secs(1);

/// Addresses of a host, with the port that is gone to.
pub(crate) type Addresses = SmallVec<[SocketAddr; 2]>;

/// Why a called host has no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// DNS knows none.
    NoAddress,
    /// Too many hosts are known already.
    Full,
}

/// Hosts that were called, by the cache that their clusters name.
#[derive(Debug, Default)]
pub(crate) struct Hosts {
    caches: RefCell<HashMap<Arc<str>, Known>>,
    told: Notify,
}

type Known = HashMap<Box<str>, Host>;

#[derive(Debug)]
struct Host {
    /// `None` until DNS was asked once.
    addresses: Option<Vec<IpAddr>>,
    asking: bool,
    /// When DNS is asked again.
    due: Instant,
    called: Instant,
}

/// What is known of a host right now.
enum Look {
    Known(Vec<IpAddr>),
    Asked,
    Unknown(Unknown),
}

impl Hosts {
    /// The addresses that a request for this authority may go to; none unless the cluster is one of called hosts.
    pub(crate) async fn of_request(
        self: &Rc<Self>,
        clock: &Clock,
        cluster: &Cluster,
        authority: &str,
    ) -> Result<Addresses, Unknown> {
        let Discovery::Called(config) = &cluster.config.discovery else {
            return Ok(Addresses::new());
        };
        let usual = if matches!(cluster.default_tls, Tls::Plain) { 80 } else { 443 };
        let (host, port) = split(authority, usual).ok_or(Unknown::NoAddress)?;
        self.addresses(clock, config, (host, port)).await
    }

    /// The same for a connection that asks for this name in TLS.
    pub(crate) async fn of_connection(
        self: &Rc<Self>,
        clock: &Clock,
        cluster: &Cluster,
        (name, port): (Option<&str>, Option<u16>),
    ) -> Result<Addresses, Unknown> {
        let Discovery::Called(config) = &cluster.config.discovery else {
            return Ok(Addresses::new());
        };
        let to = name.zip(port).ok_or(Unknown::NoAddress)?;
        self.addresses(clock, config, to).await
    }

    /// Forgets the caches that no cluster names any more.
    pub(crate) fn retain(&self, plan: &Plan) {
        let mut caches = self.caches.borrow_mut();
        if caches.is_empty() {
            return;
        }
        let named = |cache: &Arc<str>| {
            plan.clusters.values().any(|cluster| match &cluster.config.discovery {
                Discovery::Called(config) => config.cache == *cache,
                Discovery::Eds(_)
                | Discovery::Static(_)
                | Discovery::Dns(_)
                | Discovery::OriginalDestination => false,
            })
        };
        caches.retain(|cache, _| named(cache));
    }

    async fn addresses(
        self: &Rc<Self>,
        clock: &Clock,
        config: &Arc<CalledHosts>,
        (host, port): (&str, u16),
    ) -> Result<Addresses, Unknown> {
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Ok(std::iter::once(SocketAddr::new(ip, port)).collect());
        }
        let host = host.to_ascii_lowercase();
        loop {
            let told = self.told.notified();
            tokio::pin!(told);
            told.as_mut().enable();
            match self.look(clock, config, &host) {
                Look::Known(found) => {
                    return Ok(found.into_iter().map(|ip| SocketAddr::new(ip, port)).collect());
                }
                Look::Unknown(why) => return Err(why),
                Look::Asked => told.await,
            }
        }
    }

    fn look(self: &Rc<Self>, clock: &Clock, config: &Arc<CalledHosts>, name: &str) -> Look {
        let now = clock.now();
        let mut caches = self.caches.borrow_mut();
        let known = caches.entry(Arc::clone(&config.cache)).or_default();
        if !known.contains_key(name) && !has_room(known, config, now) {
            return Look::Unknown(Unknown::Full);
        }
        let host = known.entry(name.into()).or_insert_with(|| Host::new(now));
        if host.is_forgotten(config, now) {
            *host = Host::new(now);
        }
        host.called = now;
        if now >= host.due && !host.asking {
            host.asking = true;
            // It ends by itself within the limit of a look-up; a client that leaves does not undo it for others.
            let asking = Rc::clone(self).ask(clock.clone(), Arc::clone(config), name.into());
            tokio::task::spawn_local(asking);
        }
        match &host.addresses {
            Some(found) if !found.is_empty() => Look::Known(found.clone()),
            Some(_) if !host.asking => Look::Unknown(Unknown::NoAddress),
            Some(_) | None => Look::Asked,
        }
    }

    async fn ask(self: Rc<Self>, clock: Clock, config: Arc<CalledHosts>, name: Box<str>) {
        let asked = resolve::addresses(&clock, (&name, 0), config.family, config.limit).await;
        let found = asked.unwrap_or_else(|error| {
            tracing::warn!(host = %name, %error, "cannot look up");
            Vec::new()
        });
        let found: Vec<IpAddr> = found.iter().map(SocketAddr::ip).collect();
        let now = clock.now();
        let mut caches = self.caches.borrow_mut();
        if let Some(host) = caches.get_mut(&config.cache).and_then(|all| all.get_mut(&name)) {
            host.asking = false;
            host.due = now + if found.is_empty() { AGAIN } else { config.refresh.max(AGAIN) };
            if !found.is_empty() || host.addresses.is_none() {
                host.addresses = Some(found);
            }
        }
        self.told.notify_waiters();
    }
}

impl Host {
    const fn new(now: Instant) -> Self {
        Self { addresses: None, asking: false, due: now, called: now }
    }

    fn is_forgotten(&self, config: &CalledHosts, now: Instant) -> bool {
        !self.asking && now.saturating_duration_since(self.called) > config.kept
    }
}

/// Makes room for one more host, if hosts are known that nobody called for a while.
fn has_room(known: &mut Known, config: &CalledHosts, now: Instant) -> bool {
    let most = usize::try_from(config.most).unwrap_or(usize::MAX);
    if known.len() >= most {
        known.retain(|_, host| !host.is_forgotten(config, now));
    }
    known.len() < most
}

/// Host and port of an authority.
fn split(authority: &str, usual: u16) -> Option<(&str, u16)> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        let port = rest.strip_prefix(':').map_or(Some(usual), |port| port.parse().ok())?;
        return Some((host, port));
    }
    match authority.rsplit_once(':') {
        Some((host, port)) => Some((host, port.parse().ok()?)),
        None => (!authority.is_empty()).then_some((authority, usual)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(most: u32) -> Arc<CalledHosts> {
        Arc::new(CalledHosts {
            cache: "c".into(),
            family: proxy_config::cluster::Family::V4,
            refresh: Duration::from_secs(60),
            kept: Duration::from_secs(300),
            most,
            limit: Duration::from_secs(5),
        })
    }

    #[test]
    fn the_port_of_an_authority_counts_and_else_the_usual_one() {
        for (authority, found) in [
            ("a.example", Some(("a.example", 80))),
            ("a.example:8080", Some(("a.example", 8080))),
            ("[fd00::1]", Some(("fd00::1", 80))),
            ("[fd00::1]:81", Some(("fd00::1", 81))),
            ("a.example:x", None),
            ("", None),
        ] {
            assert_eq!(split(authority, 80), found, "{authority}");
        }
    }

    #[test]
    fn one_host_too_many_is_refused_until_another_is_forgotten() {
        let (config, now) = (config(1), Clock::real().now());
        let mut known = Known::new();
        assert!(has_room(&mut known, &config, now));
        known.insert("old.example".into(), Host::new(now));
        assert!(!has_room(&mut known, &config, now + config.kept));
        assert!(has_room(&mut known, &config, now + config.kept + AGAIN));
        assert!(known.is_empty());
    }

    #[tokio::test]
    async fn a_host_without_addresses_is_told_of_and_a_known_one_is_found() {
        tokio::task::LocalSet::new()
            .run_until(async {
                let (hosts, clock, config) = (Rc::new(Hosts::default()), Clock::real(), config(9));
                let found = hosts.addresses(&clock, &config, ("LOCALHOST", 81)).await;
                let here = SocketAddr::from(([127, 0, 0, 1], 81));
                assert_eq!(found.map(|all| all.to_vec()), Ok(vec![here]));
                let none = hosts.addresses(&clock, &config, ("nobody.invalid", 81)).await;
                assert_eq!(none, Err(Unknown::NoAddress));
                let literal = hosts.addresses(&clock, &config, ("10.0.0.1", 81)).await;
                let literal = literal.map(|all| all.to_vec());
                assert_eq!(literal, Ok(vec![SocketAddr::from(([10, 0, 0, 1], 81))]));
            })
            .await;
    }
}
