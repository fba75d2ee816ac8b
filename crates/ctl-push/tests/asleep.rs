//! Streams that a world does not concern sleep on, and miss nothing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first surprise")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use ctl_push::{Access, Debounce, ProxyNode, PushServer, Resources, World};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::metadata::MetadataMap;
use weft_proto::envoy::config::core::v3::Node;
use weft_proto::type_url::{ENDPOINTS, LISTENER};
use weft_rt::Clock;
use weft_xds::{
    Changes, Client, ClientOptions, Layer, Resource, ResourceSet, Target, Update, Verdict, client,
    connect,
};

/// Pods whose streams looked at a world, one after the other.
type Looks = Arc<Mutex<Vec<String>>>;

/// Endpoints that all proxies share.
struct Shared {
    endpoints: Arc<Layer>,
    looks: Looks,
}

impl World for Shared {
    type View = ();
    fn view(&self, _: &ProxyNode) {}
    fn same_view(&self, _: &Self, proxy: &ProxyNode) -> bool {
        self.looks.lock().unwrap().push(proxy.pod.clone());
        true
    }
    fn changed_endpoints(&self, older: &Self) -> Option<Arc<Changes>> {
        self.endpoints.changed_since(&older.endpoints)
    }
    /// One called `restless` is another pod each time.
    fn same_pod(&self, _: &Self, proxy: &ProxyNode) -> bool {
        proxy.pod != "restless"
    }
    fn shares_endpoints(&self, resources: &Resources) -> bool {
        resources[ENDPOINTS].is_only(&self.endpoints)
    }
    fn resources(&self, (): &()) -> Resources {
        let mut endpoints = ResourceSet::new();
        endpoints.lay(Arc::clone(&self.endpoints));
        [(ENDPOINTS, endpoints)].into_iter().collect()
    }
}

/// A mesh, and the world that was published last.
struct Mesh {
    server: PushServer<Shared>,
    endpoints: Option<Arc<Layer>>,
    looks: Looks,
    address: String,
}

impl Mesh {
    async fn start() -> Self {
        let debounce = Debounce { quiet: Duration::from_millis(2), max: Duration::from_millis(20) };
        let (server, settle) = PushServer::new(debounce, Clock::real());
        tokio::spawn(settle);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let router =
            tonic::transport::Server::builder().add_service(server.service(Access::Anyone));
        tokio::spawn(router.serve_with_incoming(TcpListenerStream::new(listener)));
        Self { server, endpoints: None, looks: Looks::default(), address }
    }

    fn publish(&mut self, items: &[(&str, &str)]) -> u64 {
        let resource = |body: &str| Resource::new(Bytes::copy_from_slice(body.as_bytes()));
        let all = items.iter().map(|(name, body)| (Arc::from(*name), resource(body)));
        let endpoints = Layer::new(all.collect(), self.endpoints.as_ref());
        self.endpoints = Some(Arc::clone(&endpoints));
        let looks = Arc::clone(&self.looks);
        self.server.publish(Arc::new(Shared { endpoints, looks }))
    }

    async fn acknowledged(&self, revision: u64, proxies: usize) {
        let ledger = self.server.ledger();
        let mut changed = ledger.changed();
        let wait = async {
            while ledger.report().progress(revision).acknowledged < proxies {
                changed.changed().await.unwrap();
            }
        };
        let late = tokio::time::timeout(Duration::from_secs(30), wait).await;
        late.unwrap_or_else(|_| panic!("{revision}: {:#?}", ledger.report()));
    }

    /// How often a pod's stream looked at a world since this was asked last.
    fn looks(&self, pod: &str) -> usize {
        let mut all = self.looks.lock().unwrap();
        let found = all.iter().filter(|one| *one == pod).count();
        all.retain(|one| one != pod);
        found
    }
}

/// Accepts everything, and tells of endpoints.
struct Proxy {
    client: Client,
    endpoints: mpsc::UnboundedReceiver<Update>,
}

