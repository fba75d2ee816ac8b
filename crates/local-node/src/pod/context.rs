//! What the parts of one pod share, and what they ask the API for.
//!
//! In: the pod object as it changes. Out: names, folders, data of referenced objects, tokens.
//! Never: a decision; the worker and the runners have those.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use ctl_source::ObjectKey;
use k8s_openapi::api::core::v1::{Container, Pod};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::events::resource;
use crate::node::Shared;
use crate::pod::board::Board;

/// What the API server says of the pod now.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) pod: Arc<Pod>,
    /// It is to end, with this grace.
    pub(crate) deleting: Option<Duration>,
    /// It is gone from the API server.
    pub(crate) gone: bool,
    /// Counts up when the status must be sent again whatever was sent before.
    pub(crate) resend: u64,
}

/// Everything that the parts of one pod share.
#[derive(Debug)]
pub(crate) struct PodCtx {
    pub(crate) node: Arc<Shared>,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) address: Ipv4Addr,
    pub(crate) folder: PathBuf,
    pub(crate) netns: PathBuf,
    pub(crate) board: Board,
    pub(crate) wanted: watch::Receiver<Wanted>,
}

impl PodCtx {
    pub(crate) fn pod(&self) -> Arc<Pod> {
        Arc::clone(&self.wanted.borrow().pod)
    }

    pub(crate) fn hostname(&self) -> String {
        let pod = self.pod();
        let own = pod.spec.as_ref().and_then(|s| s.hostname.clone()).filter(|h| !h.is_empty());
        let mut name = own.unwrap_or_else(|| self.name.clone());
        name.truncate(63);
        name
    }

    pub(crate) fn grace(&self) -> Duration {
        let seconds = self.pod().spec.as_ref().and_then(|s| s.termination_grace_period_seconds);
        Duration::from_secs(seconds.and_then(|s| u64::try_from(s).ok()).unwrap_or(30))
    }

    pub(crate) fn volume(&self, name: &str) -> PathBuf {
        self.folder.join("volumes").join(name)
    }

    pub(crate) fn logs(&self, container: &str) -> PathBuf {
        self.folder.join("logs").join(container)
    }

    pub(crate) fn about(&self) -> Value {
        json!({"apiVersion": "v1", "kind": "Pod", "namespace": self.namespace, "name": self.name, "uid": self.uid})
    }

    pub(crate) fn about_container(&self, name: &str) -> Value {
        let mut about = self.about();
        about["fieldPath"] = json!(format!("spec.containers{{{name}}}"));
        about
    }

    pub(crate) fn key(&self) -> ObjectKey {
        key("Pod", &self.namespace, &self.name)
    }

    /// The data of a ConfigMap or Secret; `None` when it is missing and optional.
    pub(crate) async fn data(
        &self,
        kind: &'static str,
        name: &str,
        optional: Option<bool>,
    ) -> Result<Option<BTreeMap<String, Vec<u8>>>, String> {
        let found = self.node.source.get(&key(kind, &self.namespace, name)).await;
        match found.map_err(|e| e.to_string())? {
            Some(object) => Ok(Some(data_of(&object, kind == "Secret"))),
            None if optional == Some(true) => Ok(None),
            None => Err(format!("{} {name:?} not found", kind.to_lowercase())),
        }
    }

    /// A token of the pod's service account, bound to the pod.
    pub(crate) async fn request_token(
        &self,
        audience: Option<&str>,
        seconds: i64,
    ) -> Result<String, String> {
        let pod = self.pod();
        let account = pod.spec.as_ref().and_then(|s| s.service_account_name.clone());
        let account = account.filter(|a| !a.is_empty()).unwrap_or_else(|| "default".into());
        let mut spec = json!({
            "expirationSeconds": seconds,
            "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": self.name, "uid": self.uid},
        });
        if let Some(audience) = audience {
            spec["audiences"] = json!([audience]);
        }
        let body =
            json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec});
        let key = key("ServiceAccount", &self.namespace, &account);
        let answer = self.node.source.create_subresource(&key, "token", body).await;
        let answer = answer.map_err(|e| format!("token of service account {account}: {e}"))?;
        let token = answer["status"]["token"].as_str().map(str::to_owned);
        token.ok_or_else(|| format!("token of service account {account}: the answer has none"))
    }
}

fn key(kind: &str, namespace: &str, name: &str) -> ObjectKey {
    ObjectKey { resource: resource("", kind), namespace: Some(namespace.into()), name: name.into() }
}

fn data_of(object: &Value, encoded: bool) -> BTreeMap<String, Vec<u8>> {
    let entries = |field: &str| object[field].as_object().into_iter().flatten();
    let decode = |text: &str| base64::engine::general_purpose::STANDARD.decode(text).ok();
    let mut data = BTreeMap::new();
    for (key, value) in entries("data") {
        let Some(text) = value.as_str() else { continue };
        let bytes = if encoded { decode(text) } else { Some(text.as_bytes().to_vec()) };
        data.extend(bytes.map(|bytes| (key.clone(), bytes)));
    }
    for (key, value) in entries("binaryData") {
        data.extend(value.as_str().and_then(decode).map(|bytes| (key.clone(), bytes)));
    }
    for (key, value) in entries("stringData") {
        data.extend(value.as_str().map(|text| (key.clone(), text.as_bytes().to_vec())));
    }
    data
}

/// Init containers, then the others.
pub(crate) fn all_containers(pod: &Pod) -> impl Iterator<Item = &Container> {
    pod.spec.iter().flat_map(|s| s.init_containers.iter().flatten().chain(&s.containers))
}
