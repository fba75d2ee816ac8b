//! Waits until traffic finds what is ready: endpoints, configuration at every proxy, service addresses of the node.
//!
//! In: the API server, the node's socket. Out: returns when all agree, or says what is behind.
//! Why after the pods: a pod is ready a moment before everybody knows.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use ctl_source::{Object, Source as _, kinds};
use ctl_source_kube::KubeSource;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use weft_admin_api::sync::SyncReport;
use weft_rt::Clock;

use crate::failure::Failure;
use crate::ready;

const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The state of one look.
enum Look {
    Settled,
    Behind(String),
}

/// Waits at most `limit`.
pub(crate) async fn wait(
    source: &KubeSource,
    folder: &Path,
    clock: &Clock,
    limit: Duration,
) -> Result<(), Failure> {
    let deadline = clock.now() + limit;
    loop {
        let behind = match look(source, folder).await? {
            Look::Settled => return Ok(()),
            Look::Behind(what) => what,
        };
        if clock.now() > deadline {
            let told = format!("the pods are ready, but after {} s {behind}", limit.as_secs());
            return Err(Failure::new(told).hint("weft proxy-status shows what each proxy has"));
        }
        clock.sleep(LOOK_AGAIN).await;
    }
}

async fn look(source: &KubeSource, folder: &Path) -> Result<Look, Failure> {
    let pods = list(source, "", "Pod").await?;
    let services = list(source, "", "Service").await?;
    let slices = list(source, "discovery.k8s.io", "EndpointSlice").await?;
    let ready: Vec<&Object> = pods.iter().filter(|pod| ready::ready(pod)).collect();
    if let Some(service) = services.iter().find(|service| !complete(service, &ready, &slices)) {
        let name = &service["metadata"]["name"];
        return Ok(Look::Behind(format!("the endpoints of service {name} are not complete")));
    }
    let newest = services.iter().chain(&slices).filter_map(version).max().unwrap_or(0);
    let report: SyncReport = serde_json::from_value(source.raw("/weft/debug/syncz").await?)
        .map_err(|error| Failure::new(format!("/weft/debug/syncz: {error}")))?;
    let proxies = ready.iter().filter(|pod| has_proxy(pod)).count();
    if !report.settled(newest, proxies) {
        let at =
            |proxy: &&weft_admin_api::sync::ProxySync| proxy.acknowledged < report.built.revision;
        let late: Vec<&str> = report.proxies.iter().filter(at).map(|p| p.name.as_str()).collect();
        return Ok(Look::Behind(format!(
            "{} of {proxies} proxies are connected and these have not acknowledged all: {}",
            report.proxies.len(),
            late.join(", ")
        )));
    }
    match in_force(folder).await {
        Ok(version) if version >= newest => Ok(Look::Settled),
        Ok(_) => Ok(Look::Behind("the node's service addresses are not up to date".to_owned())),
        Err(error) => Ok(Look::Behind(format!("the node does not answer: {error}"))),
    }
}

async fn list(source: &KubeSource, group: &str, kind: &str) -> Result<Vec<Object>, Failure> {
    let info = kinds::find(group, kind).ok_or_else(|| Failure::new(format!("no kind {kind}")))?;
    Ok(source.list(&info.resource(), None).await?)
}

fn version(object: &Object) -> Option<u64> {
    object["metadata"]["resourceVersion"].as_str()?.parse().ok()
}

fn has_proxy(pod: &Object) -> bool {
    let annotations = &pod["metadata"]["annotations"];
    annotations["sidecar.istio.io/status"].is_string()
        || annotations["gateway.istio.io/status"].is_string()
}

/// Do the slices of a service name every ready pod that it selects, and no other?
fn complete(service: &Object, ready: &[&Object], slices: &[Object]) -> bool {
    let Some(selector) = service["spec"]["selector"].as_object() else { return true };
    let namespace = &service["metadata"]["namespace"];
    let selects = |pod: &&&Object| {
        pod["metadata"]["namespace"] == *namespace
            && selector.iter().all(|(key, value)| pod["metadata"]["labels"][key] == *value)
    };
    let ip = |pod: &&Object| pod["status"]["podIP"].as_str().map(str::to_owned);
    let wanted: BTreeSet<String> = ready.iter().filter(selects).filter_map(ip).collect();
    let own = |slice: &&Object| {
        slice["metadata"]["namespace"] == *namespace
            && slice["metadata"]["labels"]["kubernetes.io/service-name"]
                == service["metadata"]["name"]
    };
    let endpoints = slices.iter().filter(own).filter_map(|slice| slice["endpoints"].as_array());
    let serving = endpoints.flatten().filter(|e| e["conditions"]["ready"] != Value::Bool(false));
    let addresses = serving.filter_map(|endpoint| endpoint["addresses"].as_array()).flatten();
    let known: BTreeSet<String> = addresses.filter_map(|a| a.as_str().map(str::to_owned)).collect();
    wanted == known
}

/// What the node says of its service addresses.
async fn in_force(folder: &Path) -> std::io::Result<u64> {
    let mut stream = UnixStream::connect(folder.join("node.sock")).await?;
    let request = format!("GET {} HTTP/1.0\r\nhost: node\r\n\r\n", local_node::SERVICES_IN_FORCE);
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    body.trim().parse().map_err(|_invalid| std::io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: Value) -> Object {
        Object::new(value)
    }

    #[test]
    fn a_service_is_complete_when_its_slices_name_its_ready_pods_only() {
        let service = object(json!({"metadata": {"name": "web", "namespace": "shop"},
            "spec": {"selector": {"app": "web"}}}));
        let pod =
            object(json!({"metadata": {"namespace": "shop", "labels": {"app": "web", "v": "1"}},
            "status": {"podIP": "10.244.0.9"}}));
        let slice = |address: &str| {
            object(json!({"metadata": {"namespace": "shop",
                "labels": {"kubernetes.io/service-name": "web"}},
                "endpoints": [{"addresses": [address], "conditions": {"ready": true}}]}))
        };
        assert!(complete(&service, &[&pod], &[slice("10.244.0.9")]));
        assert!(!complete(&service, &[&pod], &[slice("10.244.0.8")]));
        assert!(!complete(&service, &[&pod], &[]));
        assert!(complete(&service, &[], &[]));
    }
}