impl Proxy {
    async fn start(mesh: &Mesh, pod: &str, wanted: &str) -> Self {
        let target = Target::Plain(mesh.address.clone());
        let id = format!("sidecar~10.0.0.1~{pod}.shop~shop.svc.cluster.local");
        let options = ClientOptions {
            node: Node { id, ..Default::default() },
            connect: Arc::new(move || {
                let target = target.clone();
                Box::pin(async move { connect(&target, None).await })
            }),
            headers: Arc::new(|| Ok(MetadataMap::new())),
            clock: Clock::real(),
        };
        let (client, mut updates, run) = client(options);
        tokio::spawn(run);
        // Who has asked for listeners counts as started, so endpoints come first.
        client.subscribe(ENDPOINTS, vec![wanted.to_owned()]).await;
        client.subscribe_all(LISTENER).await;
        let (tell, endpoints) = mpsc::unbounded_channel();
        let answering = client.clone();
        tokio::spawn(async move {
            while let Some(update) = updates.recv().await {
                let id = update.id.clone();
                if update.type_url == ENDPOINTS {
                    tell.send(update).unwrap();
                }
                answering.answer(id, Verdict::Accept).await;
            }
        });
        Self { client, endpoints }
    }

    async fn next(&mut self) -> (Vec<String>, Vec<String>) {
        let next = tokio::time::timeout(Duration::from_secs(30), self.endpoints.recv());
        let update = next.await.unwrap_or_else(|_| panic!("no update in time")).unwrap();
        let said = |body: Bytes| String::from_utf8(body.to_vec()).unwrap();
        let came = update.upserts.into_iter().map(|one| format!("{}={}", one.name, said(one.body)));
        (came.collect(), update.removed)
    }

    fn has_heard_nothing(&mut self) -> bool {
        self.endpoints.try_recv().is_err()
    }
}

fn only(came: &str) -> (Vec<String>, Vec<String>) {
    (vec![came.to_owned()], Vec::new())
}

#[tokio::test]
async fn a_change_wakes_those_that_asked_for_it_and_counts_as_taken_by_the_others() {
    let mut mesh = Mesh::start().await;
    let first = mesh.publish(&[("a", "1"), ("b", "1")]);
    let mut one = Proxy::start(&mesh, "one", "a").await;
    let mut other = Proxy::start(&mesh, "other", "b").await;
    let _restless = Proxy::start(&mesh, "restless", "b").await;
    mesh.acknowledged(first, 3).await;
    assert_eq!((one.next().await, other.next().await), (only("a=1"), only("b=1")));

    let second = mesh.publish(&[("a", "2"), ("b", "1")]);
    mesh.acknowledged(second, 3).await;
    assert_eq!(one.next().await, only("a=2"));
    assert_eq!((mesh.looks("one"), mesh.looks("other"), mesh.looks("restless")), (1, 0, 1));

    let third = mesh.publish(&[("a", "2")]);
    mesh.acknowledged(third, 3).await;
    assert_eq!(other.next().await, (vec![], vec!["b".to_owned()]));
    assert!(one.has_heard_nothing());
}

#[tokio::test]
async fn one_that_wakes_by_itself_hears_of_the_world_that_it_slept_through() {
    let mut mesh = Mesh::start().await;
    let first = mesh.publish(&[("a", "1"), ("b", "1")]);
    let mut proxy = Proxy::start(&mesh, "one", "b").await;
    mesh.acknowledged(first, 1).await;
    assert_eq!(proxy.next().await, only("b=1"));
    let second = mesh.publish(&[("a", "2"), ("b", "1")]);
    mesh.acknowledged(second, 1).await;
    proxy.client.subscribe(ENDPOINTS, vec!["a".to_owned()]).await;
    assert_eq!(proxy.next().await, only("a=2"));
    let third = mesh.publish(&[("a", "3"), ("b", "1")]);
    mesh.acknowledged(third, 1).await;
    assert_eq!(proxy.next().await, only("a=3"));
}

#[tokio::test]
async fn nobody_sleeps_for_ever() {
    let mut mesh = Mesh::start().await;
    let first = mesh.publish(&[("a", "0"), ("b", "1")]);
    let mut proxy = Proxy::start(&mesh, "one", "b").await;
    mesh.acknowledged(first, 1).await;
    for at in 1..=40 {
        let revision = mesh.publish(&[("a", &at.to_string()), ("b", "1")]);
        mesh.acknowledged(revision, 1).await;
    }
    assert_eq!(mesh.looks("one"), 2, "after sixteen worlds, twice");
    assert_eq!(proxy.next().await, only("b=1"));
    assert!(proxy.has_heard_nothing());
}
