//! Destinations that are looked up by the host that is called.
//!
//! In: a service of DYNAMIC_DNS. Out: its cluster's kind, and the filters that look hosts up before the cluster is asked.
//! Holds: clusters and filters share one cache, as Envoy demands: a filter fills it, and the cluster only reads.
//! Why one cache for all services: each filter asks DNS for every request to such a cluster, whichever service it is of.

use ctl_snapshot::{MeshSnapshot, Resolution, Service};
use weft_model::api::service_entry::ServiceEntry;
use weft_model::api::traffic_policy::{ClientTls, ClientTlsMode};
use weft_model::{Object, Protocol};
use weft_proto::envoy::config::cluster::v3::{Cluster, cluster as parts};
use weft_proto::envoy::config::core::v3::UpstreamHttpProtocolOptions;
use weft_proto::envoy::config::listener::v3::Filter;
use weft_proto::envoy::extensions::clusters::dynamic_forward_proxy::v3 as of_cluster;
use weft_proto::envoy::extensions::common::dynamic_forward_proxy::v3::DnsCacheConfig;
use weft_proto::envoy::extensions::filters::http::dynamic_forward_proxy::v3 as of_requests;
use weft_proto::envoy::extensions::filters::network::http_connection_manager::v3::HttpFilter;
use weft_proto::envoy::extensions::filters::network::sni_dynamic_forward_proxy::v3 as of_names;

use crate::credential::Credentials;
use crate::http::http_filter;
use crate::origination::Origination;
use crate::view::OutboundView;
use crate::{listener, names, policy, wire};

/// Annotation of a ServiceEntry whose servers' certificates need not have the called name.
const ANY_NAME: &str = "networking.istio.io/disableAutoSanValidation";
/// Hosts known at once; a request for one more is refused until others were not called for a while.
const MOST_HOSTS: u32 = 1024;

/// Makes a cluster one of called hosts.
pub(crate) fn cluster(cluster: &mut Cluster, service: &Service, tls: Option<&ClientTls>) {
    let auto = by_host(cluster, service, tls);
    look_up(cluster, auto);
}

/// The cluster of requests for hosts that nobody knows, where the mesh lets them go to wherever DNS says.
pub(crate) fn anywhere(snapshot: &MeshSnapshot, view: &OutboundView) -> Cluster {
    let (settings, spoken) = (snapshot.settings(), Protocol::Auto);
    let mut found = Cluster { name: names::ANYWHERE.to_owned(), ..Cluster::default() };
    policy::apply_plain(&mut found, spoken, None, settings);
    let ends = [ClientTlsMode::Simple, ClientTlsMode::Mutual];
    let asked = settings.unknown_tls.as_ref().filter(|asked| ends.contains(&asked.mode));
    let plain = UpstreamHttpProtocolOptions {
        auto_sni: true,
        auto_san_validation: true,
        ..UpstreamHttpProtocolOptions::default()
    };
    let auto = asked.map_or(plain, |asked| {
        let namespace = view.namespace.as_str();
        let credentials = Credentials { snapshot, namespace, keys: view.keys };
        Origination { asked, known_names: &[], spoken, credentials }.apply(&mut found);
        policy::known_by_host(&found).unwrap_or_default()
    });
    look_up(&mut found, auto);
    found
}

fn look_up(cluster: &mut Cluster, auto: UpstreamHttpProtocolOptions) {
    let insecure = !(auto.auto_sni && auto.auto_san_validation);
    policy::by_host(cluster, auto);
    let config = of_cluster::ClusterConfig {
        allow_insecure_cluster_options: insecure,
        cluster_implementation_specifier: Some(
            of_cluster::cluster_config::ClusterImplementationSpecifier::DnsCacheConfig(cache()),
        ),
        ..of_cluster::ClusterConfig::default()
    };
    cluster.cluster_discovery_type =
        Some(parts::ClusterDiscoveryType::ClusterType(parts::CustomClusterType {
            name: "envoy.clusters.dynamic_forward_proxy".to_owned(),
            typed_config: Some(wire::any(&config)),
        }));
    cluster.lb_policy = parts::LbPolicy::ClusterProvided.into();
    cluster.lb_config = None;
}

/// What of the called host counts in TLS: its name is asked for and must be proven, as far as no other names are given.
fn by_host(
    cluster: &Cluster,
    service: &Service,
    tls: Option<&ClientTls>,
) -> UpstreamHttpProtocolOptions {
    let entry = service.entry.as_ref();
    let objects = entry.iter().flat_map(|entry| &entry.objects);
    let says = |object: &Object<ServiceEntry>| {
        object.meta.annotations.get(ANY_NAME).is_some_and(|value| value == "true")
    };
    let any_name = objects.into_iter().any(|object| says(object));
    let named = entry.is_some_and(|entry| !entry.subject_alt_names.is_empty())
        || tls.is_some_and(|tls| !tls.subject_alt_names.is_empty());
    let (auto_sni, auto_san_validation) = match tls.map(|tls| tls.mode) {
        None | Some(ClientTlsMode::Disable) => (true, true),
        Some(ClientTlsMode::IstioMutual) => (true, !any_name && !named),
        Some(ClientTlsMode::Simple | ClientTlsMode::Mutual) => {
            let said = policy::known_by_host(cluster).unwrap_or_default();
            (said.auto_sni, said.auto_san_validation && !any_name)
        }
    };
    UpstreamHttpProtocolOptions { auto_sni, auto_san_validation, ..Default::default() }
}

/// Whether hosts of the service are looked up when they are called.
pub(crate) fn is_called(service: &Service) -> bool {
    service.resolution == Resolution::CalledName
}

/// Looks up the host of a request.
pub(crate) fn of_requests() -> HttpFilter {
    let config = of_requests::FilterConfig {
        implementation_specifier: Some(
            of_requests::filter_config::ImplementationSpecifier::DnsCacheConfig(cache()),
        ),
        ..of_requests::FilterConfig::default()
    };
    http_filter("envoy.filters.http.dynamic_forward_proxy", wire::any(&config))
}

/// Looks up the name that a connection asks for in TLS; it goes on to this port of it.
pub(crate) fn of_names(port: u16) -> Filter {
    let config = of_names::FilterConfig {
        dns_cache_config: Some(cache()),
        port_specifier: Some(of_names::filter_config::PortSpecifier::PortValue(u32::from(port))),
        ..of_names::FilterConfig::default()
    };
    listener::network_filter("sni_dynamic_forward_proxy", wire::any(&config))
}

fn cache() -> DnsCacheConfig {
    DnsCacheConfig {
        name: "dynamic_dns".to_owned(),
        dns_lookup_family: parts::DnsLookupFamily::V4Only.into(),
        max_hosts: wire::number(MOST_HOSTS),
        ..DnsCacheConfig::default()
    }
}
