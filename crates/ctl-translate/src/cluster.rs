//! Clusters that proxies call.
//!
//! Holds: one per port of every visible service, one more per subset; and those that lead nowhere or everywhere.

use ctl_snapshot::{MeshSettings, MeshSnapshot, Policy, Port, Resolution, Rule, Service, Subset};
use weft_model::Protocol;
use weft_model::api::traffic_policy::{ClientTls, ClientTlsMode, ProxyProtocol};
use weft_proto::envoy::config::cluster::v3::Cluster;
use weft_proto::envoy::config::cluster::v3::cluster as parts;
use weft_proto::envoy::config::core::v3::TransportSocket;
use weft_proto::envoy::config::endpoint::v3::ClusterLoadAssignment;
use weft_proto::envoy::r#type::v3::Percent;
use weft_proto::google::protobuf::value::Kind;
use weft_proto::google::protobuf::{ListValue, Struct, Value};

use crate::cluster::kept::MadeOf;
use crate::credential::Credentials;
use crate::domains::Domains;
use crate::near::Nearness;
use crate::origination::Origination;
use crate::reach::Reach;
use crate::resources::Resource;
use crate::view::OutboundView;
use crate::{called, endpoints, names, policy, tls, wire};

mod kept;

pub use kept::Kept;

/// All clusters of a view, and the sockets of those among them that are not kept. Kept ones name no credentials.
pub(crate) fn outbound(
    snapshot: &MeshSnapshot,
    view: &OutboundView,
    kept: &mut Kept,
) -> (Vec<Resource>, Vec<TransportSocket>) {
    let (mut found, mut sockets) = (Vec::new(), Vec::new());
    let finished = |mut cluster: Cluster| {
        if view.started.keeps_case {
            policy::keep_case(&mut cluster);
        }
        Resource::new(cluster.name.clone(), &cluster)
    };
    let mut own = |clusters: Vec<Cluster>, found: &mut Vec<Resource>| {
        sockets.extend(clusters.iter().filter_map(|cluster| cluster.transport_socket.clone()));
        found.extend(clusters.into_iter().map(finished));
    };
    for service in Reach::of(snapshot, view).services() {
        let rule = snapshot.config().rule(view.client(), service);
        let made = || of_service(snapshot, view, service, rule.map(|rule| &**rule));
        match MadeOf::of(snapshot, view, service, rule) {
            Some(key) => {
                let all = kept.get(key, || made().into_iter().map(finished).collect());
                found.extend(all.iter().cloned());
            }
            None => own(made(), &mut found),
        }
    }
    own(everywhere(snapshot, view), &mut found);
    (found, sockets)
}

/// The clusters of one service.
fn of_service(
    snapshot: &MeshSnapshot,
    view: &OutboundView,
    service: &Service,
    rule: Option<&Rule>,
) -> Vec<Cluster> {
    let mut found = Vec::new();
    for port in &service.ports {
        // Where it is found out what a connection carries, either kind has a cluster of its own: a server tells
        // them apart by what the client offers in TLS.
        let protocols: &[Protocol] = match port.protocol {
            Protocol::Auto => &[Protocol::Auto, Protocol::Tcp],
            _ => std::slice::from_ref(&port.protocol),
        };
        for &protocol in protocols {
            let place = Place { snapshot, view, service, port, protocol, rule };
            let whole = rule.map(|rule| rule.policy_of(port.number, None)).unwrap_or_default();
            found.extend(place.cluster(None, &whole));
            for subset in rule.into_iter().flat_map(|rule| &rule.subsets) {
                let own = rule.map(|rule| rule.policy_of(port.number, Some(subset)));
                found.extend(place.cluster(Some(subset), &own.unwrap_or_default()));
            }
        }
    }
    found
}

/// Those that lead nowhere or everywhere.
fn everywhere(snapshot: &MeshSnapshot, view: &OutboundView) -> Vec<Cluster> {
    let mut found = vec![black_hole(snapshot.settings())];
    if !view.router {
        found.push(original_destination(names::PASSTHROUGH, snapshot.settings()));
    }
    if view.looks_up_unknown(snapshot) {
        found.push(called::anywhere(snapshot, view));
    }
    found
}

