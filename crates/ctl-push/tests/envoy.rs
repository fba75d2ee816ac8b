//! A real Envoy at the other end: it takes configuration, follows changes, and refuses one resource alone.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first surprise")]

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ctl_push::{Access, Debounce, ProxyNode, PushServer, Resources, World};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use weft_admin_api::sync::{ProxySync, SyncState};
use weft_proto::envoy::config::cluster::v3 as cluster;
use weft_proto::envoy::config::core::v3 as core;
use weft_proto::envoy::config::endpoint::v3 as endpoint;
use weft_proto::envoy::config::listener::v3 as listener;
use weft_proto::envoy::config::route::v3 as route;
use weft_proto::envoy::extensions::filters::http::router::v3::Router;
use weft_proto::envoy::extensions::filters::network::http_connection_manager::v3 as hcm;
use weft_proto::google::protobuf::{
    Any, Duration as ProtoDuration, Struct, UInt64Value, Value, value::Kind,
};
use weft_proto::type_url;
use weft_rt::Clock;
use weft_xds::{Layer, Resource, ResourceSet};

const PATH: &str = "/apis/networking.istio.io/v1/namespaces/shop/destination-rule/bad";

/// A mesh of one listener whose only route goes to an EDS cluster.
struct Tiny {
    listen: u16,
    upstream: u16,
    bad: Option<Bad>,
}

/// How a cluster is wrong: Envoy names one that it cannot use, and refuses an answer whole for a value out of bounds.
#[derive(Clone, Copy, PartialEq)]
enum Bad {
    Unusable,
    OutOfBounds,
}

impl World for Tiny {
    type View = ();
    fn view(&self, _: &ProxyNode) {}
    fn resources(&self, (): &()) -> Resources {
        let mut clusters = set([("good", eds_cluster("good"))]);
        if let Some(how) = self.bad {
            use cluster::cluster::{LbConfig, LbPolicy, RingHashLbConfig};
            let mut bad = eds_cluster("bad");
            if how == Bad::Unusable {
                bad.eds_cluster_config = None;
            } else {
                let minimum_ring_size = Some(UInt64Value { value: 9_000_000 });
                let ring = RingHashLbConfig { minimum_ring_size, ..Default::default() };
                bad.lb_policy = LbPolicy::RingHash.into();
                bad.lb_config = Some(LbConfig::RingHashLbConfig(ring));
            }
            clusters.lay(layer([("bad", bad)]));
        }
        let endpoints = endpoints(self.upstream);
        [
            (type_url::CLUSTER, clusters),
            (type_url::ENDPOINTS, set([("good", endpoints)])),
            (type_url::LISTENER, set([("http", http_listener(self.listen))])),
            (type_url::ROUTE, set([("routes", routes())])),
        ]
        .into_iter()
        .collect()
    }
}

fn set<M: prost::Message, const N: usize>(items: [(&str, M); N]) -> ResourceSet {
    let mut set = ResourceSet::new();
    set.lay(layer(items));
    set
}

fn layer<M: prost::Message, const N: usize>(items: [(&str, M); N]) -> Arc<Layer> {
    let encode = |(name, message): (&str, M)| {
        (name.into(), Resource::new(Bytes::from(message.encode_to_vec())))
    };
    Layer::new(items.into_iter().map(encode).collect(), None)
}

fn any<M: prost::Message>(name: &str, message: &M) -> Any {
    Any { type_url: format!("type.googleapis.com/{name}"), value: message.encode_to_vec() }
}

fn ads() -> core::ConfigSource {
    use core::config_source::ConfigSourceSpecifier::Ads;
    core::ConfigSource {
        resource_api_version: core::ApiVersion::V3.into(),
        config_source_specifier: Some(Ads(core::AggregatedConfigSource {})),
        ..Default::default()
    }
}

fn eds_cluster(name: &str) -> cluster::Cluster {
    use cluster::cluster::{ClusterDiscoveryType, DiscoveryType, EdsClusterConfig};
    let config = Value { kind: Some(Kind::StringValue(PATH.into())) };
    let istio = Struct { fields: [("config".to_owned(), config)].into() };
    let filter_metadata = [("istio".to_owned(), istio)].into();
    cluster::Cluster {
        name: name.into(),
        connect_timeout: Some(ProtoDuration { seconds: 1, nanos: 0 }),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::Eds.into())),
        eds_cluster_config: Some(EdsClusterConfig {
            eds_config: Some(ads()),
            service_name: name.into(),
        }),
        metadata: Some(core::Metadata { filter_metadata, ..Default::default() }),
        ..Default::default()
    }
}

