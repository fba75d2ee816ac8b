//! What made a pod, as far as its name and labels tell.
//! In: a pod. Out: a name that stays when the pod is replaced.

use weft_model::Object;
use weft_model::api::core::Pod;

/// Of a ReplicaSet that a Deployment made.
const HASH: &str = "pod-template-hash";
/// Of a StatefulSet.
const STATEFUL: &str = "statefulset.kubernetes.io/pod-name";
/// The injector's word for a pod whose proxy takes mutual TLS.
const MESHED: &str = "security.istio.io/tlsMode";

/// The Deployment or StatefulSet of a pod; a pod that shows neither stands for itself.
pub(crate) fn workload(pod: &Object<Pod>) -> &str {
    let (name, labels) = (pod.meta.name.as_str(), &pod.meta.labels);
    let deployment = || {
        let (rest, _) = name.rsplit_once('-')?;
        rest.strip_suffix(labels.get(HASH)?.as_str())?.strip_suffix('-')
    };
    let stateful = || labels.contains_key(STATEFUL).then(|| name.rsplit_once('-'))?;
    deployment().or_else(|| stateful().map(|(rest, _)| rest)).unwrap_or(name)
}

/// Whether a proxy takes what is sent to it.
pub(crate) fn meshed(pod: &Object<Pod>) -> bool {
    pod.meta.labels.get(MESHED).is_some_and(|mode| mode == "istio")
}

#[cfg(test)]
mod tests {
    use weft_model::api::meta::Metadata;

    use super::*;

    #[test]
    fn a_pod_is_of_what_made_it() {
        let of = |name: &str, labels: &[(&str, &str)]| {
            let labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            let meta = Metadata { name: name.to_owned(), labels, ..Metadata::default() };
            workload(&Object { meta, spec: Pod::default() }).to_owned()
        };
        assert_eq!(of("web-api-5b8j-m7mlr", &[(HASH, "5b8j")]), "web-api");
        assert_eq!(of("db-0", &[(STATEFUL, "db-0")]), "db");
        assert_eq!(of("lonely-pod", &[]), "lonely-pod");
    }
}
