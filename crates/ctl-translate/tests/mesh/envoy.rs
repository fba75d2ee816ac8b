//! A stock Envoy that judges resources: they are written into a static bootstrap, and `envoy --mode validate` reads it.

use std::path::PathBuf;
use std::process::Command;

use ctl_translate::Resources;
use prost::{Message, Name};
use weft_proto::envoy::config::bootstrap::v3::{Admin, Bootstrap, bootstrap::StaticResources};
use weft_proto::envoy::config::cluster::v3::Cluster;
use weft_proto::envoy::config::cluster::v3::cluster::{ClusterDiscoveryType, DiscoveryType};
use weft_proto::envoy::config::core::v3 as core;
use weft_proto::envoy::config::core::v3::transport_socket::ConfigType as SocketConfig;
use weft_proto::envoy::config::endpoint::v3::ClusterLoadAssignment;
use weft_proto::envoy::config::listener::v3::{FilterChain, Listener, filter::ConfigType};
use weft_proto::envoy::config::route::v3::RouteConfiguration;
use weft_proto::envoy::extensions::filters::network::http_connection_manager::v3 as hcm;
use weft_proto::envoy::extensions::transport_sockets::tls::v3 as tls;
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

pub(crate) fn judge(bootstrap: &Bootstrap) -> Option<String> {
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

pub(crate) fn bootstrap(resources: &Resources) -> Bootstrap {
    let endpoints: Vec<ClusterLoadAssignment> = decoded(resources, type_url::ENDPOINTS);
    let routes: Vec<RouteConfiguration> = decoded(resources, type_url::ROUTE);
    let mut clusters: Vec<Cluster> = decoded(resources, type_url::CLUSTER);
    clusters.iter_mut().for_each(|cluster| inline_endpoints(cluster, &endpoints));
    clusters.iter_mut().for_each(secrets_from_elsewhere);
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

/// An Envoy that validates has no stream yet when it meets the clusters of its bootstrap, and ends over secrets from there.
fn secrets_from_elsewhere(cluster: &mut Cluster) {
    use tls::common_tls_context::ValidationContextType;
    let Some(socket) = &mut cluster.transport_socket else { return };
    let Some(SocketConfig::TypedConfig(config)) = &mut socket.config_type else { return };
    if config.type_url != tls::UpstreamTlsContext::type_url() {
        return;
    }
    let mut context = tls::UpstreamTlsContext::decode(config.value.as_slice()).unwrap();
    let Some(common) = &mut context.common_tls_context else { return };
    let roots = match &mut common.validation_context_type {
        Some(ValidationContextType::CombinedValidationContext(both)) => {
            both.validation_context_sds_secret_config.as_mut()
        }
        _ => None,
    };
    for secret in common.tls_certificate_sds_secret_configs.iter_mut().chain(roots) {
        secret.sds_config = Some(from_cluster("sds-grpc"));
    }
    config.value = context.encode_to_vec();
}

fn from_cluster(name: &str) -> core::ConfigSource {
    use core::grpc_service::{EnvoyGrpc, TargetSpecifier};
    let service = core::GrpcService {
        target_specifier: Some(TargetSpecifier::EnvoyGrpc(EnvoyGrpc {
            cluster_name: name.into(),
            ..Default::default()
        })),
        ..Default::default()
    };
    let api = core::ApiConfigSource {
        api_type: core::api_config_source::ApiType::Grpc.into(),
        transport_api_version: core::ApiVersion::V3.into(),
        grpc_services: vec![service],
        ..Default::default()
    };
    core::ConfigSource {
        config_source_specifier: Some(core::config_source::ConfigSourceSpecifier::ApiConfigSource(
            api,
        )),
        resource_api_version: core::ApiVersion::V3.into(),
        ..Default::default()
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