fn address(port: u16) -> core::Address {
    let socket = core::SocketAddress {
        address: "127.0.0.1".into(),
        port_specifier: Some(core::socket_address::PortSpecifier::PortValue(port.into())),
        ..Default::default()
    };
    core::Address { address: Some(core::address::Address::SocketAddress(socket)) }
}

fn endpoints(port: u16) -> endpoint::ClusterLoadAssignment {
    use endpoint::lb_endpoint::HostIdentifier;
    let host = endpoint::Endpoint { address: Some(address(port)), ..Default::default() };
    let host = endpoint::LbEndpoint {
        host_identifier: Some(HostIdentifier::Endpoint(host)),
        ..Default::default()
    };
    let local = endpoint::LocalityLbEndpoints { lb_endpoints: vec![host], ..Default::default() };
    endpoint::ClusterLoadAssignment {
        cluster_name: "good".into(),
        endpoints: vec![local],
        ..Default::default()
    }
}

fn http_listener(port: u16) -> listener::Listener {
    let rds = hcm::Rds { config_source: Some(ads()), route_config_name: "routes".into() };
    let router = hcm::HttpFilter {
        name: "router".into(),
        config_type: Some(hcm::http_filter::ConfigType::TypedConfig(any(
            "envoy.extensions.filters.http.router.v3.Router",
            &Router::default(),
        ))),
        ..Default::default()
    };
    let manager = hcm::HttpConnectionManager {
        stat_prefix: "http".into(),
        route_specifier: Some(hcm::http_connection_manager::RouteSpecifier::Rds(rds)),
        http_filters: vec![router],
        ..Default::default()
    };
    let name = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
    let filter = listener::Filter {
        name: "hcm".into(),
        config_type: Some(listener::filter::ConfigType::TypedConfig(any(name, &manager))),
    };
    let chain = listener::FilterChain { filters: vec![filter], ..Default::default() };
    listener::Listener {
        name: "http".into(),
        address: Some(address(port)),
        filter_chains: vec![chain],
        ..Default::default()
    }
}

fn routes() -> route::RouteConfiguration {
    use route::{route::Action, route_action::ClusterSpecifier, route_match::PathSpecifier};
    let to = route::RouteAction {
        cluster_specifier: Some(ClusterSpecifier::Cluster("good".into())),
        ..Default::default()
    };
    let all = route::RouteMatch {
        path_specifier: Some(PathSpecifier::Prefix("/".into())),
        ..Default::default()
    };
    let only =
        route::Route { r#match: Some(all), action: Some(Action::Route(to)), ..Default::default() };
    let host = route::VirtualHost {
        name: "all".into(),
        domains: vec!["*".into()],
        routes: vec![only],
        ..Default::default()
    };
    route::RouteConfiguration {
        name: "routes".into(),
        virtual_hosts: vec![host],
        ..Default::default()
    }
}

async fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

/// An upstream that always says `body`.
async fn upstream(body: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = [0; 4096];
                while stream.read(&mut head).await.is_ok_and(|n| n > 0) {
                    let length = body.len();
                    let answer =
                        format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}");
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            });
        }
    });
    port
}

async fn get(port: u16) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    Some(answer)
}

fn envoy() -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    #[allow(clippy::disallowed_methods, reason = "where the real peers are is the test's setting")]
    let peers = std::env::var("WEFT_PEERS").map_or_else(|_| root.join(".peers/bin"), PathBuf::from);
    let path = peers.join("envoy");
    if path.exists() { path } else { "envoy".into() }
}

fn bootstrap(xds: u16, api_type: &str) -> String {
    let endpoint = serde_json::json!({ "endpoint": { "address": {
        "socket_address": { "address": "127.0.0.1", "port_value": xds } } } });
    let http2 = serde_json::json!({ "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": { "http2_protocol_options": {} } } });
    let node = "sidecar~127.0.0.1~web-1.shop~shop.svc.cluster.local";
    serde_json::json!({
        "node": { "id": node, "cluster": "web" },
        "dynamic_resources": {
            "ads_config": { "api_type": api_type, "transport_api_version": "V3",
                "grpc_services": [{ "envoy_grpc": { "cluster_name": "xds" } }] },
            "cds_config": { "ads": {}, "resource_api_version": "V3" },
            "lds_config": { "ads": {}, "resource_api_version": "V3" } },
        "static_resources": { "clusters": [{ "name": "xds", "type": "STATIC",
            "typed_extension_protocol_options": http2,
            "load_assignment": { "cluster_name": "xds",
                "endpoints": [{ "lb_endpoints": [endpoint] }] } }] },
    })
    .to_string()
}

struct Mesh {
    server: PushServer<Tiny>,
    _envoy: tokio::process::Child,
    _files: tempfile::TempDir,
}

