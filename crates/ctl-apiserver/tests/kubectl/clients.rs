//! Rust's own clients of Kubernetes, unchanged: kube's reflectors, controllers, finalizers and discovery.

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, GroupVersionKind, PartialObjectMeta};
use kube::runtime::controller::Action;
use kube::runtime::finalizer::{Event, finalizer};
use kube::runtime::{Controller, WatchStreamExt as _, reflector, watcher};
use kube::{Api, Client, Config, Discovery, ResourceExt as _};
use serde_json::json;

use crate::definitions::{WIDGET, WIDGETS};
use crate::harness::{Cluster, has};

const PATIENCE: Duration = Duration::from_secs(30);

async fn client(cluster: &Cluster) -> Client {
    let file = Kubeconfig::read_from(cluster.state.path().join("kubeconfig")).unwrap();
    let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.unwrap();
    Client::try_from(config).unwrap()
}

async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.unwrap()
}

fn widgets() -> ApiResource {
    ApiResource::from_gvk_with_plural(
        &GroupVersionKind::gvk("shop.example.com", "v1", "Widget"),
        "widgets",
    )
}

fn config_map(name: &str) -> ConfigMap {
    serde_json::from_value(json!({ "metadata": { "name": name } })).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reflector_follows_objects_by_list_and_by_stream() {
    let cluster = Cluster::start().await;
    let maps: Api<ConfigMap> = Api::default_namespaced(client(&cluster).await);
    maps.create(&PostParams::default(), &config_map("early")).await.unwrap();
    for config in [
        watcher::Config::default(),
        watcher::Config::default().streaming_lists(),
        watcher::Config::default().page_size(1),
    ] {
        let (store, writer) = reflector::store();
        let stream = reflector(writer, watcher(maps.clone(), config)).applied_objects();
        let mut stream = std::pin::pin!(stream);
        let early: ConfigMap = soon(stream.next()).await.unwrap().unwrap();
        assert_eq!(early.name_any(), "early");
        maps.create(&PostParams::default(), &config_map("late")).await.unwrap();
        let late: ConfigMap = soon(stream.next()).await.unwrap().unwrap();
        assert_eq!(late.name_any(), "late");
        assert_eq!(store.state().len(), 2);
        maps.delete("late", &DeleteParams::default()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_alone_is_listed_and_watched() {
    let cluster = Cluster::start().await;
    let maps: Api<ConfigMap> = Api::default_namespaced(client(&cluster).await);
    maps.create(&PostParams::default(), &config_map("a")).await.unwrap();
    let list = maps.list_metadata(&ListParams::default()).await.unwrap();
    assert_eq!(list.items[0].name_any(), "a");
    let metadata: Api<PartialObjectMeta<ConfigMap>> =
        Api::default_namespaced(client(&cluster).await);
    let stream = watcher(metadata, watcher::Config::default()).applied_objects();
    let mut stream = std::pin::pin!(stream);
    let first = soon(stream.next()).await.unwrap().unwrap();
    assert_eq!(first.name_any(), "a");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_reconciles_custom_objects_with_finalizers_and_status() {
    let cluster = Cluster::start().await;
    cluster.ok_with("apply -f -", WIDGETS).await;
    let client = client(&cluster).await;
    let api: Api<DynamicObject> = Api::default_namespaced_with(client, &widgets());
    let controller = Controller::new_with(api.clone(), watcher::Config::default(), widgets());
    let running = tokio::spawn(
        controller
            .run(reconcile, |_, _, _| Action::requeue(Duration::from_millis(50)), Arc::new(api))
            .for_each(|done| async move { eprintln!("{done:?}") }),
    );
    cluster.ok_with("apply -f -", WIDGET).await;
    cluster.ok("wait wd/a --for=jsonpath={.status.size}=2 --timeout=20s").await;
    cluster.ok("patch wd a --type=merge -p {\"spec\":{\"size\":5}}").await;
    cluster.ok("wait wd/a --for=jsonpath={.status.size}=5 --timeout=20s").await;
    has(&cluster.ok("get wd a -o jsonpath={.metadata.finalizers}").await, "weft.dev/shop");
    cluster.ok("delete wd a --timeout=20s").await;
    has(&cluster.ok("get configmap cleaned -o name").await, "cleaned");
    running.abort();
}

async fn reconcile(
    widget: Arc<DynamicObject>,
    api: Arc<Api<DynamicObject>>,
) -> Result<Action, kube::runtime::finalizer::Error<kube::Error>> {
    let maps: Api<ConfigMap> = Api::default_namespaced(api.as_ref().clone().into_client());
    finalizer(&api.clone(), "weft.dev/shop", widget, |event| async move {
        match event {
            Event::Apply(widget) => {
                let status = json!({ "apiVersion": "shop.example.com/v1", "kind": "Widget",
                    "status": { "size": widget.data["spec"]["size"] } });
                let params = PatchParams::apply("shop-controller").force();
                api.patch_status(&widget.name_any(), &params, &Patch::Apply(&status)).await?;
            }
            Event::Cleanup(_) => {
                maps.create(&PostParams::default(), &config_map("cleaned")).await?;
            }
        }
        Ok(Action::await_change())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn typed_calls_discovery_and_apply_work() {
    let cluster = Cluster::start().await;
    cluster.ok_with("apply -f -", WIDGETS).await;
    let client = client(&cluster).await;
    let discovery = Discovery::new(client.clone()).run().await.unwrap();
    let found = discovery.resolve_gvk(&GroupVersionKind::gvk("shop.example.com", "v1", "Widget"));
    assert_eq!(found.unwrap().0.plural, "widgets");
    let pods: Api<Pod> = Api::default_namespaced(client);
    let pod = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "a" },
        "spec": { "containers": [{ "name": "a", "image": "weft/echo" }] } });
    let params = PatchParams::apply("me");
    let made = pods.patch("a", &params, &Patch::Apply(&pod)).await.unwrap();
    assert_eq!(made.name_any(), "a");
    let listed: Vec<Pod> = pods.list(&ListParams::default().labels("none=1")).await.unwrap().items;
    assert!(listed.is_empty());
    let watch = pods.watch(&kube::api::WatchParams::default().timeout(1), "0").await.unwrap();
    let events: Vec<_> = watch.try_collect().await.unwrap();
    assert_eq!(events.len(), 1);
    let gone =
        pods.delete("a", &DeleteParams { dry_run: true, ..DeleteParams::default() }).await.unwrap();
    assert!(gone.is_right(), "{gone:?}");
    assert!(pods.get_opt("a").await.unwrap().is_some());
    let missing = pods.get_opt("b").await.unwrap();
    assert!(missing.is_none());
}