/// The cluster towards a port whose TLS a gateway passes on; named like the server name that leads to it.
pub(crate) fn passed(
    snapshot: &MeshSnapshot,
    view: &OutboundView,
    service: &Service,
    port: &Port,
    subset: Option<&Subset>,
) -> Option<Cluster> {
    let rule = snapshot.config().rule(view.client(), service).map(|rule| &**rule);
    let policy = rule.map(|rule| rule.policy_of(port.number, subset)).unwrap_or_default();
    // What is passed on is secured already, and is not seen.
    let policy = Policy { tls: None, proxy_protocol: None, ..policy };
    let place = Place { snapshot, view, service, port, protocol: Protocol::Tcp, rule };
    let mut cluster = place.cluster(subset, &policy)?;
    let name = subset.map_or("", |subset| subset.name.as_str());
    cluster.name = names::server_name(port.number, name, &service.host);
    if let Some(listed) = cluster.load_assignment.as_mut() {
        listed.cluster_name.clone_from(&cluster.name);
    }
    cluster.transport_socket_matches.clear();
    Some(cluster)
}

/// Whether clients may go to the pods of a service themselves, so that its clusters and listeners hold endpoints.
pub(crate) fn may_be_direct(snapshot: &MeshSnapshot, service: &Service) -> bool {
    let passes = |policy: Policy<'_>| policy::passes_through(policy.load_balancer);
    service.is_headless()
        || service.resolution.is_dns()
        || snapshot.config().rules(service).any(|rule| {
            service.ports.iter().any(|port| {
                passes(rule.policy_of(port.number, None))
                    || rule.subsets.iter().any(|s| passes(rule.policy_of(port.number, Some(s))))
            })
        })
}

struct Place<'a> {
    snapshot: &'a MeshSnapshot,
    view: &'a OutboundView,
    service: &'a Service,
    port: &'a Port,
    /// What this cluster carries.
    protocol: Protocol,
    rule: Option<&'a Rule>,
}

