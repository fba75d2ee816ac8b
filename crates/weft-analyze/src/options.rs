//! What a user asks of an analysis.

use std::collections::{BTreeSet, HashMap};
use std::time::SystemTime;

use serde_json::Value;
use weft_model::{ObjectRef, Problem};

use crate::analyzers::{ALL, Analyzer};
use crate::mesh::{self, Mesh};
use crate::suppress::{self, Suppression};
use crate::view::Object;

/// How to analyze.
#[derive(Debug, Clone)]
pub struct Options {
    /// The time at which certificates are looked at.
    pub now: SystemTime,
    /// What is known and accepted.
    pub suppressions: Vec<Suppression>,
    /// Tell only of objects in these namespaces, and of those without one; all when empty.
    pub namespaces: BTreeSet<String>,
    /// Run only these; the default ones when empty.
    pub analyzers: Vec<&'static Analyzer>,
    /// MeshConfig; when absent, that of the ConfigMap `istio` among the objects.
    pub mesh_config: Option<Value>,
    /// MeshNetworks; when absent, that of the ConfigMap `istio` among the objects.
    pub mesh_networks: Option<Value>,
    /// Whether the standard ingress gateway is taken to be installed although it is not among the objects: so for files
    /// that are not a whole cluster.
    pub assume_ingress: bool,
}

impl Options {
    /// The usual: all default analyzers, everything told.
    #[must_use]
    pub fn at(now: SystemTime) -> Self {
        Self {
            now,
            suppressions: Vec::new(),
            namespaces: BTreeSet::new(),
            analyzers: Vec::new(),
            mesh_config: None,
            mesh_networks: None,
            assume_ingress: false,
        }
    }

    /// What is to run.
    pub(crate) fn chosen(&self) -> Vec<&'static Analyzer> {
        if self.analyzers.is_empty() {
            ALL.iter().filter(|analyzer| analyzer.is_default).collect()
        } else {
            self.analyzers.clone()
        }
    }

    /// Those problems that the user wants to be told of.
    pub(crate) fn told(&self, mut problems: Vec<Problem>, meshes: &[Mesh<'_>]) -> Vec<Problem> {
        let objects: HashMap<ObjectRef, &Object<'_>> =
            meshes.iter().flat_map(Mesh::everything).map(|o| (o.reference(), o)).collect();
        problems.retain(|problem| {
            let object = objects.get(&problem.object);
            let is_annotated = object.is_some_and(|o| suppress::is_annotated(o, problem.code));
            self.wants(problem) && !is_of_kubernetes(problem) && !is_annotated
        });
        problems
    }

    fn wants(&self, problem: &Problem) -> bool {
        let namespace = &problem.object.namespace;
        let is_asked = self.namespaces.is_empty()
            || namespace.is_empty()
            || self.namespaces.contains(namespace);
        is_asked && !self.suppressions.iter().any(|suppression| suppression.covers(problem))
    }
}

/// Whether it is of a namespace that is Kubernetes' own: users do not write what stands there.
fn is_of_kubernetes(problem: &Problem) -> bool {
    let ObjectRef { group: _, kind, namespace, name } = &problem.object;
    mesh::is_system(namespace) || (kind == "Namespace" && mesh::is_system(name))
}
