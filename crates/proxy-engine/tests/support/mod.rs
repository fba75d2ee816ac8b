//! A proxy in this process with real sockets, and small servers behind it.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use proxy_config::ProxyConfig;
use proxy_config::cluster::{Balancer, ByHost, Cluster, Discovery, Protocol};
use proxy_config::endpoint::{Endpoint, Endpoints, Health, Locality};
use proxy_config::http::{
    ClientCert, ClientCertDetails, Codec, EscapedSlashes, HttpFilter, HttpManager, RouteSource,
    ServerHeader,
};
use proxy_config::listener::{
    ChainMatch, Direction, FilterChain, Inspector, Listener, NetworkFilter, TcpProxy,
};
use proxy_config::matcher::Fraction;
use proxy_config::route::{
    FilterOverrides, Forward, HeaderOps, PathMatch, Retry, RetryOn, Route, RouteAction,
    RouteConfig, RouteMatch, VirtualHost, WeightedCluster,
};
use proxy_engine::{Engine, ExplainTo, Options, PeerExchange, TellDenials};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use weft_identity::IdentityStore;
use weft_rt::{Clock, FakeTime};
use weft_telemetry::{ExchangeRecord, Sink, TcpRecord, WatchedRecord};

/// What a sink was told: code, flag, reporter's view.
pub type Told = Arc<Mutex<Vec<(u16, &'static str)>>>;

/// Which policy did not let a call pass, and why.
pub type Denied = Arc<Mutex<Vec<(Option<String>, Option<String>)>>>;

struct Ears(Told, Denied);

impl Sink for Ears {
    fn exchange(&self, r: &ExchangeRecord<'_>) {
        if let Some(denied) = r.denied {
            let one = (denied.policy.map(str::to_owned), denied.why.map(str::to_owned));
            self.1.lock().unwrap().push(one);
        }
        self.0.lock().unwrap().push((r.response_code, r.flags.to_string().leak()));
    }
    fn tcp(&self, r: &TcpRecord<'_>) {
        self.0.lock().unwrap().push((0, r.flag.name()));
    }
    fn watched(&self, r: &WatchedRecord<'_>) {
        let found = if r.allowed { "would pass" } else { "would not" };
        self.0.lock().unwrap().push((1, found));
    }
}

pub struct Proxy {
    pub engine: Engine,
    pub told: Told,
    pub denied: Denied,
    pub config: ProxyConfig,
    /// Issuers whose tokens are signed by keys that are not known.
    pub unknown: mpsc::Receiver<String>,
}

pub fn listener(name: &str, filter: NetworkFilter) -> Listener {
    Listener {
        name: name.into(),
        address: "127.0.0.1:0".parse().unwrap(),
        bind_to_port: true,
        use_original_dst: false,
        reads_original_dst: false,
        tls_inspector: None,
        http_inspector: None,
        introduced: false,
        inspection_timeout: Duration::ZERO,
        continue_on_timeout: true,
        direction: Direction::Outbound,
        filter_chains: vec![Arc::new(chain("main", filter))],
        default_filter_chain: None,
        access_logs: Vec::new(),
    }
}

pub fn chain(name: &str, filter: NetworkFilter) -> FilterChain {
    FilterChain {
        name: name.into(),
        matches: ChainMatch::default(),
        tls: None,
        handshake_timeout: None,
        filters: vec![filter],
    }
}

pub fn inspector() -> Option<Inspector> {
    Some(Inspector::default())
}

pub fn manager(filters: Vec<HttpFilter>) -> NetworkFilter {
    NetworkFilter::Http(Arc::new(HttpManager {
        stat_prefix: "test".into(),
        codec: Codec::Auto,
        routes: RouteSource::Named("80".into()),
        filters,
        access_logs: Vec::new(),
        server_name: "istio-envoy".into(),
        server_header: ServerHeader::Overwrite,
        normalize_path: true,
        merge_slashes: false,
        escaped_slashes: EscapedSlashes::Keep,
        client_cert: ClientCert::AppendForward,
        client_cert_details: ClientCertDetails { uri: true, ..ClientCertDetails::default() },
        proxy_100_continue: false,
        use_remote_address: false,
        trusted_hops: 0,
        generate_request_id: true,
        preserve_external_request_id: true,
        upgrades: vec!["websocket".into()],
        request_timeout: None,
        stream_idle_timeout: None,
        idle_timeout: None,
        drain_timeout: Duration::from_secs(5),
        max_request_headers_kb: 60,
        accept_http_10: true,
        keep_case: false,
        http2_connect: true,
        max_concurrent_streams: None,
    }))
}

/// The same with another connection manager at every HTTP chain.
pub fn manager_with(mut config: ProxyConfig, change: impl Fn(&mut HttpManager)) -> ProxyConfig {
    for listener in config.listeners.values_mut() {
        for chain in &mut Arc::make_mut(listener).filter_chains {
            for filter in &mut Arc::make_mut(chain).filters {
                if let NetworkFilter::Http(manager) = filter {
                    change(Arc::make_mut(manager));
                }
            }
        }
    }
    config
}

pub fn tcp(cluster: &str) -> NetworkFilter {
    NetworkFilter::Tcp(Arc::new(TcpProxy {
        stat_prefix: "test".into(),
        clusters: vec![(cluster.into(), 1)],
        idle_timeout: None,
        max_duration: None,
        by_source_ip: false,
        tunnel: None,
        access_logs: Vec::new(),
    }))
}

pub fn forward(cluster: &str) -> Forward {
    Forward {
        clusters: vec![WeightedCluster {
            cluster: cluster.into(),
            weight: 1,
            headers: HeaderOps::default(),
        }],
        timeout: None,
        idle_timeout: None,
        max_grpc_timeout: None,
        retry: None,
        rewrite: None,
        host_rewrite: None,
        hash: Vec::new(),
        mirrors: Vec::new(),
        upgrades: None,
        cluster_not_found: 503,
    }
}

pub fn retry(num_retries: u32) -> Arc<Retry> {
    Arc::new(Retry {
        on: RetryOn {
            connect_failure: true,
            refused_stream: true,
            any_5xx: true,
            ..RetryOn::default()
        },
        status_codes: Vec::new(),
        num_retries,
        per_try_timeout: None,
        back_off: (Duration::from_millis(1), Duration::from_millis(10)),
        avoid_previous_hosts: true,
        remote: false,
        host_attempts: 5,
    })
}

pub fn route(prefix: &str, action: Forward) -> Route {
    Route {
        name: "default".into(),
        matches: RouteMatch {
            path: PathMatch::Prefix(prefix.into()),
            case_sensitive: true,
            headers: Vec::new(),
            query: Vec::new(),
            claims: Vec::new(),
            grpc: false,
            fraction: Fraction::ALWAYS,
        },
        action: RouteAction::Forward(Arc::new(action)),
        headers: HeaderOps::default(),
        filters: FilterOverrides::default(),
        decorator: "".into(),
    }
}

pub fn routes(routes: Vec<Route>) -> Arc<RouteConfig> {
    Arc::new(RouteConfig {
        name: "80".into(),
        virtual_hosts: vec![VirtualHost {
            name: "all".into(),
            domains: vec!["*".into()],
            routes,
            headers: HeaderOps::default(),
            retry: None,
            include_attempt_count: true,
            filters: FilterOverrides::default(),
        }],
        ignore_port: true,
        headers: HeaderOps::default(),
    })
}

pub fn cluster(name: &str, addresses: &[SocketAddr]) -> Cluster {
    let endpoint = |address: &SocketAddr| Endpoint {
        address: *address,
        priority: 0,
        weight: 1,
        locality: Arc::new(Locality::default()),
        health: Health::Healthy,
        about: Arc::default(),
    };
    Cluster {
        name: name.into(),
        discovery: Discovery::Static(Arc::new(Endpoints {
            name: name.into(),
            endpoints: addresses.iter().map(endpoint).collect(),
            overprovisioning: None,
        })),
        balancer: Balancer::RoundRobin,
        connect_timeout: Duration::from_secs(2),
        protocol: Protocol::Http1,
        keep_case: false,
        transport_matches: Vec::new(),
        tls: None,
        by_host: ByHost::default(),
        proxy_protocol: None,
        limits: proxy_config::cluster::Limits::default(),
        outlier: None,
        idle_timeout: None,
        max_requests_per_connection: None,
        source: None,
        keepalive: None,
        slow_start: None,
        weighs_localities: false,
        max_connection_duration: None,
        max_streams: None,
        pings: None,
        panic_threshold: 0,
        service: None,
    }
}

/// A configuration of one HTTP listener and one cluster per name.
pub fn config(
    listeners: Vec<Listener>,
    routes: Arc<RouteConfig>,
    clusters: Vec<Cluster>,
) -> ProxyConfig {
    let mut config = ProxyConfig { version: 1, ..ProxyConfig::default() };
    for l in listeners {
        config.listeners.insert(Arc::clone(&l.name), Arc::new(l));
    }
    config.routes.insert(Arc::clone(&routes.name), routes);
    for c in clusters {
        config.clusters.insert(Arc::clone(&c.name), Arc::new(c));
    }
    config
}

/// HTTP listener "in" with one route to the given servers.
pub fn simple(addresses: &[SocketAddr]) -> ProxyConfig {
    let routes = routes(vec![route("/", forward("c"))]);
    config(vec![listener("in", manager(Vec::new()))], routes, vec![cluster("c", addresses)])
}

impl Proxy {
    pub fn start(config: ProxyConfig) -> Self {
        Self::with_identity(config, IdentityStore::new())
    }

    pub fn with_identity(config: ProxyConfig, identity: IdentityStore) -> Self {
        Self::with(config, identity, Duration::from_secs(30), Clock::real())
    }

    pub fn with_listener_drain(config: ProxyConfig, drain: Duration) -> Self {
        Self::with(config, IdentityStore::new(), drain, Clock::real())
    }

    /// A proxy whose time the test moves.
    pub fn in_time(config: ProxyConfig) -> (Self, FakeTime) {
        let (clock, time) = Clock::fake();
        (Self::with(config, IdentityStore::new(), Duration::from_secs(30), clock), time)
    }

    /// A proxy that says why rules did not let a call pass.
    pub fn that_tells(config: ProxyConfig, denials: TellDenials) -> Self {
        let (drain, clock) = (Duration::from_secs(30), Clock::real());
        Self::telling(config, IdentityStore::new(), drain, clock, denials)
    }

    fn with(
        config: ProxyConfig,
        identity: IdentityStore,
        listener_drain: Duration,
        clock: Clock,
    ) -> Self {
        Self::telling(config, identity, listener_drain, clock, TellDenials::default())
    }

    fn telling(
        config: ProxyConfig,
        identity: IdentityStore,
        listener_drain: Duration,
        clock: Clock,
        denials: TellDenials,
    ) -> Self {
        let (told, denied) = (Told::default(), Denied::default());
        let exchange =
            PeerExchange { id: "test~node".into(), metadata: "bWU=".into(), read: |_| None };
        let sinks: Vec<Box<dyn Sink + Send>> =
            vec![Box::new(Ears(Arc::clone(&told), Arc::clone(&denied)))];
        let network = proxy_engine::Network::tcp();
        let (unknown_keys, unknown) = mpsc::channel(1);
        let options = Options {
            identity,
            exchange,
            sinks,
            listener_drain,
            denials,
            explain_to: ExplainTo::default(),
            clock,
            network,
            unknown_keys,
        };
        let engine = Engine::start(options).unwrap();
        let problems = engine.publish(&config);
        assert!(problems.is_empty(), "{problems:?}");
        Self { engine, told, denied, config, unknown }
    }

    pub fn publish(&mut self, change: impl FnOnce(&mut ProxyConfig)) {
        change(&mut self.config);
        self.config.version += 1;
        let problems = self.engine.publish(&self.config);
        assert!(problems.is_empty(), "{problems:?}");
    }

    /// Address of a bound listener.
    pub fn address(&self, name: &str) -> SocketAddr {
        wait_for(|| self.engine.bound().all().get(name).cloned()).unwrap()
    }
}

/// Polls until there is a value.
pub fn wait_for<T>(mut poll: impl FnMut() -> Option<T>) -> T {
    #[expect(clippy::disallowed_methods, reason = "a test's deadline")]
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(value) = poll() {
            return value;
        }
        #[expect(clippy::disallowed_methods, reason = "a test's deadline")]
        let now = Instant::now();
        assert!(now < end, "nothing within ten seconds");
        std::thread::yield_now();
    }
}

/// A server that hands each connection to `serve`, with the connection's number.
pub async fn server<F, Fut>(serve: F) -> SocketAddr
where
    F: Fn(usize, TcpStream) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut number = 0;
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(number, stream));
            number += 1;
        }
    });
    address
}

/// Reads one head, up to the empty line.
pub async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let byte = stream.read_u8().await.ok()?;
        head.push(byte);
    }
    String::from_utf8(head).ok()
}

/// A server that answers every request with its head as the body.
pub async fn mirror() -> SocketAddr {
    server(|_, mut stream| async move {
        while let Some(head) = read_head(&mut stream).await {
            let length = head
                .lines()
                .find_map(|l| l.strip_prefix("content-length: "))
                .map_or(0, |v| v.parse::<usize>().unwrap());
            let mut body = vec![0; length];
            stream.read_exact(&mut body).await.unwrap();
            let text = format!("{head}{}", String::from_utf8_lossy(&body));
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len());
            if stream.write_all(answer.as_bytes()).await.is_err() {
                break;
            }
        }
    })
    .await
}

/// Sends raw bytes and reads everything until the proxy closes.
pub async fn raw(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer));
    read.await.expect("the proxy closes").ok();
    String::from_utf8_lossy(&answer).into_owned()
}
