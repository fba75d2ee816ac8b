//! Looks up the host names of clusters, again and again.
//!
//! In: plans. Out: endpoints, to the publisher.
//! Holds: a name that cannot be looked up keeps its last addresses; one look-up has a time limit.
//! Never: connections. Why the system's resolver: a pod's resolv.conf and hosts file say what names mean there.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use proxy_config::Endpoints;
use proxy_config::cluster::{Discovery, DnsEndpoints, DnsHost, Family};
use proxy_config::endpoint::{About, Endpoint};
use weft_rt::Clock;

use crate::publish::Publisher;

const LIMIT: Duration = Duration::from_secs(5);
const SOONEST: Duration = Duration::from_millis(500);

/// What was looked up, by cluster, and when it is due again.
type Due = HashMap<Arc<str>, (Arc<DnsEndpoints>, Instant)>;

/// Runs for as long as the proxy; one worker does it for all.
pub(crate) async fn run(publisher: Arc<Publisher>, clock: Clock) {
    let mut changed = publisher.watch();
    let mut due = Due::new();
    loop {
        let plan = publisher.plan.load_full();
        due.retain(|name, _| plan.clusters.contains_key(name));
        for cluster in plan.clusters.values() {
            let Discovery::Dns(names) = &cluster.config.discovery else { continue };
            let fresh = due
                .get(&cluster.name)
                .is_some_and(|(known, at)| Arc::ptr_eq(known, names) && clock.now() < *at);
            if fresh {
                continue;
            }
            let last = cluster.endpoints.as_deref();
            let found = look_up(&clock, &cluster.name, names, last).await;
            publisher.resolved(&cluster.name, found);
            let next = clock.now() + names.refresh.max(SOONEST);
            due.insert(Arc::clone(&cluster.name), (Arc::clone(names), next));
        }
        let next = due.values().map(|(_, at)| *at).min();
        let wait = async {
            match next {
                Some(at) => clock.sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            change = changed.changed() => if change.is_err() { return },
            () = wait => {}
        }
    }
}

async fn look_up(
    clock: &Clock,
    cluster: &Arc<str>,
    names: &DnsEndpoints,
    last: Option<&Endpoints>,
) -> Endpoints {
    let mut endpoints = Vec::new();
    for host in &names.hosts {
        match of_host(clock, host, names).await {
            Ok(found) => endpoints.extend(found.into_iter().map(|address| at(host, address))),
            Err(error) => {
                tracing::warn!(%cluster, host = %host.name, %error, "cannot look up");
                let old = last.iter().flat_map(|last| &last.endpoints);
                endpoints.extend(old.filter(|e| e.about.hostname == host.name).cloned());
            }
        }
    }
    Endpoints { name: Arc::clone(cluster), endpoints, overprovisioning: None }
}

fn at(host: &DnsHost, address: SocketAddr) -> Endpoint {
    let about = About { hostname: Arc::clone(&host.name), ..About::clone(&host.endpoint.about) };
    Endpoint { address, about: Arc::new(about), ..host.endpoint.clone() }
}

async fn of_host(
    clock: &Clock,
    host: &DnsHost,
    names: &DnsEndpoints,
) -> std::io::Result<Vec<SocketAddr>> {
    let place = (host.name.as_ref(), host.endpoint.address.port());
    let mut found = addresses(clock, place, names.family, LIMIT).await?;
    found.sort_unstable();
    found.dedup();
    if names.logical {
        found.truncate(1);
    }
    Ok(found)
}

/// The addresses of a name, in the order of the answer.
pub(crate) async fn addresses(
    clock: &Clock,
    (name, port): (&str, u16),
    family: Family,
    limit: Duration,
) -> std::io::Result<Vec<SocketAddr>> {
    let asked = tokio::net::lookup_host((name, port));
    let found = clock.timeout(limit, asked).await;
    let found = found.unwrap_or_else(|_elapsed| Err(std::io::ErrorKind::TimedOut.into()))?;
    Ok(chosen(found.collect(), family))
}

fn chosen(all: Vec<SocketAddr>, family: Family) -> Vec<SocketAddr> {
    let any_v4 = all.iter().any(SocketAddr::is_ipv4);
    let any_v6 = all.iter().any(SocketAddr::is_ipv6);
    let counts = |address: &SocketAddr| match family {
        Family::All => true,
        Family::V4 => address.is_ipv4(),
        Family::V6 => address.is_ipv6(),
        Family::Auto => address.is_ipv6() == any_v6,
        Family::V4Preferred => address.is_ipv4() == any_v4,
    };
    all.into_iter().filter(counts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_chosen_as_asked() {
        let (v4, v6): (SocketAddr, SocketAddr) =
            ("10.0.0.1:80".parse().unwrap(), "[fd00::1]:80".parse().unwrap());
        for (family, both, only_v4) in [
            (Family::All, vec![v4, v6], vec![v4]),
            (Family::V4, vec![v4], vec![v4]),
            (Family::V6, vec![v6], vec![]),
            (Family::Auto, vec![v6], vec![v4]),
            (Family::V4Preferred, vec![v4], vec![v4]),
        ] {
            assert_eq!(chosen(vec![v4, v6], family), both, "{family:?}");
            assert_eq!(chosen(vec![v4], family), only_v4, "{family:?}");
        }
    }
}
