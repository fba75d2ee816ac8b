//! The node: gives pods an address, starts and ends what is in them, and tells the store.
//!
//! In: pods of the store. Out: running proxies and applications, and their readiness.
//! Holds: the proxy has its configuration before the application starts, and ends after it; a pod that is told to end has
//! its application told at once, whoever has not heard of it yet.
//! What is a model here: processes are tasks, images one kind of application, probes exact. The order is local-node's.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use ctl_source::{Batch, Change, Object, ObjectKey, Source};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use weft_rt::{Clock, Rng};

use crate::net::Net;
use crate::proxy::{Proxy, Who};
use crate::store::Store;
use crate::{app, kinds};

/// Where every application listens.
pub(crate) const PORT: u16 = 8080;
/// What a proxy gets at most, unless it is quiet before.
const DRAIN: Duration = Duration::from_secs(5);

/// A pod that runs.
#[derive(Debug, Clone)]
pub(crate) struct Running {
    pub(crate) ip: IpAddr,
    pub(crate) app: String,
    version: String,
    /// Fires when its processes are to be killed.
    pub(crate) kill: CancellationToken,
    stop: CancellationToken,
    proxy: Option<Arc<Proxy>>,
}

/// The node. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) net: Net,
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    rng: Rc<RefCell<Rng>>,
    pods: Rc<RefCell<BTreeMap<String, Running>>>,
    /// Requests of proxies that are gone, which met a route without its cluster.
    lost_clusters: Rc<RefCell<u64>>,
}

impl Node {
    pub(crate) fn new(net: &Net, store: &Store, clock: &Clock, seed: u64) -> Self {
        Self {
            net: net.clone(),
            store: store.clone(),
            clock: clock.clone(),
            rng: Rc::new(RefCell::new(Rng::seeded(seed))),
            pods: Rc::default(),
            lost_clusters: Rc::default(),
        }
    }

    /// Pods that run now, by name.
    pub(crate) fn pods(&self) -> BTreeMap<String, Running> {
        self.pods.borrow().clone()
    }

    /// How often a request met a route without its cluster.
    pub(crate) fn lost_clusters(&self) -> u64 {
        let pods = self.pods.borrow();
        let living = pods.values().filter_map(|pod| pod.proxy.as_ref());
        living.map(|proxy| proxy.lost_clusters()).sum::<u64>() + *self.lost_clusters.borrow()
    }

    /// Ready pods of the same application and version, this one among them.
    pub(crate) fn ready_beside(&self, pod: &Running) -> usize {
        let same = |other: &Value| {
            let labels = &other["metadata"]["labels"];
            let ready = other["status"]["conditions"][0]["status"] == "True";
            labels["app"] == pod.app.as_str()
                && labels["version"] == pod.version.as_str()
                && ready
                && other["metadata"]["deletionTimestamp"].is_null()
        };
        self.store.all(&kinds::pod()).iter().filter(|other| same(other)).count()
    }

    /// Runs pods for as long as the simulation lasts.
    pub(crate) async fn run(self) {
        let pod = kinds::pod();
        let Ok(mut batches) = self.store.watch(&[pod]).await else { return };
        let mut lives = JoinSet::new();
        let mut known: HashMap<String, ()> = HashMap::new();
        let mut next: u32 = 2;
        loop {
            let batch = tokio::select! {
                batch = batches.recv() => batch,
                Some(_) = lives.join_next() => continue,
            };
            let objects: Vec<Object> = match batch {
                Some(Batch::Snapshot(_, objects)) => objects,
                Some(Batch::Changes(_, changes)) => changes.into_iter().map(applied).collect(),
                None => return,
            };
            for object in objects {
                let name = name_of(&object);
                if known.insert(name.clone(), ()).is_none() {
                    next += 1;
                    let ip = Ipv4Addr::from(0x0af4_0000 + next);
                    lives.spawn_local(self.clone().life(object, ip.into()));
                } else if object["metadata"]["deletionTimestamp"].is_string()
                    && let Some(pod) = self.pods.borrow().get(&name)
                {
                    pod.stop.cancel();
                }
            }
        }
    }

