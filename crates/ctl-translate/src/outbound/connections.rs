//! Filter chains for the bytes of connections to one address and port.
//!
//! In: a service's port and the VirtualServices for its host. Out: a chain per TLS or TCP route that may be taken, and one
//! for what no route asks about.
//! Holds: of two routes with one condition the first counts, because Envoy refuses the second; ports of TLS follow TLS
//! routes only, and all other ports TCP routes only, as in Istio.

use std::collections::BTreeSet;

use ctl_snapshot::{Port, Service};
use weft_model::api::virtual_service::{RouteDestination, TcpMatch, TlsMatch, VirtualService};
use weft_model::{Host, Object, Protocol, expand};
use weft_proto::envoy::config::listener::v3::{Filter, FilterChain, FilterChainMatch};

use crate::listener::TcpTerms;
use crate::route::selection::{Context, Source, VirtualServices};
use crate::{called, listener, names, policy, route, wire};

/// What connections to a port depend on.
pub(crate) struct Connections<'a> {
    pub(super) context: Context<'a>,
    pub(super) chosen: &'a VirtualServices<'a>,
    pub(super) service: &'a Service,
    pub(super) port: &'a Port,
}

/// What a chain asks of a connection.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Asked {
    server_name: Option<String>,
    range: Option<String>,
}

impl Connections<'_> {
    /// The chains; the last has no condition, unless only TLS with certain names is meant.
    pub(super) fn chains(&self) -> Vec<FilterChain> {
        if self.port.protocol == Protocol::Tls { self.tls() } else { self.tcp() }
    }

    fn tls(&self) -> Vec<FilterChain> {
        let mut found = Vec::new();
        let mut seen = BTreeSet::new();
        let mut any = false;
        for object in self.chosen.for_connections(&self.service.host) {
            let routes = object.spec.tls.iter();
            let pairs = routes.flat_map(|r| r.matches.iter().map(move |found| (found, &r.route)));
            for (asked, to) in pairs {
                if self.admits(&Source::from(asked), object) {
                    any = true;
                    found.extend(self.chain(object, of_tls(asked), to, &mut seen));
                }
            }
        }
        if !any {
            found.push(self.own());
        }
        found
    }

    fn tcp(&self) -> Vec<FilterChain> {
        let mut found = Vec::new();
        let mut seen = BTreeSet::new();
        for object in self.chosen.for_connections(&self.service.host) {
            for written in &object.spec.tcp {
                let own = |asked: &&TcpMatch| self.admits(&Source::from(*asked), object);
                let meant: Vec<&TcpMatch> = written.matches.iter().filter(own).collect();
                let all = written.matches.is_empty()
                    || meant.iter().any(|asked| asked.destination_subnets.is_empty());
                if all {
                    found.extend(self.chain(object, Vec::new(), &written.route, &mut seen));
                    return found;
                }
                let ranges = meant.iter().flat_map(|asked| ranges(&asked.destination_subnets));
                let asked: Vec<Asked> =
                    ranges.map(|range| Asked { server_name: None, range }).collect();
                if !asked.is_empty() {
                    found.extend(self.chain(object, asked, &written.route, &mut seen));
                }
            }
        }
        found.push(self.own());
        found
    }

    fn admits(&self, wanted: &Source<'_>, object: &Object<VirtualService>) -> bool {
        self.context.admits_connections(wanted, &object.meta.namespace)
    }

    /// A chain for what nobody asked about yet. Without conditions it takes all.
    fn chain(
        &self,
        object: &Object<VirtualService>,
        asked: Vec<Asked>,
        to: &[RouteDestination],
        seen: &mut BTreeSet<Asked>,
    ) -> Option<FilterChain> {
        let all = asked.is_empty();
        let fresh: Vec<Asked> = asked.into_iter().filter(|a| seen.insert(a.clone())).collect();
        if fresh.is_empty() && !all {
            return None;
        }
        let filters = filters_to(&self.context, &object.meta.namespace, to);
        let mut chain = listener::chain("", condition(fresh), filters, None);
        let path = names::object("networking.istio.io", "virtual-service", &object.meta);
        chain.metadata = Some(wire::config(&path));
        Some(chain)
    }

    /// To the service itself.
    fn own(&self) -> FilterChain {
        // A listener may speak something else than the service says; the cluster is the service's.
        let declared = self.service.port(self.port.number).unwrap_or(self.port).protocol;
        let cluster = name_of_bytes(declared, self.context.port, "", &self.service.host);
        let to = Destined { service: self.service, port: self.port, subset: "" };
        let filters = filters(&self.context, &[(cluster, 1)], Some(&to));
        listener::chain("", None, filters, None)
    }
}

/// The filters that send bytes to these destinations of an object.
pub(crate) fn filters_to(
    context: &Context<'_>,
    namespace: &str,
    to: &[RouteDestination],
) -> Vec<Filter> {
    let clusters = clusters(context, namespace, to);
    filters(context, &clusters, destined(context, namespace, to).as_ref())
}