impl Place<'_> {
    /// `None` where there is nothing to look up.
    fn cluster(&self, subset: Option<&Subset>, policy: &Policy<'_>) -> Option<Cluster> {
        let (port, host) = (self.port.number, &self.service.host);
        let name = subset.map_or("", |subset| subset.name.as_str());
        let bytes = self.protocol != self.port.protocol;
        let mut cluster = Cluster {
            name: if bytes {
                names::outbound_bytes(port, name, host)
            } else {
                names::outbound(port, name, host)
            },
            metadata: Some(wire::metadata("istio", self.istio_metadata(name))),
            ..Cluster::default()
        };
        policy::apply(&mut cluster, policy, self.protocol, self.snapshot.settings());
        self.by_place(&mut cluster, policy);
        // A gateway has no destination of the client's to go to.
        let called = self.service.is_headless() || self.service.resolution == Resolution::Called;
        let direct = (called || policy::passes_through(policy.load_balancer)) && !self.view.router;
        if direct {
            set_type(&mut cluster, parts::DiscoveryType::OriginalDst);
            cluster.lb_policy = parts::LbPolicy::ClusterProvided.into();
            cluster.lb_config = None;
        } else if self.service.resolution.is_dns() {
            self.looked_up(&mut cluster, subset, policy)?;
        } else if !called::is_called(self.service) {
            set_type(&mut cluster, parts::DiscoveryType::Eds);
            cluster.eds_cluster_config = Some(parts::EdsClusterConfig {
                eds_config: Some(wire::ads()),
                service_name: self.rule.map_or_else(
                    || endpoints::whole(self.service, port),
                    |rule| endpoints::name(self.snapshot, self.service, port, rule, subset),
                ),
            });
            round_robin_for_none(&mut cluster);
        }
        self.secure(&mut cluster, subset, policy, direct);
        if called::is_called(self.service) && !direct {
            called::cluster(&mut cluster, self.service, policy.tls);
        }
        if let Some(said) = policy.proxy_protocol {
            introduce(&mut cluster, said);
        }
        Some(cluster)
    }

    /// Says whether weights of places count, and that endpoints which are not ready are never asked.
    fn by_place(&self, cluster: &mut Cluster, policy: &Policy<'_>) {
        use parts::common_lb_config::{LocalityConfigSpecifier, LocalityWeightedLbConfig};
        let nearness = Nearness::of(self.service, policy, self.snapshot.settings());
        let Some(common) = cluster.common_lb_config.as_mut() else { return };
        if nearness.weighs_places() {
            let weighted = LocalityWeightedLbConfig::default();
            common.locality_config_specifier =
                Some(LocalityConfigSpecifier::LocalityWeightedLbConfig(weighted));
        }
        if self.service.preference.is_some() {
            common.healthy_panic_threshold = Some(Percent { value: 0.0 });
        }
    }

    /// The proxy asks DNS.
    fn looked_up(
        &self,
        cluster: &mut Cluster,
        subset: Option<&Subset>,
        policy: &Policy<'_>,
    ) -> Option<()> {
        let all = self.endpoints(subset);
        let one = self.service.resolution == Resolution::DnsRoundRobin;
        let all = all.take(if one { 1 } else { usize::MAX });
        let nearness = Nearness::of(self.service, policy, self.snapshot.settings());
        let groups = nearness.groups(all, &self.view.standpoint).into_iter();
        let endpoints: Vec<_> = groups.map(endpoints::group).collect();
        if endpoints.is_empty() {
            return None;
        }
        let kind =
            if one { parts::DiscoveryType::LogicalDns } else { parts::DiscoveryType::StrictDns };
        set_type(cluster, kind);
        #[expect(deprecated, reason = "it is what Istio writes, and every Envoy reads it")]
        {
            cluster.dns_refresh_rate = Some(wire::seconds(60));
            cluster.respect_dns_ttl = true;
        }
        cluster.dns_lookup_family = parts::DnsLookupFamily::V4Only.into();
        cluster.load_assignment = Some(ClusterLoadAssignment {
            cluster_name: cluster.name.clone(),
            endpoints,
            ..ClusterLoadAssignment::default()
        });
        round_robin_for_none(cluster);
        Some(())
    }

    fn secure(
        &self,
        cluster: &mut Cluster,
        subset: Option<&Subset>,
        policy: &Policy<'_>,
        direct: bool,
    ) {
        let name = subset.map_or("", |subset| subset.name.as_str());
        let mutual = || {
            let spoken = policy::spoken(policy, self.protocol, self.snapshot.settings());
            let asked = policy.tls.map(|tls| tls.subject_alt_names.as_slice()).unwrap_or_default();
            let known = self.snapshot.workloads().identities(self.service);
            let entry = self.service.entry.iter();
            let known =
                known.chain(entry.flat_map(|entry| &entry.subject_alt_names).map(String::as_str));
            let known = known.filter(|_| asked.is_empty());
            let sni = policy.tls.map(|tls| tls.sni.clone()).filter(|sni| !sni.is_empty());
            tls::upstream(
                asked.iter().map(String::as_str).chain(known),
                Domains::of(self.snapshot.settings()),
                sni.unwrap_or_else(|| {
                    names::server_name(self.port.number, name, &self.service.host)
                }),
                tls::offered(spoken),
            )
        };
        match policy.tls.map(|tls| tls.mode) {
            Some(ClientTlsMode::Disable) => {}
            Some(ClientTlsMode::IstioMutual) => cluster.transport_socket = Some(mutual()),
            Some(ClientTlsMode::Simple | ClientTlsMode::Mutual) => {
                if let Some(asked) = policy.tls {
                    self.originate(cluster, asked, policy);
                }
            }
            None if !self.snapshot.settings().auto_mtls || self.service.is_external() => {}
            // Without endpoints of our own there is no metadata to match: all or none.
            None if direct => {
                let mut endpoints = self.endpoints(subset).peekable();
                if endpoints.peek().is_some() && endpoints.all(|endpoint| endpoint.mtls) {
                    cluster.transport_socket = Some(mutual());
                }
            }
            None => {
                cluster.transport_socket_matches = vec![
                    parts::TransportSocketMatch {
                        name: "tlsMode-istio".to_owned(),
                        r#match: Some(wire::fields(&[("tlsMode", "istio")])),
                        transport_socket: Some(mutual()),
                    },
                    parts::TransportSocketMatch {
                        name: "tlsMode-disabled".to_owned(),
                        r#match: Some(Struct::default()),
                        transport_socket: Some(tls::raw()),
                    },
                ];
            }
        }
    }

    /// TLS with other certificates than the mesh's.
    fn originate(&self, cluster: &mut Cluster, asked: &ClientTls, policy: &Policy<'_>) {
        let entry = self.service.entry.as_ref();
        let known_names = entry.map(|entry| entry.subject_alt_names.as_slice()).unwrap_or_default();
        let (snapshot, namespace) = (self.snapshot, self.view.namespace.as_str());
        let origination = Origination {
            asked,
            known_names,
            spoken: policy::spoken(policy, self.protocol, self.snapshot.settings()),
            credentials: Credentials { snapshot, namespace, keys: self.view.keys },
        };
        origination.apply(cluster);
    }

    fn endpoints<'a>(
        &'a self,
        subset: Option<&'a Subset>,
    ) -> impl Iterator<Item = &'a ctl_snapshot::Endpoint> {
        self.snapshot.workloads().endpoints(self.service, &self.port.name, subset)
    }

    fn istio_metadata(&self, subset: &str) -> Struct {
        let service = wire::fields(&[
            ("host", self.service.host.as_str()),
            ("name", &self.service.name),
            ("namespace", &self.service.namespace),
        ]);
        let service = Value { kind: Some(Kind::StructValue(service)) };
        let list = Value { kind: Some(Kind::ListValue(ListValue { values: vec![service] })) };
        let mut entries = vec![("services".to_owned(), list)];
        if let Some(rule) = self.rule {
            let paths = rule.parts.iter().map(|name| names::rule(&rule.name.0, name));
            entries.push(("config".to_owned(), wire::texts(paths)));
        }
        if !subset.is_empty() {
            entries.push(("subset".to_owned(), wire::text(subset)));
        }
        Struct { fields: wire::ordered(entries) }
    }
}

