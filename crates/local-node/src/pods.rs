//! Which pods there are: one worker for each, started and told by the watch.
//!
//! In: batches of Pods. Out: workers.
//! Holds: a pod is known by its uid; a pod of the same name waits until the old one is gone.
//! Holds: a lost connection ends no pod; the next snapshot is compared with what runs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ctl_source::{Batch, Change, Object};
use k8s_openapi::api::core::v1::Pod;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::earlier::forget_readiness;
use crate::events::resource;
use crate::node::Shared;
use crate::pod::board::Board;
use crate::pod::context::{PodCtx, Wanted};
use crate::pod::worker;
use crate::signal::reached;

const RETRY: Duration = Duration::from_millis(300);
const OUT_OF_ADDRESSES: &str = "the pod network has no free address";

/// Running pods by namespace and name, for `log`, `exec` and `port-forward`.
#[derive(Debug, Default)]
pub(crate) struct Registry(Mutex<HashMap<(String, String), Arc<PodCtx>>>);

impl Registry {
    pub(crate) fn find(&self, namespace: &str, name: &str) -> Option<Arc<PodCtx>> {
        let pods = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pods.get(&(namespace.to_owned(), name.to_owned())).cloned()
    }

    fn set(&self, ctx: &Arc<PodCtx>) {
        let mut pods = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pods.insert((ctx.namespace.clone(), ctx.name.clone()), Arc::clone(ctx));
    }

    fn remove(&self, ctx: &PodCtx) {
        let mut pods = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let name = (ctx.namespace.clone(), ctx.name.clone());
        if pods.get(&name).is_some_and(|known| known.uid == ctx.uid) {
            pods.remove(&name);
        }
    }
}

/// Watches pods until `hurry`, then waits for every worker. Begins when the services are known, because pods
/// learn of them by their environment and ask for their names at once. `begun` turns true when what the API says of
/// pods comes from this life of the node.
pub(crate) async fn run(
    node: Arc<Shared>,
    mut services_known: watch::Receiver<bool>,
    begun: watch::Sender<bool>,
    mut hurry: watch::Receiver<bool>,
) {
    let mut manager =
        Manager { node, hurry: hurry.clone(), known: HashMap::new(), workers: JoinSet::new() };
    let watching = async {
        reached(&mut services_known, |known| *known).await;
        forget_readiness(&manager.node).await;
        begun.send_replace(true);
        manager.watch().await;
    };
    tokio::select! {
        () = watching => {}
        () = reached(&mut hurry, |hurry| *hurry) => {}
    }
    manager.known.clear();
    while manager.workers.join_next().await.is_some() {}
}

struct Manager {
    node: Arc<Shared>,
    hurry: watch::Receiver<bool>,
    known: HashMap<String, watch::Sender<Wanted>>,
    workers: JoinSet<String>,
}

impl Manager {
    async fn watch(&mut self) {
        loop {
            match self.node.source.watch(&[resource("", "Pod")]).await {
                Ok(mut batches) => self.follow(&mut batches).await,
                Err(error) => tracing::debug!(%error, "cannot watch pods"),
            }
            self.node.clock.sleep(RETRY).await;
        }
    }

    async fn follow(&mut self, batches: &mut ctl_source::Watch) {
        loop {
            tokio::select! {
                batch = batches.recv() => match batch {
                    Some(batch) => self.take(batch),
                    None => return,
                },
                Some(ended) = self.workers.join_next() => match ended {
                    Ok(uid) => drop(self.known.remove(&uid)),
                    Err(error) => tracing::error!(%error, "a pod's worker failed"),
                },
            }
        }
    }

    fn take(&mut self, batch: Batch) {
        match batch {
            Batch::Snapshot(_, objects) => {
                let present: Vec<&str> =
                    objects.iter().filter_map(|o| o["metadata"]["uid"].as_str()).collect();
                for (uid, wanted) in &self.known {
                    if !present.contains(&uid.as_str()) {
                        wanted.send_modify(|wanted| wanted.gone = true);
                    }
                }
                for object in &objects {
                    self.apply(object, true);
                }
            }
            Batch::Changes(_, changes) => {
                for change in changes {
                    match change {
                        Change::Applied(object) => self.apply(&object, false),
                        Change::Deleted(object) => {
                            let uid = object["metadata"]["uid"].as_str().unwrap_or_default();
                            if let Some(wanted) = self.known.get(uid) {
                                wanted.send_modify(|wanted| wanted.gone = true);
                            }
                        }
                    }
                }
            }
        }
    }

    fn apply(&mut self, object: &Object, resend: bool) {
        let pod: Pod = match serde_json::from_value(Value::clone(object)) {
            Ok(pod) => pod,
            Err(error) => {
                let name = &object["metadata"]["name"];
                tracing::error!(%name, %error, "a Pod object cannot be read");
                return;
            }
        };
        let Some(uid) = pod.metadata.uid.clone() else { return };
        let deleting = deletion(&pod);
        let pod = Arc::new(pod);
        if let Some(wanted) = self.known.get(&uid) {
            wanted.send_modify(|wanted| {
                (wanted.pod, wanted.deleting) = (pod, deleting);
                wanted.resend += u64::from(resend);
            });
            return;
        }
        if self.is_ours(&pod) {
            self.begin(uid, Wanted { pod, deleting, gone: false, resend: 0 });
        }
    }

    fn is_ours(&self, pod: &Pod) -> bool {
        let node = pod.spec.as_ref().and_then(|s| s.node_name.as_deref());
        let phase = pod.status.as_ref().and_then(|s| s.phase.as_deref());
        let over = matches!(phase, Some("Succeeded" | "Failed"));
        let gates = pod.spec.as_ref().and_then(|s| s.scheduling_gates.as_ref());
        node.is_none_or(|node| node == self.node.config.name)
            && (!over || pod.metadata.deletion_timestamp.is_some())
            && gates.is_none_or(Vec::is_empty)
    }

    fn begin(&mut self, uid: String, wanted: Wanted) {
        let Some(address) = self.node.addresses.take() else {
            tracing::error!(uid, OUT_OF_ADDRESSES);
            return;
        };
        let meta = &wanted.pod.metadata;
        let (namespace, name) =
            (meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default());
        let spec = wanted.pod.spec.as_ref();
        let names =
            spec.into_iter().flat_map(|s| s.init_containers.iter().flatten().chain(&s.containers));
        let board = Board::new(names.map(|c| c.name.clone()));
        let (sender, receiver) = watch::channel(wanted);
        let ctx = Arc::new(PodCtx {
            folder: self.node.config.state.join("pods").join(&uid),
            netns: self.node.prepared.namespaces.join(&uid),
            node: Arc::clone(&self.node),
            wanted: receiver,
            uid: uid.clone(),
            namespace,
            name,
            address,
            board,
        });
        self.known.insert(uid.clone(), sender);
        self.node.registry.set(&ctx);
        let hurry = self.hurry.clone();
        self.workers.spawn(async move {
            worker::run(Arc::clone(&ctx), hurry).await;
            ctx.node.registry.remove(&ctx);
            ctx.node.addresses.give_back(ctx.address);
            uid
        });
    }
}

fn deletion(pod: &Pod) -> Option<Duration> {
    pod.metadata.deletion_timestamp.as_ref()?;
    let grace = pod.metadata.deletion_grace_period_seconds.unwrap_or(30);
    Some(Duration::from_secs(u64::try_from(grace).unwrap_or(0)))
}
