//! Two versions of a configuration: as it is, and as it would be.
//!
//! In: new configuration; files, or a running mesh, that it is compared with. Out: a mesh of each, and where new objects are written.
//! Holds: nothing is applied. Without `--against`, what files say comes on top of the running mesh, as `kubectl apply` has it;
//! with it, what the new files do not have is gone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use weft_explain::Mesh;
use weft_model::ObjectRef;

use crate::failure::Failure;
use crate::state::Place;
use crate::{live, offline};

/// Which two.
#[derive(Debug, clap::Args)]
pub(crate) struct Compared {
    /// Files and folders with the new objects, or `-`.
    #[arg(short = 'f', long = "filename", value_name = "PATH", required = true)]
    files: Vec<PathBuf>,
    /// Files and folders with all objects as they are; with none, a running mesh is asked.
    #[arg(long, value_name = "PATH")]
    against: Vec<PathBuf>,
    #[command(flatten)]
    place: Place,
}

/// Where objects are written, as `FILE:LINE`, by their names.
pub(crate) type Places = BTreeMap<String, String>;

/// Both.
pub(crate) struct Versions {
    /// As it is.
    pub(crate) old: Mesh,
    /// As it would be.
    pub(crate) new: Mesh,
    /// Of the new objects.
    pub(crate) places: Places,
}

impl Compared {
    /// Whether standard input is one of the files.
    pub(crate) fn reads_input(&self) -> bool {
        self.files.iter().chain(&self.against).any(|file| file == Path::new("-"))
    }

    /// Reads both.
    pub(crate) async fn versions(&self) -> Result<Versions, Failure> {
        let (new, places) = offline::of_files(&self.files)?;
        let shown = places
            .iter()
            .map(|(name, place)| (name.to_string(), format!("{}:{}", place.file, place.line)));
        let shown: Places = shown.collect();
        let (old, new) = match self.against.as_slice() {
            [] => {
                let old = live::of_mesh(&self.place).await?;
                let new = on_top(&old, new);
                (offline::mesh_of(old, BTreeMap::new())?, offline::mesh_of(new, places)?)
            }
            against => {
                let (objects, old) = offline::of_files(against)?;
                (offline::mesh_of(objects, old)?, offline::mesh_of(new, places)?)
            }
        };
        Ok(Versions { old, new, places: shown })
    }
}

/// What is there, with what is written over it.
fn on_top(there: &[Value], written: Vec<Value>) -> Vec<Value> {
    let named = |object: &Value| (ObjectRef::of(object), object.clone());
    let mut all: BTreeMap<ObjectRef, Value> = there.iter().map(named).collect();
    for object in written {
        let place = all.entry(ObjectRef::of(&object)).or_default();
        // What a cluster gave to its own kinds, such as addresses, stays.
        if object["apiVersion"].as_str().is_some_and(|version| version.contains("istio.io/"))
            && let Some(fields) = place.as_object_mut()
        {
            fields.remove("spec");
        }
        merge(place, object);
    }
    all.into_values().collect()
}

/// Fields that are written go over those that are there; lists of one length entry by entry.
fn merge(place: &mut Value, written: Value) {
    match (place, written) {
        (Value::Object(there), Value::Object(fields)) => {
            for (name, value) in fields {
                merge(there.entry(name).or_insert(Value::Null), value);
            }
        }
        (Value::Array(there), Value::Array(written)) if there.len() == written.len() => {
            there.iter_mut().zip(written).for_each(|(place, value)| merge(place, value));
        }
        (place, written) => *place = written,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn files_come_on_top_of_what_a_cluster_gave() {
        let service = |spec: Value| {
            json!({"apiVersion": "v1", "kind": "Service", "spec": spec,
                "metadata": {"name": "a", "namespace": "b"}})
        };
        let route = |spec: Value| {
            json!({"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "spec": spec,
                "metadata": {"name": "a", "namespace": "b"}})
        };
        let there = [
            service(json!({"clusterIP": "10.96.0.7", "ports": [{"port": 80, "protocol": "TCP"}]})),
            route(json!({"hosts": ["a"], "exportTo": ["."]})),
        ];
        let written =
            vec![service(json!({"ports": [{"port": 81}]})), route(json!({"hosts": ["a"]}))];
        let found = on_top(&there, written);
        let whole = json!({"clusterIP": "10.96.0.7", "ports": [{"port": 81, "protocol": "TCP"}]});
        assert_eq!(found[0]["spec"], whole);
        assert_eq!(found[1]["spec"], json!({"hosts": ["a"]}));
    }
}
