//! What of ConfigMaps, Secrets and pods the walk keeps, which are mostly not about the mesh.
//!
//! In: batches as they come. Out: the same with less in them.
//! Holds: of ConfigMaps stay the settings of the mesh and those that hold authorities; of Secrets stay the values that a
//! credential is made of. Every other Secret is known by its name and its keys alone, so that a reference to it is judged
//! rightly and nobody's password lies in the memory of the control plane. Of pods goes what no part of the walk and no
//! analysis reads: disks, places, probes, and how their own proxies are started.
//! Why not by label or type at the server: a credential is any Secret that a Gateway names, also one made by hand without
//! a type, and Kubernetes selects neither by key nor by one of several names. What can be told there is [`fields`].

use std::sync::Arc;

use ctl_source::{Batch, Change, Object, ResourceType, Selection};
use serde_json::{Map, Value, json};
use weft_meshconfig::is_mesh_config_map;

/// Types of Secrets that are never credentials, and of which clusters have many large ones.
const FOREIGN: &str = "type!=helm.sh/release.v1,type!=kubernetes.io/service-account-token,\
    type!=kubernetes.io/dockerconfigjson,type!=kubernetes.io/dockercfg,type!=bootstrap.kubernetes.io/token";
/// Keys of certificates, private keys, authorities and lists of revocations.
const CREDENTIAL: &[&str] =
    &["tls.crt", "tls.key", "cert", "key", "ca.crt", "cacert", "ca.crl", "crl", "tls.ocsp-staple"];
const AUTHORITY: &str = "ca.crt";
/// Of a pod's spec.
const UNREAD: &[&str] = &["volumes", "tolerations", "affinity", "topologySpreadConstraints"];
/// Of every container.
const UNREAD_OF_CONTAINER: &[&str] = &[
    "volumeMounts",
    "resources",
    "livenessProbe",
    "readinessProbe",
    "startupProbe",
    "lifecycle",
    "terminationMessagePath",
    "terminationMessagePolicy",
];
/// Of containers that injection adds, beside the others.
const UNREAD_OF_PROXY: &[&str] = &["env", "envFrom", "args", "command"];
const PROXIES: &[&str] = &["istio-proxy", "istio-init", "istio-validation"];
const UNREAD_OF_STATUS: &[&str] =
    &["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"];
/// Where kubectl keeps the whole object once more.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// What is asked of the server.
pub(super) fn selection(resource: ResourceType) -> Selection {
    let secret = resource.group.is_empty() && resource.kind == "Secret";
    Selection { resource, fields: if secret { FOREIGN } else { "" } }
}

/// The batch with what the walk keeps.
pub(super) fn batch(batch: Batch) -> Batch {
    match batch {
        Batch::Snapshot(resource, objects) => {
            let kept = objects.into_iter().filter_map(|object| kept(&resource, object)).collect();
            Batch::Snapshot(resource, kept)
        }
        Batch::Changes(resource, changes) => {
            let changes = changes.into_iter().map(|change| narrowed(&resource, change)).collect();
            Batch::Changes(resource, changes)
        }
    }
}

/// What is not kept any more is gone.
fn narrowed(resource: &ResourceType, change: Change) -> Change {
    match change {
        Change::Applied(object) => match kept(resource, Arc::clone(&object)) {
            Some(kept) => Change::Applied(kept),
            None => Change::Deleted(object),
        },
        Change::Deleted(object) => Change::Deleted(object),
    }
}

fn kept(resource: &ResourceType, object: Object) -> Option<Object> {
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("", "ConfigMap") => {
            let useful = is_mesh_config_map(&object) || object["data"][AUTHORITY].is_string();
            useful.then_some(object)
        }
        ("", "Secret") => Some(secret(object)),
        ("", "Pod") => Some(pod(object)),
        _ => Some(object),
    }
}

fn secret(object: Object) -> Object {
    let mut object = Arc::unwrap_or_clone(object);
    if let Some(annotations) = map_at(&mut object, "/metadata/annotations") {
        annotations.remove(LAST_APPLIED);
    }
    for (key, value) in map_at(&mut object, "/data").into_iter().flatten() {
        if !CREDENTIAL.contains(&key.as_str()) {
            *value = json!("");
        }
    }
    if let Some(fields) = object.as_object_mut() {
        fields.remove("stringData");
    }
    Arc::new(object)
}

