//! Which pod a person means: `NAME`, `NAME.NAMESPACE`, `pod/NAME`, `deploy/NAME`.
//! In: words, a running mesh. Out: the pod object. Holds: of a Deployment's pods a ready one comes first.

use ctl_source::{Object, Source as _, kinds};
use ctl_source_kube::KubeSource;

use crate::failure::Failure;
use crate::ready;
use crate::state::{self, Place};

/// The pod and where to look for it.
#[derive(Debug, clap::Args)]
pub(crate) struct Target {
    /// NAME, pod/NAME, deploy/NAME or NAME.NAMESPACE.
    pod: String,
    /// Namespace of the pod.
    #[arg(short = 'n', long)]
    namespace: Option<String>,
}

/// Connects to the mesh of a place as its admin.
pub(crate) async fn connect(place: &Place) -> Result<KubeSource, Failure> {
    let folder = place.folder()?;
    if !folder.exists() || state::lock(&folder)?.is_some() {
        let told = format!("no mesh runs with the state in {}", folder.display());
        return Err(
            Failure::new(told).hint("weft up starts one; --name or --state-dir names another")
        );
    }
    let kubeconfig = folder.join("kubeconfig");
    if !kubeconfig.exists() {
        let log = folder.join("log/control-plane.log");
        return Err(Failure::new("the mesh has no API server yet")
            .hint(format!("try again in a moment; {} says what it does", log.display())));
    }
    Ok(KubeSource::from_kubeconfig(&kubeconfig).await?)
}

/// All objects of a kind.
pub(crate) async fn list(
    source: &KubeSource,
    group: &str,
    kind: &str,
) -> Result<Vec<Object>, Failure> {
    let info = kinds::find(group, kind).ok_or_else(|| Failure::new(format!("no kind {kind}")))?;
    Ok(source.list(&info.resource(), None).await?)
}

/// A text of an object's metadata.
pub(crate) fn meta<'a>(object: &'a Object, key: &str) -> &'a str {
    object["metadata"][key].as_str().unwrap_or_default()
}

impl Target {
    /// Finds the pod.
    pub(crate) async fn find(&self, source: &KubeSource) -> Result<Object, Failure> {
        let pods = list(source, "", "Pod").await?;
        let (kind, name) = self.pod.split_once('/').unwrap_or(("pod", &self.pod));
        match kind {
            "pod" | "pods" | "po" => self.named("pod", name, &pods).map(Object::clone),
            "deploy" | "deployment" | "deployments" => {
                let deployments = list(source, "apps", "Deployment").await?;
                let deployment = self.named("Deployment", name, &deployments)?;
                let mut own: Vec<Object> =
                    pods.into_iter().filter(|pod| ready::selects(deployment, pod)).collect();
                own.sort_by_key(|pod| !ready::ready(pod));
                let (name, namespace) = (meta(deployment, "name"), meta(deployment, "namespace"));
                let none = || Failure::new(format!("deployment {namespace}/{name} has no pod"));
                own.into_iter().next().ok_or_else(none)
            }
            other => Err(Failure::new(format!("{other}/{name}: cannot look into a {other}"))
                .hint("name a pod: NAME, pod/NAME, deploy/NAME or NAME.NAMESPACE")),
        }
    }

    /// The object of this name; without `-n`, what stands behind the last dot may be its namespace.
    fn named<'a>(&self, kind: &str, name: &str, all: &'a [Object]) -> Result<&'a Object, Failure> {
        let namespace = self.namespace.as_deref().unwrap_or("default");
        let is = |object: &Object, name: &str, namespace: &str| {
            meta(object, "name") == name && meta(object, "namespace") == namespace
        };
        let dotted = name.rsplit_once('.').filter(|_| self.namespace.is_none());
        let found = all.iter().find(|object| {
            is(object, name, namespace)
                || dotted.is_some_and(|(name, space)| is(object, name, space))
        });
        let (name, namespace) = dotted.unwrap_or((name, namespace));
        found.ok_or_else(|| missing(kind, name, namespace, all))
    }
}

fn missing(kind: &str, name: &str, namespace: &str, all: &[Object]) -> Failure {
    let failure = Failure::new(format!("there is no {kind} {name} in namespace {namespace}"));
    let elsewhere = all.iter().find(|object| meta(object, "name").starts_with(name));
    match elsewhere {
        Some(object) => failure.hint(format!(
            "did you mean {} in namespace {}? (-n {1})",
            meta(object, "name"),
            meta(object, "namespace")
        )),
        None => failure.hint(format!("kubectl get {}s -A lists all", kind.to_lowercase())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_namespace_may_stand_behind_the_name_of_pods_and_deployments_alike() {
        let object = |name: &str, namespace: &str| {
            Object::new(json!({"metadata": {"name": name, "namespace": namespace}}))
        };
        let all = [object("web", "shop"), object("a.b", "default")];
        let found = |namespace: Option<&str>, name: &str| {
            let target = Target { pod: name.to_owned(), namespace: namespace.map(str::to_owned) };
            target.named("pod", name, &all).map(|object| meta(object, "name").to_owned())
        };
        assert_eq!(found(None, "web.shop").unwrap(), "web");
        assert_eq!(found(Some("shop"), "web").unwrap(), "web");
        assert_eq!(found(None, "a.b").unwrap(), "a.b");
        let told = found(None, "web.store").unwrap_err().to_string();
        assert_eq!(told, "there is no pod web in namespace store");
    }
}
