//! Clusters that proxies call.
//!
//! Holds: one per port of every visible service, one more per subset; and those that lead nowhere or everywhere.

use ctl_snapshot::{MeshSettings, MeshSnapshot, Policy, Port, Rule, Service, Subset};
use weft_model::Protocol;
use weft_model::api::traffic_policy::ClientTlsMode;
use weft_proto::envoy::config::cluster::v3::Cluster;
use weft_proto::envoy::config::cluster::v3::cluster as parts;
use weft_proto::google::protobuf::value::Kind;
use weft_proto::google::protobuf::{ListValue, Struct, Value};

use crate::domains::Domains;
use crate::view::OutboundView;
use crate::{endpoints, names, policy, tls, wire};

/// All clusters of a view.
pub(crate) fn outbound(snapshot: &MeshSnapshot, view: &OutboundView) -> Vec<Cluster> {
    let config = snapshot.config();
    let mut found = Vec::new();
    for service in config.services_for(&view.namespace) {
        let rule = config.rule(&view.namespace, service);
        for port in &service.ports {
            // Where it is found out what a connection carries, either kind has a cluster of its own: a server tells
            // them apart by what the client offers in TLS.
            let protocols: &[Protocol] = match port.protocol {
                Protocol::Auto => &[Protocol::Auto, Protocol::Tcp],
                _ => std::slice::from_ref(&port.protocol),
            };
            for &protocol in protocols {
                let rule = rule.map(|rule| &**rule);
                let place = Place { snapshot, view, service, port, protocol, rule };
                let whole = rule.map(|rule| rule.policy_of(port.number, None)).unwrap_or_default();
                found.push(place.cluster(None, &whole));
                for subset in rule.into_iter().flat_map(|rule| &rule.subsets) {
                    let own = rule.map(|rule| rule.policy_of(port.number, Some(subset)));
                    found.push(place.cluster(Some(subset), &own.unwrap_or_default()));
                }
            }
        }
    }
    found.push(black_hole(snapshot.settings()));
    if !view.router {
        found.push(original_destination(names::PASSTHROUGH, snapshot.settings()));
    }
    found
}

/// Whether clients may go to the pods of a service themselves, so that its clusters and listeners hold endpoints.
pub(crate) fn may_be_direct(snapshot: &MeshSnapshot, service: &Service) -> bool {
    let passes = |policy: Policy<'_>| policy::passes_through(policy.load_balancer);
    service.is_headless()
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
    fn cluster(&self, subset: Option<&Subset>, policy: &Policy<'_>) -> Cluster {
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
        // A gateway has no destination of the client's to go to.
        let headless = self.service.is_headless();
        let direct =
            (headless || policy::passes_through(policy.load_balancer)) && !self.view.router;
        if direct {
            set_type(&mut cluster, parts::DiscoveryType::OriginalDst);
            cluster.lb_policy = parts::LbPolicy::ClusterProvided.into();
            cluster.lb_config = None;
        } else {
            set_type(&mut cluster, parts::DiscoveryType::Eds);
            cluster.eds_cluster_config = Some(parts::EdsClusterConfig {
                eds_config: Some(wire::ads()),
                service_name: self.rule.map_or_else(
                    || names::outbound(port, name, host),
                    |rule| endpoints::name(self.snapshot, self.service, port, rule, subset),
                ),
            });
            if cluster.lb_policy() == parts::LbPolicy::ClusterProvided {
                cluster.lb_policy = parts::LbPolicy::RoundRobin.into();
            }
        }
        self.secure(&mut cluster, subset, policy, direct);
        cluster
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
            let known = self.snapshot.workloads().identities(&self.service.host);
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
            // Told of as not honoured; requests must fail rather than go out unprotected.
            Some(ClientTlsMode::Simple | ClientTlsMode::Mutual) => close(cluster),
            None if !self.snapshot.settings().auto_mtls => {}
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

/// Takes the endpoints away.
fn close(cluster: &mut Cluster) {
    set_type(cluster, parts::DiscoveryType::Static);
    cluster.eds_cluster_config = None;
    if cluster.lb_policy() == parts::LbPolicy::ClusterProvided {
        cluster.lb_policy = parts::LbPolicy::RoundRobin.into();
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
    policy::apply_plain(&mut cluster, Protocol::Auto, mesh);
    set_type(&mut cluster, parts::DiscoveryType::OriginalDst);
    cluster.lb_policy = parts::LbPolicy::ClusterProvided.into();
    cluster
}
