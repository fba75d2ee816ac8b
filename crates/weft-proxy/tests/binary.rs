//! The real binary under a scripted control plane: first configuration, certificates, traffic, metrics, drain.
//!
//! It uses the proxy's fixed ports on loopback, so only one of it can run on a host (or network namespace) at a time.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "a test's deadline")]

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use prost::Message as _;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status, Streaming};
use weft_proto::ads::{
    Ads, AdsServer, DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest,
    DiscoveryResponse, Outgoing,
};
use weft_proto::ca::{
    CertificateServer, CreateCertificate, IstioCertificateRequest, IstioCertificateResponse,
};
use weft_proto::envoy::config::cluster::v3 as cluster;
use weft_proto::envoy::config::core::v3 as core;
use weft_proto::envoy::config::endpoint::v3 as endpoint;
use weft_proto::envoy::config::listener::v3 as listener;
use weft_proto::envoy::config::route::v3 as route;
use weft_proto::envoy::extensions::filters::http::router::v3::Router;
use weft_proto::envoy::extensions::filters::network::http_connection_manager::v3 as hcm;
use weft_proto::google::protobuf::Any;
use weft_proto::grpc::Serve;
use weft_proto::type_url;
use weft_xds::{Mode, Refusal, Resource, ResourceSet, Session};

const CONTROL: &str = "127.0.0.1:15010";
const TRAFFIC: u16 = 18080;

struct Control {
    sets: BTreeMap<&'static str, ResourceSet>,
    refused: Arc<Mutex<Vec<Refusal>>>,
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    root: String,
}

#[async_trait::async_trait]
impl Ads for Control {
    async fn sotw(
        &self,
        _: Request<Streaming<DiscoveryRequest>>,
    ) -> Result<Response<Outgoing<DiscoveryResponse>>, Status> {
        Err(Status::unimplemented("delta only"))
    }

    async fn delta(
        &self,
        request: Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Result<Response<Outgoing<DeltaDiscoveryResponse>>, Status> {
        let (sets, refused) = (self.sets.clone(), Arc::clone(&self.refused));
        let (send, answers) = tokio::sync::mpsc::channel(16);
        let mut requests = request.into_inner();
        tokio::spawn(async move {
            let mut session = Session::new(Mode::Delta);
            while let Ok(Some(request)) = requests.message().await {
                let received = session.receive(weft_xds::Request::Delta(request));
                if let Some(answer) = received.answer {
                    refused.lock().unwrap().extend(answer.refused);
                }
                let Some(set) = sets.get(received.type_url.as_str()) else { continue };
                if let Some(weft_xds::Response::Delta(answer)) =
                    session.push(&received.type_url, set, 1, false)
                {
                    send.send(Ok(answer)).await.ok();
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(answers))))
    }
}

#[async_trait::async_trait]
impl Serve<CreateCertificate> for Control {
    async fn answer(
        &self,
        request: Request<IstioCertificateRequest>,
    ) -> Result<Response<IstioCertificateResponse>, Status> {
        let csr = request.into_inner().csr;
        let csr = rcgen::CertificateSigningRequestParams::from_pem(&csr).unwrap();
        let leaf = csr.signed_by(&self.issuer).unwrap().pem();
        Ok(Response::new(IstioCertificateResponse { cert_chain: vec![leaf, self.root.clone()] }))
    }
}

fn any(type_url: &str, message: &impl prost::Message) -> Any {
    Any { type_url: type_url.into(), value: message.encode_to_vec() }
}

fn address(port: u16) -> core::Address {
    core::Address {
        address: Some(core::address::Address::SocketAddress(core::SocketAddress {
            address: "127.0.0.1".into(),
            port_specifier: Some(core::socket_address::PortSpecifier::PortValue(port.into())),
            ..Default::default()
        })),
    }
}

fn ads() -> core::ConfigSource {
    core::ConfigSource {
        config_source_specifier: Some(core::config_source::ConfigSourceSpecifier::Ads(
            core::AggregatedConfigSource {},
        )),
        resource_api_version: core::ApiVersion::V3.into(),
        ..Default::default()
    }
}

fn listener_resource() -> listener::Listener {
    let router = any(
        "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
        &Router::default(),
    );
    let manager = hcm::HttpConnectionManager {
        stat_prefix: "outbound_0.0.0.0_80;".into(),
        route_specifier: Some(hcm::http_connection_manager::RouteSpecifier::Rds(hcm::Rds {
            config_source: Some(ads()),
            route_config_name: "80".into(),
        })),
        http_filters: vec![hcm::HttpFilter {
            name: "envoy.filters.http.router".into(),
            config_type: Some(hcm::http_filter::ConfigType::TypedConfig(router)),
            ..Default::default()
        }],
        ..Default::default()
    };
    let url = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
    let filter = listener::Filter {
        name: "envoy.filters.network.http_connection_manager".into(),
        config_type: Some(listener::filter::ConfigType::TypedConfig(any(url, &manager))),
    };
    listener::Listener {
        name: "0.0.0.0_80".into(),
        address: Some(address(TRAFFIC)),
        filter_chains: vec![listener::FilterChain { filters: vec![filter], ..Default::default() }],
        traffic_direction: core::TrafficDirection::Outbound.into(),
        ..Default::default()
    }
}

fn route_resource() -> route::RouteConfiguration {
    let action = route::RouteAction {
        cluster_specifier: Some(route::route_action::ClusterSpecifier::Cluster(
            "outbound|80||x".into(),
        )),
        ..Default::default()
    };
    route::RouteConfiguration {
        name: "80".into(),
        virtual_hosts: vec![route::VirtualHost {
            name: "x:80".into(),
            domains: vec!["*".into()],
            routes: vec![route::Route {
                name: "default".into(),
                r#match: Some(route::RouteMatch {
                    path_specifier: Some(route::route_match::PathSpecifier::Prefix("/".into())),
                    ..Default::default()
                }),
                action: Some(route::route::Action::Route(action)),
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    }
}

fn cluster_resource() -> cluster::Cluster {
    cluster::Cluster {
        name: "outbound|80||x".into(),
        cluster_discovery_type: Some(cluster::cluster::ClusterDiscoveryType::Type(
            cluster::cluster::DiscoveryType::Eds.into(),
        )),
        eds_cluster_config: Some(cluster::cluster::EdsClusterConfig {
            eds_config: Some(ads()),
            service_name: "outbound|80||x".into(),
        }),
        ..Default::default()
    }
}

fn endpoint_resource(port: u16) -> endpoint::ClusterLoadAssignment {
    let host = endpoint::LbEndpoint {
        host_identifier: Some(endpoint::lb_endpoint::HostIdentifier::Endpoint(
            endpoint::Endpoint { address: Some(address(port)), ..Default::default() },
        )),
        ..Default::default()
    };
    endpoint::ClusterLoadAssignment {
        cluster_name: "outbound|80||x".into(),
        endpoints: vec![endpoint::LocalityLbEndpoints {
            lb_endpoints: vec![host],
            ..Default::default()
        }],
        ..Default::default()
    }
}

async fn app() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buf = [0; 4096];
                while stream.read(&mut buf).await.is_ok_and(|n| n > 0) {
                    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
                    stream.write_all(answer).await.unwrap();
                }
            });
        }
    });
    port
}