/// The same; a name is looked up before it is gone to.
fn filters(
    context: &Context<'_>,
    clusters: &[(String, u32)],
    to: Option<&Destined<'_>>,
) -> Vec<Filter> {
    let by_name = to.filter(|to| called::is_called(to.service));
    let looks_up = by_name.map(|to| called::of_names(to.port.number));
    looks_up.into_iter().chain([filter(context, clusters, to)]).collect()
}

/// Sends bytes on, as the rule of the first destination says.
fn filter(context: &Context<'_>, clusters: &[(String, u32)], to: Option<&Destined<'_>>) -> Filter {
    let Context { snapshot, view, .. } = context;
    let log = snapshot.settings().access_log.as_deref();
    let rule = to.and_then(|to| snapshot.config().rule(view.client(), to.service));
    let policy = to.zip(rule).map(|(to, rule)| {
        let subset = rule.subsets.iter().find(|subset| subset.name == to.subset);
        rule.policy_of(to.port.number, subset)
    });
    let policy = policy.unwrap_or_default();
    let pool = policy::pool(policy.connection_pool, snapshot.settings());
    let tcp = pool.tcp.as_ref().filter(|_| to.is_some());
    let hash = policy.load_balancer.and_then(|balancer| balancer.consistent_hash.as_ref());
    let terms = TcpTerms {
        idle: tcp.and_then(|tcp| tcp.idle_timeout).map(|span| span.0),
        longest: tcp.and_then(|tcp| tcp.max_connection_duration).map(|span| span.0),
        by_source_ip: hash.is_some_and(|hash| hash.use_source_ip == Some(true)),
        tunnel: policy.tunnel,
        tells_callers: false,
    };
    listener::tcp_proxy_under(clusters, terms, log)
}

/// Where bytes go first.
struct Destined<'a> {
    service: &'a Service,
    port: &'a Port,
    subset: &'a str,
}

fn destined<'a>(
    context: &Context<'a>,
    namespace: &str,
    to: &'a [RouteDestination],
) -> Option<Destined<'a>> {
    let snapshot = context.snapshot;
    let to = to.first()?.destination.as_ref()?;
    let host = expand(&to.host, namespace, &snapshot.settings().domain);
    let host = snapshot.config().aliased(&host);
    let service = snapshot.config().service(host)?;
    let number = route::action::port_of(snapshot, to, host, context.port);
    Some(Destined { service, port: service.port(number)?, subset: &to.subset })
}

fn clusters(context: &Context<'_>, namespace: &str, to: &[RouteDestination]) -> Vec<(String, u32)> {
    let snapshot = context.snapshot;
    let single = to.len() == 1;
    let cluster = |entry: &RouteDestination| {
        let to = entry.destination.as_ref()?;
        let host = expand(&to.host, namespace, &snapshot.settings().domain);
        let host = snapshot.config().aliased(&host);
        let number = route::action::port_of(snapshot, to, host, context.port);
        let weight = if single { 1 } else { u32::try_from(entry.weight).ok()? };
        let known = snapshot.config().service(host).and_then(|service| service.port(number));
        let protocol = known.map_or(Protocol::Tcp, |port| port.protocol);
        (weight > 0).then(|| (name_of_bytes(protocol, number, &to.subset, host), weight))
    };
    let found: Vec<(String, u32)> = to.iter().filter_map(cluster).collect();
    if found.is_empty() { vec![(names::BLACK_HOLE.to_owned(), 1)] } else { found }
}

fn of_tls(asked: &TlsMatch) -> Vec<Asked> {
    let names = asked.sni_hosts.iter().map(|name| name.to_ascii_lowercase());
    let names: Vec<Option<String>> = if asked.sni_hosts.iter().any(|name| name == "*") {
        vec![None]
    } else {
        names.map(Some).collect()
    };
    let pairs = ranges(&asked.destination_subnets).flat_map(|range| {
        names.iter().map(move |name| Asked { server_name: name.clone(), range: range.clone() })
    });
    pairs.collect()
}

/// Each range, or once none.
fn ranges(written: &[String]) -> impl Iterator<Item = Option<String>> {
    let none = written.is_empty().then_some(None);
    none.into_iter().chain(written.iter().cloned().map(Some))
}

/// All that is asked for; `None` when every connection is meant.
fn condition(asked: Vec<Asked>) -> Option<FilterChainMatch> {
    let names: BTreeSet<String> = asked.iter().filter_map(|a| a.server_name.clone()).collect();
    let ranges: BTreeSet<String> = asked.into_iter().filter_map(|a| a.range).collect();
    let found = FilterChainMatch {
        server_names: names.into_iter().collect(),
        prefix_ranges: ranges.iter().filter_map(|range| wire::range(range)).collect(),
        ..FilterChainMatch::default()
    };
    (found != FilterChainMatch::default()).then_some(found)
}

/// The cluster that carries bytes to a port.
fn name_of_bytes(protocol: Protocol, port: u16, subset: &str, host: &Host) -> String {
    match protocol {
        Protocol::Auto => names::outbound_bytes(port, subset, host),
        _ => names::outbound(port, subset, host),
    }
}