async fn mesh(api_type: &str) -> Mesh {
    let debounce = Debounce { quiet: Duration::from_millis(5), max: Duration::from_millis(50) };
    let (server, settle) = PushServer::<Tiny>::new(debounce, Clock::real());
    tokio::spawn(settle);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let xds = listener.local_addr().unwrap().port();
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    let router = tonic::transport::Server::builder().add_service(server.service(Access::Anyone));
    tokio::spawn(router.serve_with_incoming(incoming));
    let files = tempfile::tempdir().unwrap();
    let config = files.path().join("bootstrap.json");
    std::fs::write(&config, bootstrap(xds, api_type)).unwrap();
    let envoy = envoy();
    let child = tokio::process::Command::new(&envoy)
        .args(["--use-dynamic-base-id", "--concurrency", "1", "-l", "error", "-c"])
        .arg(&config)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap_or_else(|e| panic!("{}: {e}; run `make peers` or set WEFT_PEERS", envoy.display()));
    Mesh { server, _envoy: child, _files: files }
}

/// Polls until `wanted` holds of the only proxy.
async fn until(mesh: &Mesh, what: &str, wanted: impl Fn(&ProxySync) -> bool) -> ProxySync {
    let mut changed = mesh.server.ledger().changed();
    let wait = async {
        loop {
            let report = mesh.server.ledger().report();
            if let Some(proxy) = report.proxies.into_iter().find(|proxy| wanted(proxy)) {
                return proxy;
            }
            changed.changed().await.unwrap();
        }
    };
    let late = tokio::time::timeout(Duration::from_secs(20), wait).await;
    late.unwrap_or_else(|_| panic!("not reached: {what}: {:#?}", mesh.server.ledger().report()))
}

async fn until_answer(port: u16, body: &str) {
    let wait = async {
        while !get(port).await.is_some_and(|answer| answer.ends_with(body)) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait).await.unwrap();
}

async fn follows(api_type: &str) {
    let mesh = mesh(api_type).await;
    let (listen, v1, v2) = (free_port().await, upstream("v1").await, upstream("v2").await);
    let first = Tiny { listen, upstream: v1, bad: None };
    let revision = mesh.server.publish(Arc::new(first));
    let proxy = until(&mesh, "first revision", |p| p.acknowledged >= revision).await;
    assert_eq!((proxy.name.as_str(), proxy.proxy_type.as_str()), ("web-1.shop", "sidecar"));
    assert!(proxy.version.starts_with("envoy 1."), "{}", proxy.version);
    until_answer(listen, "v1").await;

    let moved = Tiny { listen, upstream: v2, bad: None };
    let revision = mesh.server.publish(Arc::new(moved));
    until(&mesh, "moved endpoints", |p| p.acknowledged >= revision).await;
    until_answer(listen, "v2").await;

    let broken = Tiny { listen, upstream: v1, bad: Some(Bad::Unusable) };
    mesh.server.publish(Arc::new(broken));
    let proxy = until(&mesh, "a refusal", |p| p.types[0].state == SyncState::Refused).await;
    let refused = &proxy.types[0].refused[0];
    assert_eq!((refused.resource.as_str(), &refused.objects[..]), ("bad", &[PATH.to_owned()][..]));
    assert!(refused.why.contains("EDS"), "{}", refused.why);
    until_answer(listen, "v1").await;

    let healed = Tiny { listen, upstream: v1, bad: None };
    let revision = mesh.server.publish(Arc::new(healed));
    let done = |p: &ProxySync| p.acknowledged >= revision && p.types[0].refused.is_empty();
    let proxy = until(&mesh, "healed", done).await;
    let states: Vec<_> = proxy.types.iter().map(|t| t.state.as_str()).collect();
    assert_eq!(states, ["SYNCED", "SYNCED", "SYNCED", "SYNCED", "NOT SENT", "NOT SENT"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_envoy_on_the_delta_stream_follows_and_refuses_alone() {
    follows("DELTA_GRPC").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_envoy_on_the_state_of_the_world_stream_follows_and_refuses_alone() {
    follows("GRPC").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_first_answer_that_is_refused_whole_everything_else_is_taken() {
    let mesh = mesh("DELTA_GRPC").await;
    let (listen, v1) = (free_port().await, upstream("v1").await);
    let revision =
        mesh.server.publish(Arc::new(Tiny { listen, upstream: v1, bad: Some(Bad::OutOfBounds) }));
    let proxy = until(&mesh, "all is answered", |p| p.acknowledged >= revision).await;
    let refused: Vec<_> = proxy.types[0].refused.iter().map(|r| r.resource.as_str()).collect();
    assert_eq!(refused, ["bad"]);
    until_answer(listen, "v1").await;
}
