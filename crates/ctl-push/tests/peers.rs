//! Our own client at the other end: restarts, slow proxies, order of removal, proof of identity, shared translations.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first surprise")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use bytes::Bytes;
use ctl_push::{Access, Debounce, Identity, ProxyNode, PushServer, Resources, StreamAuth, World};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::Status;
use tonic::metadata::MetadataMap;
use weft_proto::envoy::config::core::v3::Node;
use weft_proto::grpc::call;
use weft_proto::type_url::{CLUSTER, LISTENER, ROUTE, SECRET};
use weft_proto::withdrawal::{AwaitWithdrawn, AwaitWithdrawnRequest};
use weft_rt::Clock;
use weft_xds::{
    Client, ClientOptions, Refusal, Resource, ResourceSet, Target, Update, Verdict, client, connect,
};

/// Clusters and routes by name; every namespace is a view of its own.
#[derive(Default)]
struct Words {
    clusters: Vec<(&'static str, &'static str)>,
    routes: Vec<(&'static str, &'static str)>,
    translations: AtomicUsize,
}

impl World for Words {
    type View = String;
    fn view(&self, proxy: &ProxyNode) -> String {
        proxy.namespace.clone()
    }
    /// A cluster's name stands for the pod that it sends to.
    fn sends_to(&self, _namespace: &str, pod: &str) -> bool {
        self.clusters.iter().any(|(name, _)| *name == pod)
    }
    fn resources(&self, _: &String) -> Resources {
        self.translations.fetch_add(1, SeqCst);
        let set = |items: &[(&'static str, &'static str)]| -> ResourceSet {
            let resource = |body: &'static str| Resource::new(Bytes::from_static(body.as_bytes()));
            items.iter().map(|(name, body)| ((*name).to_owned(), resource(body))).collect()
        };
        let secrets = set(&[("kubernetes://c", "key")]);
        [(CLUSTER, set(&self.clusters)), (ROUTE, set(&self.routes)), (SECRET, secrets)]
            .into_iter()
            .collect()
    }
}

fn words(
    clusters: &[(&'static str, &'static str)],
    routes: &[(&'static str, &'static str)],
) -> Arc<Words> {
    Arc::new(Words { clusters: clusters.to_vec(), routes: routes.to_vec(), ..Words::default() })
}

fn server() -> PushServer<Words> {
    let debounce = Debounce { quiet: Duration::from_millis(2), max: Duration::from_millis(20) };
    let (server, settle) = PushServer::new(debounce, Clock::real());
    tokio::spawn(settle);
    server
}

async fn serve(
    server: &PushServer<Words>,
    address: &str,
    access: Access,
) -> (String, JoinHandle<()>) {
    let listener = bind(address).await;
    let address = listener.local_addr().unwrap().to_string();
    let router = tonic::transport::Server::builder()
        .add_service(server.service(access.clone()))
        .add_service(server.withdrawals(access));
    let serving = router.serve_with_incoming(TcpListenerStream::new(listener));
    (address, tokio::spawn(async move { serving.await.unwrap() }))
}

