//! Writes to the API server, as a user, a controller and a kubelet do.
//!
//! In: a kubeconfig and a cluster. Out: the objects stand there; tokens of the proxies.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use ctl_source::{ObjectKey, ResourceType, Source as _};
use ctl_source_kube::KubeSource;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};
use weft_rt::Clock;

use crate::cluster::{Cluster, Place};
use crate::proxy::Proxy;

/// Writes under way.
const AT_ONCE: usize = 64;
/// Longest time until the book says that all is acknowledged, and how often it is read.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(100);

/// A client of the API server.
#[derive(Debug, Clone)]
pub(crate) struct Writes {
    server: KubeSource,
    cluster: Cluster,
}

impl Writes {
    pub(crate) async fn connect(kubeconfig: &Path, cluster: Cluster) -> Result<Self> {
        Ok(Self { server: KubeSource::from_kubeconfig(kubeconfig).await?, cluster })
    }

    /// Writes the whole cluster, and gives back its proxies.
    pub(crate) async fn all(&self) -> Result<Vec<Proxy>> {
        let cluster = &self.cluster;
        let spaces =
            (0..cluster.namespaces).map(|at| ("", "Namespace", cluster.namespace_object(at)));
        self.create(spaces).await?;
        self.accounts().await?;
        self.create((0..cluster.services).map(|at| ("", "Service", cluster.service(at)))).await?;
        self.create(cluster.configuration()).await?;
        let pods = stream::iter(cluster.pods()).map(|place| self.pod(place));
        pods.buffer_unordered(AT_ONCE).try_for_each(async |()| Ok(())).await?;
        let proxies = stream::iter(cluster.proxies()).map(|place| self.proxy(place));
        proxies.buffer_unordered(AT_ONCE).try_collect().await
    }

    async fn create(
        &self,
        objects: impl IntoIterator<Item = (&'static str, &'static str, Value)>,
    ) -> Result<()> {
        let made = stream::iter(objects).map(|(group, kind, object)| async move {
            let name = object["metadata"]["name"].to_string();
            let made = self.server.create(&resource(group, kind), object).await;
            made.map(drop).with_context(|| format!("{kind} {name}"))
        });
        made.buffer_unordered(AT_ONCE).try_for_each(async |()| Ok(())).await
    }

    /// A new pod that is ready.
    pub(crate) async fn pod(&self, place: Place) -> Result<()> {
        let object = self.cluster.pod(place);
        self.create([("", "Pod", object)]).await?;
        self.ready(place, true).await
    }

    /// A pod becomes ready, or ends being so: an endpoint comes or goes.
    pub(crate) async fn ready(&self, place: Place, ready: bool) -> Result<()> {
        let key = self.key("", "Pod", place.service, pod_name(place));
        let status = self.cluster.status(place, ready);
        self.server.merge_patch(&key, Some("status"), status).await?;
        Ok(())
    }

    pub(crate) async fn service(&self, number: usize) -> Result<()> {
        self.create([("", "Service", self.cluster.service(number))]).await
    }

    /// Another route or policy of a service.
    pub(crate) async fn change(
        &self,
        group: &str,
        kind: &str,
        service: usize,
        object: &Value,
    ) -> Result<()> {
        let key = self.key(group, kind, service, format!("svc-{service}"));
        self.server.merge_patch(&key, None, json!({ "spec": object["spec"] })).await?;
        Ok(())
    }

    /// How many proxies have acknowledged the newest configuration by the control plane's own book, once all have or it takes
    /// too long.
    pub(crate) async fn acknowledged(&self, clock: &Clock) -> Result<usize> {
        let began = clock.now();
        loop {
            let book = self.server.raw("/weft/debug/syncz").await?;
            let proxies = book["proxies"].as_array().context("the book names no proxies")?;
            let newest = |proxy: &&Value| proxy["acknowledged"] == book["revision"];
            let found = proxies.iter().filter(newest).count();
            if found == self.cluster.proxies || clock.now().duration_since(began) > PATIENCE {
                return Ok(found);
            }
            clock.sleep(LOOK).await;
        }
    }

    /// The accounts of new namespaces come by a controller.
    async fn accounts(&self) -> Result<()> {
        let kind = resource("", "ServiceAccount");
        let mut watch = self.server.watch(&[kind]).await?;
        let mut found = std::collections::BTreeSet::new();
        while found.len() < self.cluster.namespaces {
            let batch = watch.recv().await.context("the watch of accounts ended")?;
            let objects = match batch {
                ctl_source::Batch::Snapshot(_, objects) => objects,
                ctl_source::Batch::Changes(_, changes) => {
                    let applied = changes.into_iter().filter_map(|change| match change {
                        ctl_source::Change::Applied(object) => Some(object),
                        ctl_source::Change::Deleted(_) => None,
                    });
                    applied.collect()
                }
            };
            let spaces = objects.iter().filter_map(|o| o["metadata"]["namespace"].as_str());
            found.extend(spaces.filter(|name| name.starts_with("ns-")).map(str::to_owned));
        }
        Ok(())
    }

    async fn proxy(&self, place: Place) -> Result<Proxy> {
        let namespace = self.cluster.namespace(place.service);
        let pod = pod_name(place);
        let found = self.server.get(&self.key("", "Pod", place.service, pod.clone())).await?;
        let uid = found.context("a pod is gone")?["metadata"]["uid"].clone();
        let account = self.key("", "ServiceAccount", place.service, "default".to_owned());
        let bound = json!({ "kind": "Pod", "apiVersion": "v1", "name": pod, "uid": uid });
        let asked = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": { "audiences": ["istio-ca"], "expirationSeconds": 7200, "boundObjectRef": bound } });
        let made = self.server.create_subresource(&account, "token", asked).await?;
        let token = made["status"]["token"].as_str().context("an answer without a token")?;
        Ok(Proxy {
            pod,
            namespace,
            address: self.cluster.address(place).to_string(),
            app: format!("svc-{}", place.service),
            token: token.to_owned(),
        })
    }

    fn key(&self, group: &str, kind: &str, service: usize, name: String) -> ObjectKey {
        let namespace = Some(self.cluster.namespace(service));
        ObjectKey { resource: resource(group, kind), namespace, name }
    }
}

fn pod_name(place: Place) -> String {
    format!("svc-{}-{}", place.service, place.number)
}

fn resource(group: &str, kind: &str) -> ResourceType {
    let lower = kind.to_lowercase();
    let plural = match lower.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{lower}s"),
    };
    ResourceType {
        group: group.to_owned(),
        version: "v1".to_owned(),
        kind: kind.to_owned(),
        plural,
        namespaced: kind != "Namespace",
    }
}