pub(crate) fn set_type(cluster: &mut Cluster, kind: parts::DiscoveryType) {
    cluster.cluster_discovery_type = Some(parts::ClusterDiscoveryType::Type(kind.into()));
}

/// A client of listed endpoints cannot let their cluster choose.
fn round_robin_for_none(cluster: &mut Cluster) {
    if cluster.lb_policy() == parts::LbPolicy::ClusterProvided {
        cluster.lb_policy = parts::LbPolicy::RoundRobin.into();
    }
}

/// Puts the client's address before everything else.
fn introduce(cluster: &mut Cluster, said: &ProxyProtocol) {
    for found in &mut cluster.transport_socket_matches {
        found.transport_socket = Some(tls::introduced(found.transport_socket.take(), said));
    }
    if cluster.transport_socket_matches.is_empty() {
        cluster.transport_socket = Some(tls::introduced(cluster.transport_socket.take(), said));
    }
}

fn black_hole(mesh: &MeshSettings) -> Cluster {
    let mut cluster = Cluster { name: names::BLACK_HOLE.to_owned(), ..Cluster::default() };
    set_type(&mut cluster, parts::DiscoveryType::Static);
    cluster.connect_timeout = Some(wire::duration(mesh.connect_timeout));
    cluster
}

/// Goes to where the connection was meant to go.
pub(crate) fn original_destination(name: &str, mesh: &MeshSettings) -> Cluster {
    let mut cluster = Cluster { name: name.to_owned(), ..Cluster::default() };
    policy::apply_plain(&mut cluster, Protocol::Auto, None, mesh);
    set_type(&mut cluster, parts::DiscoveryType::OriginalDst);
    cluster.lb_policy = parts::LbPolicy::ClusterProvided.into();
    cluster
}