    fn between(&self, least: u64, most: u64) -> Duration {
        Duration::from_millis(least + self.rng.borrow_mut().below(most - least))
    }

    /// One pod, from its binding to its end.
    async fn life(self, pod: Object, ip: IpAddr) {
        let key = key_of(&pod);
        let name = name_of(&pod);
        let labels = labels_of(&pod);
        let app = labels.get("app").cloned().unwrap_or_default();
        let (kill, stop) = (CancellationToken::new(), CancellationToken::new());
        let version = labels.get("version").cloned().unwrap_or_default();
        let running =
            Running { ip, app, version, kill: kill.clone(), stop: stop.clone(), proxy: None };
        self.pods.borrow_mut().insert(name.clone(), running);
        self.store.change(&key, |pod| pod["spec"]["nodeName"] = json!("local"));
        tokio::time::sleep(self.between(1, 40)).await;
        self.net.join(ip, true);
        if self.rng.borrow_mut().below(8) == 0 {
            // One whose configuration arrives late.
            self.net.slow(ip, self.between(5, 60));
        }
        let seed = self.rng.borrow_mut().next_u64();
        let namespace = key.namespace.clone().unwrap_or_default();
        let who = Who { pod: name.clone(), namespace, ip, labels: labels.clone() };
        let (proxy, process) = Proxy::start(who, &self.net, &self.clock, seed);
        if let Some(running) = self.pods.borrow_mut().get_mut(&name) {
            running.proxy = Some(Arc::clone(&proxy));
        }
        let containers = self.containers(&key, &proxy, ip, &labels, stop);
        tokio::select! {
            // The process of a proxy ends with the pod alone.
            () = process => {}
            () = containers => {}
            () = kill.cancelled() => {}
        }
        self.net.leave(ip);
        *self.lost_clusters.borrow_mut() += proxy.lost_clusters();
        self.pods.borrow_mut().remove(&name);
        // Gone already when somebody else took it away.
        self.store.delete(&key, Some(0)).await.ok();
    }

    async fn containers(
        &self,
        key: &ObjectKey,
        proxy: &Arc<Proxy>,
        ip: IpAddr,
        labels: &BTreeMap<String, String>,
        stop: CancellationToken,
    ) {
        let started = async {
            self.tell(key, ip, false);
            proxy.ready().await;
            tokio::time::sleep(self.between(5, 300)).await;
        };
        tokio::select! {
            () = started => {}
            () = stop.cancelled() => return,
        }
        let version = labels.get("version").cloned().unwrap_or_default();
        let serving =
            app::serve(self.net.clone(), SocketAddr::new(ip, PORT), version, stop.clone());
        let probing = async {
            tokio::time::sleep(self.between(1, 100)).await;
            self.tell(key, ip, true);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = serving => {}
            () = probing => {}
        }
        proxy.drain(DRAIN).await;
    }

    fn tell(&self, key: &ObjectKey, ip: IpAddr, ready: bool) {
        let ready = if ready { "True" } else { "False" };
        self.store.change(key, |pod| {
            pod["status"] = json!({"phase": "Running", "podIP": ip, "conditions": [
                {"type": "Ready", "status": ready, "lastTransitionTime": "2027-01-15T08:00:00Z"}]});
        });
    }
}

fn applied(change: Change) -> Object {
    match change {
        Change::Applied(object) | Change::Deleted(object) => object,
    }
}

fn name_of(pod: &Value) -> String {
    pod["metadata"]["name"].as_str().unwrap_or_default().to_owned()
}

fn key_of(pod: &Value) -> ObjectKey {
    let namespace = pod["metadata"]["namespace"].as_str().map(str::to_owned);
    ObjectKey { resource: kinds::pod(), namespace, name: name_of(pod) }
}

fn labels_of(pod: &Arc<Value>) -> BTreeMap<String, String> {
    let labels = pod["metadata"]["labels"].as_object();
    let labels = labels.into_iter().flatten();
    labels.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}