fn pod(object: Object) -> Object {
    let mut object = Arc::unwrap_or_clone(object);
    drop_from(map_at(&mut object, "/metadata"), &["managedFields"]);
    drop_from(map_at(&mut object, "/metadata/annotations"), &[LAST_APPLIED]);
    drop_from(map_at(&mut object, "/spec"), UNREAD);
    drop_from(map_at(&mut object, "/status"), UNREAD_OF_STATUS);
    for containers in ["/spec/containers", "/spec/initContainers"] {
        let containers = object.pointer_mut(containers).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            let own = PROXIES.iter().any(|name| container["name"] == *name);
            drop_from(container.as_object_mut(), UNREAD_OF_CONTAINER);
            drop_from(container.as_object_mut().filter(|_| own), UNREAD_OF_PROXY);
        }
    }
    Arc::new(object)
}

fn drop_from(map: Option<&mut Map<String, Value>>, fields: &[&str]) {
    if let Some(map) = map {
        fields.iter().for_each(|field| drop(map.remove(*field)));
    }
}

fn map_at<'a>(object: &'a mut Value, pointer: &str) -> Option<&'a mut Map<String, Value>> {
    object.pointer_mut(pointer)?.as_object_mut()
}

#[cfg(test)]
mod tests {
    use ctl_source::kinds;

    use super::*;

    fn after(kind: &str, object: &Value) -> Option<Value> {
        let resource = kinds::find("", kind).unwrap().resource();
        let change = Change::Applied(Arc::new(object.clone()));
        let Batch::Changes(_, mut changes) = batch(Batch::Changes(resource, vec![change])) else {
            panic!("another batch")
        };
        match changes.remove(0) {
            Change::Applied(object) => Some(object.as_ref().clone()),
            Change::Deleted(_) => None,
        }
    }

    #[test]
    fn of_secrets_only_credentials_keep_their_values() {
        let secret = json!({ "metadata": { "name": "a", "annotations": { LAST_APPLIED: "{}", "b": "c" } },
            "data": { "tls.crt": "eA==", "password": "eQ==" } });
        let kept = after("Secret", &secret).unwrap();
        assert_eq!(kept["data"], json!({ "tls.crt": "eA==", "password": "" }));
        assert_eq!(kept["metadata"]["annotations"], json!({ "b": "c" }));
    }

    #[test]
    fn of_config_maps_stay_settings_and_authorities() {
        let map = |name: &str, data: Value| {
            json!({ "apiVersion": "v1", "kind": "ConfigMap", "data": data,
                "metadata": { "name": name, "namespace": "istio-system" } })
        };
        assert!(after("ConfigMap", &map("istio", json!({ "mesh": "" }))).is_some());
        assert!(after("ConfigMap", &map("root", json!({ "ca.crt": "x" }))).is_some());
        assert!(after("ConfigMap", &map("other", json!({ "a": "b" }))).is_none());
    }

    #[test]
    fn of_pods_stays_what_is_read() {
        let pod = json!({ "metadata": { "name": "a", "managedFields": [], "labels": { "a": "b" } },
            "spec": { "volumes": [], "nodeName": "n", "containers": [
                { "name": "app", "image": "x", "env": [{ "name": "TO", "value": "b:80" }], "volumeMounts": [] },
                { "name": "istio-proxy", "image": "y", "env": [], "args": [], "ports": [] }] },
            "status": { "podIP": "10.0.0.1", "containerStatuses": [] } });
        let kept = json!({ "metadata": { "name": "a", "labels": { "a": "b" } },
            "spec": { "nodeName": "n", "containers": [
                { "name": "app", "image": "x", "env": [{ "name": "TO", "value": "b:80" }] },
                { "name": "istio-proxy", "image": "y", "ports": [] }] },
            "status": { "podIP": "10.0.0.1" } });
        assert_eq!(after("Pod", &pod), Some(kept));
    }

    #[test]
    fn the_server_is_asked_to_leave_out_what_is_never_a_credential() {
        let of = |kind: &str| selection(kinds::find("", kind).unwrap().resource()).fields;
        assert!(of("Secret").contains("type!=helm.sh/release.v1"));
        assert_eq!(of("Pod"), "");
    }
}
