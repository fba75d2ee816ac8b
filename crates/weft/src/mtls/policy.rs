//! The PeerAuthentication that makes one workload STRICT.
//!
//! In: a workload, the mesh's objects. Out: the object; or why it cannot be made.
//! Holds: it selects as the Deployment selects, so that the next version of the workload is meant, too, and no other workload is.

use ctl_source::{Object, ObjectKey, Source as _, SourceError};
use ctl_source_kube::KubeSource;
use serde_json::{Map, Value, json};
use weft_admin_api::mtls::Workload;

use crate::failure::Failure;
use crate::target::{self, meta};

/// Tells our objects from a user's.
const LABEL: &str = "app.kubernetes.io/managed-by";
const MANAGER: &str = "weft-mtls";

/// The name of the object of a workload.
pub(super) fn name(workload: &Workload) -> String {
    format!("weft-mtls-{}", workload.name)
}

/// Makes the object for a workload.
pub(super) async fn of(source: &KubeSource, workload: &Workload) -> Result<Value, Failure> {
    let mut owners = target::list(source, "apps", "Deployment").await?;
    for kind in ["StatefulSet", "DaemonSet"] {
        // Not every home of a mesh has these kinds.
        owners.extend(target::list(source, "apps", kind).await.unwrap_or_default());
    }
    let pods = target::list(source, "", "Pod").await?;
    let labels = selector(&owners, workload)?;
    alone(&labels, &pods, workload)?;
    Ok(json!({
        "apiVersion": "security.istio.io/v1",
        "kind": "PeerAuthentication",
        "metadata": {
            "name": name(workload), "namespace": workload.namespace,
            "labels": {LABEL: MANAGER},
        },
        "spec": {"selector": {"matchLabels": labels}, "mtls": {"mode": "STRICT"}},
    }))
}

fn selector(owners: &[Object], workload: &Workload) -> Result<Map<String, Value>, Failure> {
    let place = format!("{}/{}", workload.namespace, workload.name);
    let hint = "write a PeerAuthentication for it by hand";
    let owner = owners.iter().find(|owner| {
        meta(owner, "name") == workload.name && meta(owner, "namespace") == workload.namespace
    });
    let owner = owner.ok_or_else(|| {
        Failure::new(format!("{place}: no Deployment, StatefulSet or DaemonSet of this name says how its pods are selected"))
            .hint(hint)
    })?;
    let selector = &owner["spec"]["selector"];
    let labels = selector["matchLabels"].as_object().filter(|labels| !labels.is_empty());
    match labels {
        Some(labels) if selector["matchExpressions"].as_array().is_none_or(Vec::is_empty) => {
            Ok(labels.clone())
        }
        _ => Err(Failure::new(format!(
            "{place}: it selects by more than matchLabels, which a PeerAuthentication cannot"
        ))
        .hint(hint)),
    }
}

/// Would the object mean pods of other workloads, too?
fn alone(labels: &Map<String, Value>, pods: &[Object], workload: &Workload) -> Result<(), Failure> {
    let own = |pod: &Object| workload.pods.iter().any(|name| name == meta(pod, "name"));
    let meant = pods.iter().filter(|pod| {
        meta(pod, "namespace") == workload.namespace
            && labels.iter().all(|(key, value)| pod["metadata"]["labels"][key] == *value)
    });
    let mut others = meant.filter(|pod| {
        !own(pod) && !workload.without_proxy.iter().any(|name| name == meta(pod, "name"))
    });
    let ended =
        |pod: &Object| matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
    match others.find(|pod| !ended(pod)) {
        None => Ok(()),
        Some(other) => Err(Failure::new(format!(
            "{}/{}: its selector also means pod {}",
            workload.namespace,
            workload.name,
            meta(other, "name")
        ))
        .hint("write a PeerAuthentication for it by hand")),
    }
}

fn key(namespace: &str, name: &str) -> Result<ObjectKey, Failure> {
    let resource = weft_control::resource_of("security.istio.io", "PeerAuthentication");
    let resource = resource.ok_or_else(|| Failure::new("no kind PeerAuthentication"))?;
    Ok(ObjectKey { resource, namespace: Some(namespace.to_owned()), name: name.to_owned() })
}

/// Writes the object. One of the same name is a user's, or of somebody who does the same now.
pub(super) async fn write(source: &KubeSource, policy: Value) -> Result<Object, Failure> {
    let text = |field: &str| policy["metadata"][field].as_str().unwrap_or_default().to_owned();
    let key = key(&text("namespace"), &text("name"))?;
    source.create(&key.resource, policy).await.map_err(|error| match error {
        SourceError::AlreadyExists(what) => Failure::new(format!("{what} already exists"))
            .hint("it is left as it is; look at it with kubectl"),
        error => error.into(),
    })
}

/// Takes it back, if it is still ours.
pub(super) async fn take_back(source: &KubeSource, workload: &Workload) -> Result<(), Failure> {
    let key = key(&workload.namespace, &name(workload))?;
    let ours = source.get(&key).await?;
    if ours.is_some_and(|object| object["metadata"]["labels"][LABEL] == MANAGER) {
        source.delete(&key, None).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload() -> Workload {
        Workload {
            namespace: "shop".to_owned(),
            name: "web".to_owned(),
            pods: vec!["web-1".to_owned()],
            ..Workload::default()
        }
    }

    fn object(name: &str, rest: Value) -> Object {
        let mut object = json!({"metadata": {"name": name, "namespace": "shop"}});
        for (key, value) in rest.as_object().unwrap() {
            object[key] = value.clone();
        }
        Object::new(object)
    }

    #[test]
    fn it_selects_what_the_deployment_selects() {
        let owner = |selector: Value| [object("web", json!({"spec": {"selector": selector}}))];
        let labels = json!({"app": "web"});
        let found = selector(&owner(json!({"matchLabels": labels})), &workload()).unwrap();
        assert_eq!(Value::Object(found), labels);
        let more = json!({"matchLabels": labels, "matchExpressions": [{"key": "x"}]});
        for (owners, part) in
            [(owner(more).to_vec(), "more than matchLabels"), (vec![], "no Deployment")]
        {
            let told = selector(&owners, &workload()).unwrap_err().to_string();
            assert!(told.contains(part), "{told}");
        }
    }

    #[test]
    fn a_selector_that_means_other_workloads_is_refused() {
        let labelled = |name: &str| {
            let mut pod = json!({"metadata": {"name": name, "namespace": "shop"}});
            pod["metadata"]["labels"] = json!({"app": "web"});
            Object::new(pod)
        };
        let labels = json!({"app": "web"}).as_object().unwrap().clone();
        assert!(alone(&labels, &[labelled("web-1")], &workload()).is_ok());
        let told =
            alone(&labels, &[labelled("web-1"), labelled("api-1")], &workload()).unwrap_err();
        assert!(told.to_string().contains("also means pod api-1"), "{told}");
    }
}
