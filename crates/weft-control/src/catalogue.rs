//! The kinds that objects of some files can have: those of the mesh, and those that the files define themselves.
//!
//! In: the objects of the files. Out: the collection of a kind. Holds: a definition of a kind that the mesh has changes nothing
//! here, and one that is wrong defines nothing. Never: I/O; what a running mesh has beside the files is its own to say.

use ctl_apiserver::Kind;
use ctl_source::ResourceType;
use serde_json::Value;

use crate::preflight::resource_of;

/// The kinds.
#[derive(Debug, Default)]
pub struct Catalogue {
    defined: Vec<Kind>,
}

impl Catalogue {
    /// Of the definitions among these objects.
    #[must_use]
    pub fn of<'a>(objects: impl IntoIterator<Item = &'a Value>) -> Self {
        let definitions = objects.into_iter().filter(|object| is_definition(object));
        let kinds = definitions.filter_map(|object| ctl_apiserver::defined(object).ok());
        let new = |kind: &Kind| resource_of(&kind.group, &kind.kind).is_none();
        Self { defined: kinds.filter(new).collect() }
    }

    /// A kind that the files define.
    pub(crate) fn find(&self, group: &str, kind: &str) -> Option<&Kind> {
        self.defined.iter().find(|known| known.group == group && known.kind == kind)
    }

    /// The collection of a kind, in its storage version.
    #[must_use]
    pub fn resource(&self, group: &str, kind: &str) -> Option<ResourceType> {
        self.find(group, kind).map(Kind::resource).or_else(|| resource_of(group, kind))
    }
}

/// Does it define a kind?
pub(crate) fn is_definition(object: &Value) -> bool {
    object["kind"] == "CustomResourceDefinition"
        && object["apiVersion"].as_str().is_some_and(|v| v.starts_with("apiextensions.k8s.io/"))
}
