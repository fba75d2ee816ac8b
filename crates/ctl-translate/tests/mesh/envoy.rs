//! A stock Envoy that judges resources: they are written into a static bootstrap, and `envoy --mode validate` reads it.

use std::path::PathBuf;
use std::process::Command;

use ctl_translate::Resources;
use prost::{Message, Name};
use weft_proto::envoy::config::bootstrap::v3::{Admin, Bootstrap, bootstrap::StaticResources};
use weft_proto::envoy::config::cluster::v3::Cluster;
use weft_proto::envoy::config::cluster::v3::cluster::{ClusterDiscoveryType, DiscoveryType};
use weft_proto::envoy::config::core::v3 as core;
use weft_proto::envoy::config::endpoint::v3::ClusterLoadAssignment;
use weft_proto::envoy::config::listener::v3::{FilterChain, Listener, filter::ConfigType};
use weft_proto::envoy::config::route::v3::RouteConfiguration;
use weft_proto::envoy::extensions::filters::network::http_connection_manager::v3 as hcm;
use weft_proto::google::protobuf::Any;
use weft_proto::type_url;

fn decoded<M: Message + Default>(resources: &Resources, kind: &str) -> Vec<M> {
    let all = resources.of(kind).iter();
    all.map(|resource| M::decode(resource.body.clone()).unwrap()).collect()
}

/// What Envoy says against the resources; `None` when it takes them all.
pub(crate) fn objection(resources: &Resources) -> Option<String> {
    judge(&bootstrap(resources))
}

fn judge(bootstrap: &Bootstrap) -> Option<String> {
    let file = tempfile::Builder::new().suffix(".pb").tempfile().unwrap();
    std::fs::write(file.path(), bootstrap.encode_to_vec()).unwrap();
    let envoy = path();
    let output = Command::new(&envoy)
        .args(["--mode", "validate", "-l", "error", "--use-dynamic-base-id", "-c"])
        .arg(file.path())
        .output()
        .unwrap_or_else(|e| panic!("{}: {e}; run `make peers` or set WEFT_PEERS", envoy.display()));
    (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

#[allow(clippy::disallowed_methods, reason = "where the real peers are is the test's setting")]
fn path() -> PathBuf {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../.peers/bin");
    let path = std::env::var("WEFT_PEERS").map_or(own, PathBuf::from).join("envoy");
    if path.exists() { path } else { "envoy".into() }
}

fn bootstrap(resources: &Resources) -> Bootstrap {
    let endpoints: Vec<ClusterLoadAssignment> = decoded(resources, type_url::ENDPOINTS);
    let routes: Vec<RouteConfiguration> = decoded(resources, type_url::ROUTE);
    let mut clusters: Vec<Cluster> = decoded(resources, type_url::CLUSTER);
    clusters.iter_mut().for_each(|cluster| inline_endpoints(cluster, &endpoints));
    clusters.push(secrets());
    let mut listeners: Vec<Listener> = decoded(resources, type_url::LISTENER);
    for listener in &mut listeners {
        let chains = listener.filter_chains.iter_mut().chain(&mut listener.default_filter_chain);
        chains.for_each(|chain| inline_routes(chain, &routes));
    }
    Bootstrap {
        node: Some(core::Node { id: "test".into(), cluster: "test".into(), ..Default::default() }),
        static_resources: Some(StaticResources { listeners, clusters, secrets: Vec::new() }),
        admin: None::<Admin>,
        ..Bootstrap::default()
    }
}

/// Endpoints that would come on the stream.
fn inline_endpoints(cluster: &mut Cluster, all: &[ClusterLoadAssignment]) {
    let Some(eds) = cluster.eds_cluster_config.take() else { return };
    let name = if eds.service_name.is_empty() { &cluster.name } else { &eds.service_name };
    let found = all.iter().find(|assignment| assignment.cluster_name == *name);
    let found = found.unwrap_or_else(|| panic!("no endpoints named {name}"));
    let kind = ClusterDiscoveryType::Type(DiscoveryType::Static.into());
    cluster.cluster_discovery_type = Some(kind);
    cluster.load_assignment =
        Some(ClusterLoadAssignment { cluster_name: cluster.name.clone(), ..found.clone() });
}

/// Routes that would come on the stream.
fn inline_routes(chain: &mut FilterChain, all: &[RouteConfiguration]) {
    use hcm::http_connection_manager::RouteSpecifier;
    for filter in &mut chain.filters {
        let Some(ConfigType::TypedConfig(config)) = &mut filter.config_type else { continue };
        if config.type_url != hcm::HttpConnectionManager::type_url() {
            continue;
        }
        let mut manager = hcm::HttpConnectionManager::decode(config.value.as_slice()).unwrap();
        if let Some(RouteSpecifier::Rds(rds)) = &manager.route_specifier {
            let found = all.iter().find(|routes| routes.name == rds.route_config_name);
            let found = found.unwrap_or_else(|| panic!("no routes {}", rds.route_config_name));
            manager.route_specifier = Some(RouteSpecifier::RouteConfig(found.clone()));
        }
        *config = Any { type_url: config.type_url.clone(), value: manager.encode_to_vec() };
    }
}

/// The cluster that certificates come from.
fn secrets() -> Cluster {
    Cluster {
        name: "sds-grpc".into(),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::Static.into())),
        ..Cluster::default()
    }
}

#[test]
fn the_judge_objects_to_a_wrong_resource() {
    let served = crate::fixture::Mesh::small().served("client.east");
    let mut wrong = bootstrap(&served.0);
    assert_eq!(judge(&wrong), None);
    let resources = wrong.static_resources.as_mut().unwrap();
    let http = resources.listeners.iter_mut().find(|l| l.name == "0.0.0.0_80").unwrap();
    let Some(ConfigType::TypedConfig(config)) = &mut http.filter_chains[0].filters[0].config_type
    else {
        panic!("no filter");
    };
    let mut manager = hcm::HttpConnectionManager::decode(config.value.as_slice()).unwrap();
    let Some(hcm::http_connection_manager::RouteSpecifier::RouteConfig(routes)) =
        &mut manager.route_specifier
    else {
        panic!("no routes");
    };
    let again = routes.virtual_hosts[0].domains.clone();
    routes.virtual_hosts[1].domains = again;
    config.value = manager.encode_to_vec();
    assert!(judge(&wrong).is_some_and(|why| why.contains("domain")));
}