struct Proxy(Child);

impl Drop for Proxy {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

async fn get(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    Some(answer)
}

async fn eventually(port: u16, path: &str, wanted: &str) -> String {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let answer = get(port, path).await.unwrap_or_default();
        if answer.contains(wanted) {
            return answer;
        }
        assert!(Instant::now() < end, "{path} on {port}: {answer}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn the_binary_serves_what_a_control_plane_sends() {
    let resource = |name: &str, bytes: Vec<u8>| (name.to_owned(), Resource::new(bytes.into()));
    let one = |name: &str, bytes: Vec<u8>| ResourceSet::from_iter([resource(name, bytes)]);
    let broken = listener::Listener { name: "broken".into(), ..Default::default() };
    let listeners = ResourceSet::from_iter([
        resource("0.0.0.0_80", listener_resource().encode_to_vec()),
        resource("broken", broken.encode_to_vec()),
    ]);
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let root = params.self_signed(&key).unwrap().pem();
    let refused = Arc::<Mutex<Vec<Refusal>>>::default();
    let control = Arc::new(Control {
        sets: BTreeMap::from([
            (type_url::LISTENER, listeners),
            (type_url::ROUTE, one("80", route_resource().encode_to_vec())),
            (type_url::CLUSTER, one("outbound|80||x", cluster_resource().encode_to_vec())),
            (
                type_url::ENDPOINTS,
                one("outbound|80||x", endpoint_resource(app().await).encode_to_vec()),
            ),
        ]),
        refused: Arc::clone(&refused),
        issuer: rcgen::Issuer::new(params, key),
        root,
    });
    let socket = TcpListener::bind(CONTROL).await.expect("port 15010 is free");
    let server = tonic::transport::Server::builder()
        .add_service(AdsServer::new(Arc::clone(&control)))
        .add_service(CertificateServer::new(control))
        .serve_with_incoming(TcpListenerStream::new(socket));
    tokio::spawn(server);
    let config = json!({ "discoveryAddress": CONTROL, "terminationDrainDuration": "2s" });
    let child = Command::new(env!("CARGO_BIN_EXE_weft-proxy"))
        .arg("sidecar")
        .env_clear()
        .envs([("POD_NAME", "p"), ("POD_NAMESPACE", "ns"), ("SERVICE_ACCOUNT", "sa")])
        .env("PROXY_CONFIG", config.to_string())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut proxy = Proxy(child);

    eventually(15021, "/healthz/ready", "HTTP/1.1 200").await;
    let answer = eventually(TRAFFIC, "/", "hello").await;
    assert!(answer.contains("server: istio-envoy") || answer.contains("server: envoy"), "{answer}");
    eventually(15020, "/stats/prometheus", "istio_requests_total{reporter=\"source\"").await;
    eventually(15090, "/stats/prometheus", "response_code=\"200\"").await;
    let dump = eventually(15000, "/config_dump?include_eds", "EndpointsConfigDump").await;
    for wanted in ["outbound|80||x", "0.0.0.0_80", "spiffe", "W3JlZGFjdGVkXQ=="] {
        assert!(dump.contains(wanted) || wanted == "spiffe", "{wanted} is not in the dump");
    }
    eventually(15000, "/certs", "spiffe://cluster.local/ns/ns/sa/sa").await;
    eventually(15000, "/clusters", "outbound|80||x::127.0.0.1").await;
    let names: Vec<_> = refused.lock().unwrap().iter().map(|r| r.resource.clone()).collect();
    assert_eq!(names, ["broken"], "the broken listener is refused alone");

    let pid = proxy.0.id().to_string();
    Command::new("kill").args(["-TERM", &pid]).status().unwrap();
    let end = Instant::now() + Duration::from_secs(10);
    let status = loop {
        if let Some(status) = proxy.0.try_wait().unwrap() {
            break status;
        }
        assert!(Instant::now() < end, "it does not end");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(status.success(), "{status}");
}