/// A process that was ended just now may still hold its port for a moment.
async fn bind(address: &str) -> TcpListener {
    let free = async {
        loop {
            match TcpListener::bind(address).await {
                Ok(listener) => return listener,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(5), free).await.unwrap()
}

struct Proxy {
    client: Client,
    updates: mpsc::Receiver<Update>,
    running: JoinHandle<()>,
}

impl Proxy {
    async fn start(address: &str, pod: &str) -> Self {
        let target = Target::Plain(address.to_owned());
        let options = ClientOptions {
            node: Node {
                id: format!("sidecar~10.0.0.1~{pod}.shop~shop.svc.cluster.local"),
                ..Default::default()
            },
            connect: Arc::new(move || {
                let target = target.clone();
                Box::pin(async move { connect(&target, None).await })
            }),
            headers: Arc::new(|| {
                let mut headers = MetadataMap::new();
                headers.insert("authorization", "Bearer t".parse().unwrap());
                Ok(headers)
            }),
            clock: Clock::real(),
        };
        let (client, updates, run) = client(options);
        for type_url in [CLUSTER, LISTENER, ROUTE] {
            client.subscribe_all(type_url).await;
        }
        Self { client, updates, running: tokio::spawn(run) }
    }

    async fn next(&mut self) -> Update {
        let next = tokio::time::timeout(Duration::from_secs(10), self.updates.recv());
        next.await.unwrap_or_else(|_| panic!("no update in time")).unwrap()
    }

    /// Accepts updates until one of `type_url` comes that carries something.
    async fn accept_until(&mut self, type_url: &str) -> (Vec<String>, Vec<String>) {
        loop {
            let update = self.next().await;
            self.client.answer(update.id.clone(), Verdict::Accept).await;
            let names: Vec<_> = update.upserts.iter().map(|u| u.name.clone()).collect();
            if update.type_url == type_url && !(names.is_empty() && update.removed.is_empty()) {
                return (names, update.removed);
            }
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.running.abort();
    }
}

async fn acknowledged(server: &PushServer<Words>, revision: u64, proxies: usize) {
    let mut changed = server.ledger().changed();
    let wait = async {
        while server.ledger().report().progress(revision).acknowledged < proxies {
            changed.changed().await.unwrap();
        }
    };
    let late = tokio::time::timeout(Duration::from_secs(10), wait).await;
    late.unwrap_or_else(|_| panic!("{revision}: {:#?}", server.ledger().report()));
}

#[tokio::test]
async fn a_restarted_server_sends_only_what_changed_meanwhile() {
    // A runtime of its own, so that it can end at once with all its connections, as a killed process does.
    let process = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let first = process.spawn(async { server() }).await.unwrap();
    first.publish(words(&[("a", "1"), ("b", "1"), ("c", "1")], &[]));
    let serving = first.clone();
    let serving =
        process.spawn(async move { serve(&serving, "127.0.0.1:0", Access::Anyone).await });
    let (address, _serving) = serving.await.unwrap();
    let mut proxy = Proxy::start(&address, "web-1").await;
    assert_eq!(proxy.accept_until(CLUSTER).await.0, ["a", "b", "c"]);
    acknowledge_rest(&mut proxy, &first, 1).await;
    process.shutdown_background();

    let mut connected = proxy.client.connected();
    let lost = connected.wait_for(|connected| !connected);
    drop(tokio::time::timeout(Duration::from_secs(10), lost).await.unwrap().unwrap());
    let second = server();
    second.publish(words(&[("a", "1"), ("b", "2")], &[]));
    let _serving = serve(&second, &address, Access::Anyone).await;
    let (upserts, mut removed) = proxy.accept_until(CLUSTER).await;
    assert_eq!(upserts, ["b"]);
    if removed.is_empty() {
        removed = proxy.accept_until(CLUSTER).await.1;
    }
    assert_eq!(removed, ["c"]);
}

/// Answers whatever comes until the ledger says that all is acknowledged.
async fn acknowledge_rest(proxy: &mut Proxy, server: &PushServer<Words>, revision: u64) {
    tokio::select! {
        () = acknowledged(server, revision, 1) => {}
        () = async { loop { proxy.accept_until("none").await; } } => {}
    }
}

#[tokio::test]
async fn clusters_vanish_only_after_the_routes_that_used_them() {
    let server = server();
    server.publish(words(&[("old", "1")], &[("r", "to old")]));
    let (address, _serving) = serve(&server, "127.0.0.1:0", Access::Anyone).await;
    let mut proxy = Proxy::start(&address, "web-1").await;
    acknowledge_rest(&mut proxy, &server, 1).await;

    server.publish(words(&[("new", "1")], &[("r", "to new")]));
    let update = proxy.next().await;
    assert_eq!((update.type_url.as_str(), update.upserts[0].name.as_str()), (CLUSTER, "new"));
    assert!(update.removed.is_empty());
    let route = proxy.next().await;
    assert_eq!(route.type_url, ROUTE);
    proxy.client.answer(update.id, Verdict::Accept).await;
    let early = tokio::time::timeout(Duration::from_millis(50), proxy.updates.recv()).await;
    assert!(early.is_err(), "the route is not answered yet: {early:?}");
    proxy.client.answer(route.id, Verdict::Accept).await;
    assert_eq!(proxy.accept_until(CLUSTER).await, (vec![], vec!["old".to_owned()]));
}

#[tokio::test]
async fn a_slow_proxy_skips_revisions_and_equal_views_are_translated_once() {
    let server = server();
    server.publish(words(&[("a", "0")], &[]));
    let (address, _serving) = serve(&server, "127.0.0.1:0", Access::Anyone).await;
    let mut slow = Proxy::start(&address, "slow").await;
    let mut other = Proxy::start(&address, "other").await;
    let held = slow.next().await;
    acknowledge_rest(&mut other, &server, 1).await;
    let bodies = ["1", "2", "3", "4"];
    let mut last = None;
    for body in bodies {
        let world = words(&[("a", body)], &[]);
        let revision = server.publish(world.clone());
        acknowledge_rest(&mut other, &server, revision).await;
        last = Some(world);
    }
    slow.client.answer(held.id, Verdict::Accept).await;
    let mut seen = BTreeMap::new();
    let upsert = loop {
        let update = slow.next().await;
        slow.client.answer(update.id, Verdict::Accept).await;
        *seen.entry(update.type_url).or_insert(0) += 1;
        if let Some(upsert) = update.upserts.into_iter().next() {
            break upsert;
        }
    };
    assert_eq!(upsert.body, "4", "1 to 3 were never sent");
    acknowledged(&server, 5, 1).await;
    assert_eq!(last.unwrap().translations.load(SeqCst), 1, "two proxies, one view");
}

#[tokio::test]
async fn a_refusal_stands_in_the_ledger_until_it_is_healed() {
    let server = server();
    server.publish(words(&[("good", "1"), ("bad", "x")], &[]));
    let (address, _serving) = serve(&server, "127.0.0.1:0", Access::Anyone).await;
    let mut proxy = Proxy::start(&address, "web-1").await;
    let update = proxy.next().await;
    let refusal = Refusal { resource: "bad".into(), why: "field x: no".into() };
    proxy.client.answer(update.id, Verdict::Reject(vec![refusal])).await;
    acknowledge_rest(&mut proxy, &server, 1).await;
    let refused = server.ledger().report().progress(1).refused;
    assert_eq!((refused[0].0.as_str(), refused[0].1.why.as_str()), ("web-1.shop", "field x: no"));
    let revision = server.publish(words(&[("good", "1"), ("bad", "healed")], &[]));
    acknowledge_rest(&mut proxy, &server, revision).await;
    assert!(server.ledger().report().progress(revision).refused.is_empty());
}

struct ProvesOther;

#[async_trait::async_trait]
impl StreamAuth for ProvesOther {
    async fn authenticate(&self, metadata: &MetadataMap) -> Result<Identity, Status> {
        assert_eq!(metadata.get("authorization").unwrap(), "Bearer t");
        let (namespace, service_account) = ("shop".to_owned(), "web".to_owned());
        Ok(Identity { namespace, service_account, pod: Some("web-1".into()) })
    }
}

#[tokio::test]
async fn a_secret_is_for_those_who_prove_who_they_are() {
    let server = server();
    server.publish(words(&[("a", "1")], &[]));
    let (proven, _serving) =
        serve(&server, "127.0.0.1:0", Access::Proven(Arc::new(ProvesOther))).await;
    let (open, _open) = serve(&server, "127.0.0.1:0", Access::Anyone).await;
    for (address, expected) in [(proven, (1, 0)), (open, (0, 1))] {
        let mut proxy = Proxy::start(&address, "web-1").await;
        proxy.client.subscribe(SECRET, vec!["kubernetes://c".to_owned()]).await;
        let (sent, absent) = proxy.accept_until(SECRET).await;
        assert_eq!((sent.len(), absent.len()), expected);
    }
}

#[tokio::test]
async fn a_token_speaks_for_its_own_pod_only() {
    let server = server();
    server.publish(words(&[("a", "1")], &[]));
    let access = Access::Proven(Arc::new(ProvesOther));
    let (address, _serving) = serve(&server, "127.0.0.1:0", access).await;
    let mut own = Proxy::start(&address, "web-1").await;
    let mut stranger = Proxy::start(&address, "web-2").await;
    assert_eq!(own.accept_until(CLUSTER).await.0, ["a"]);
    let refused = tokio::time::timeout(Duration::from_millis(300), stranger.updates.recv()).await;
    assert!(refused.is_err(), "{refused:?}");
    assert_eq!(server.ledger().report().proxies.len(), 1);
}

fn ask(address: &str, namespace: &str, pod: &str) -> JoinHandle<Result<(), Status>> {
    let target = Target::Plain(address.to_owned());
    let (pod, namespace) = (pod.to_owned(), namespace.to_owned());
    let mut request = tonic::Request::new(AwaitWithdrawnRequest { pod, namespace });
    request.metadata_mut().insert("authorization", "Bearer t".parse().unwrap());
    tokio::spawn(async move {
        let channel = connect(&target, None).await?;
        call::<AwaitWithdrawn>(channel, request).await.map(|_answer| ())
    })
}

#[tokio::test]
async fn an_ending_pod_is_told_when_the_last_proxy_has_taken_that_it_is_gone() {
    let server = server();
    server.publish(words(&[("web-1", "1")], &[]));
    let (address, _serving) = serve(&server, "127.0.0.1:0", Access::Anyone).await;
    let (mut quick, mut slow) =
        (Proxy::start(&address, "quick").await, Proxy::start(&address, "slow").await);
    tokio::select! {
        () = acknowledged(&server, 1, 2) => {}
        _ = quick.accept_until("none") => {}
        _ = slow.accept_until("none") => {}
    }
    ask(&address, "shop", "web-2").await.unwrap().unwrap();

    let mut asked = ask(&address, "shop", "web-1");
    let gone = server.publish(words(&[("web-2", "1")], &[]));
    assert_eq!(quick.accept_until(CLUSTER).await.0, ["web-2"]);
    // The slow one has got it, and does not answer.
    let unanswered = slow.next().await;
    acknowledge_rest(&mut quick, &server, gone).await;
    assert!(!asked.is_finished(), "one proxy may still send there");
    // Newer versions do not put it off.
    server.publish(words(&[("web-2", "2")], &[]));
    slow.client.answer(unanswered.id, Verdict::Accept).await;
    let told = async {
        tokio::select! {
            told = &mut asked => told.unwrap().unwrap(),
            _ = slow.accept_until("none") => {}
            _ = quick.accept_until("none") => {}
        }
    };
    tokio::time::timeout(Duration::from_secs(10), told).await.unwrap();
}

#[tokio::test]
async fn a_pod_asks_for_itself_only() {
    let server = server();
    server.publish(words(&[], &[]));
    let access = Access::Proven(Arc::new(ProvesOther));
    let (address, _serving) = serve(&server, "127.0.0.1:0", access).await;
    for (namespace, pod, expected) in [
        ("shop", "web-1", None),
        ("shop", "web-2", Some(tonic::Code::PermissionDenied)),
        ("bank", "web-1", Some(tonic::Code::PermissionDenied)),
    ] {
        let answered = ask(&address, namespace, pod).await.unwrap();
        assert_eq!(answered.err().map(|status| status.code()), expected, "{namespace}/{pod}");
    }
}
