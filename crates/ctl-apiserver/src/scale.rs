//! The sub-resource `scale`: an object reduced to its number of replicas.

use serde_json::{Value, json};

use crate::kind::Scale;
use crate::registry;

impl Scale {
    /// The Scale of an object.
    pub(crate) fn of(&self, object: &Value) -> Value {
        let meta = &object["metadata"];
        let number = |pointer: &str| object.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
        let own = self.selector.as_deref().and_then(|pointer| registry::text(object, pointer));
        json!({ "apiVersion": "autoscaling/v1", "kind": "Scale",
            "metadata": { "name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"],
                "resourceVersion": meta["resourceVersion"],
                "creationTimestamp": meta["creationTimestamp"] },
            "spec": { "replicas": number(&self.spec) },
            "status": { "replicas": number(&self.status),
                "selector": own.map_or_else(|| labels_of(object), str::to_owned) } })
    }
}

fn labels_of(object: &Value) -> String {
    let labels = object["spec"]["selector"]["matchLabels"].as_object();
    let pair = |(k, v): (&String, &Value)| format!("{k}={}", v.as_str().unwrap_or_default());
    labels.into_iter().flatten().map(pair).collect::<Vec<_>>().join(",")
}
