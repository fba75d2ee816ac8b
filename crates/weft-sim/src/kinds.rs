//! The collections that the simulation itself touches.

use ctl_source::ResourceType;
use serde_json::Value;

fn core(group: &str, kind: &str) -> ResourceType {
    #[expect(clippy::expect_used, reason = "called with literals; the tests walk every one")]
    weft_control::resource_of(group, kind).expect("a kind of the mesh")
}

pub(crate) fn pod() -> ResourceType {
    core("", "Pod")
}

pub(crate) fn deployment() -> ResourceType {
    core("apps", "Deployment")
}

/// The documents of a YAML text.
pub(crate) fn documents(text: &str) -> Vec<Value> {
    let documents = serde_yaml_ng::Deserializer::from_str(text);
    let read = documents.filter_map(|one| serde::Deserialize::deserialize(one).ok());
    read.filter(|value: &Value| value.is_object()).collect()
}
