//! The whole mesh as written, indexed.
//!
//! In: objects of every kind. Out: what analyzers ask for, by kind, name, label and host.
//! Holds: objects are in the order in which they were given.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::hosted::{HostTable, Hosted};
use crate::source;
use crate::view::{Json, Kind, Labels, Object, Workload, kind};
use crate::workloads::Workloads;

type ByName<'a> = HashMap<&'a str, HashMap<&'a str, Object<'a>>>;

/// What a mesh is read from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) objects: &'a [&'a Value],
    /// MeshConfig as written; `null` for all defaults.
    pub(crate) config: &'a Value,
    /// MeshNetworks as written.
    pub(crate) networks: &'a Value,
    /// Seconds since the Unix epoch.
    pub(crate) now: i64,
}

/// Everything that analyzers look at.
#[derive(Debug)]
pub(crate) struct Mesh<'a> {
    by_kind: HashMap<Kind<'a>, Vec<Object<'a>>>,
    /// By kind, namespace and name.
    by_name: HashMap<Kind<'a>, ByName<'a>>,
    pub(crate) config: &'a Value,
    pub(crate) networks: &'a Value,
    pub(crate) now: i64,
    pub(crate) root: &'a str,
    pub(crate) domain: &'a str,
    pub(crate) pods: Workloads<'a>,
    /// Pods, templates of pods and WorkloadEntries.
    pub(crate) workloads: Workloads<'a>,
    pub(crate) hosts: HostTable<'a>,
}

impl<'a> Mesh<'a> {
    pub(crate) fn new(source: Source<'a>) -> Self {
        let Source { objects, config, networks, now } = source;
        let mut by_kind: HashMap<Kind<'a>, Vec<Object<'a>>> = HashMap::new();
        let mut by_name: HashMap<Kind<'a>, ByName<'a>> = HashMap::new();
        for object in objects.iter().filter_map(|raw| Object::read(raw)) {
            by_kind.entry(object.kind).or_default().push(object);
            let named =
                by_name.entry(object.kind).or_default().entry(object.namespace).or_default();
            named.insert(object.name, object);
        }
        let of = |kind| by_kind.get(&kind).map_or(&[][..], Vec::as_slice);
        let domain = or(config.text("clusterDomain"), "cluster.local");
        let hosts = HostTable::new(of(kind::SERVICE_ENTRY), of(kind::SERVICE), domain);
        let pods = Workloads::new(of(kind::POD).iter().copied().filter_map(Workload::of));
        let running = objects.iter().filter_map(|raw| Object::read(raw)).filter_map(Workload::of);
        let entries = of(kind::WORKLOAD_ENTRY).iter().copied().map(Workload::of_entry);
        let workloads = Workloads::new(running.chain(entries));
        let root = or(config.text("rootNamespace"), "istio-system");
        Self { by_kind, by_name, config, networks, now, root, domain, pods, workloads, hosts }
    }

    /// All objects of a kind.
    pub(crate) fn all(&self, kind: Kind<'static>) -> &[Object<'a>] {
        self.by_kind.get(&kind).map_or(&[], Vec::as_slice)
    }

    /// All objects that analyzers look at, by kind.
    pub(crate) fn everything(&self) -> impl Iterator<Item = &Object<'a>> {
        self.by_kind.values().flatten()
    }

    pub(crate) fn find(
        &self,
        kind: Kind<'static>,
        namespace: &str,
        name: &str,
    ) -> Option<&Object<'a>> {
        self.by_name.get(&kind)?.get(namespace)?.get(name)
    }

    /// What `name`, or `namespace/name`, means to an object of a namespace.
    pub(crate) fn find_from(
        &self,
        kind: Kind<'static>,
        own: &str,
        name: &str,
    ) -> Option<&Object<'a>> {
        let (namespace, name) = name.split_once('/').unwrap_or((own, name));
        self.find(kind, namespace, name)
    }

    /// Labels of a namespace; none when it is not among the objects.
    pub(crate) fn namespace(&self, name: &str) -> Option<Labels<'a>> {
        self.find(kind::NAMESPACE, "", name).map(Object::labels)
    }

    /// What a host means to an object, seen where that object is exported to.
    pub(crate) fn host(&self, object: &Object<'_>, host: &str) -> Option<&Hosted<'a>> {
        self.hosts.find(object.namespace, object.spec().texts("exportTo"), host, self.domain)
    }

    /// What a selector selects in a namespace (in all, when none is given): pods, or, where none runs yet, templates of pods.
    pub(crate) fn selected(
        &self,
        namespace: Option<&str>,
        selector: Labels<'_>,
    ) -> Vec<&Workload<'a>> {
        let pods: Vec<_> = self.pods.selected(namespace, selector).collect();
        if pods.is_empty() {
            let will_run = |workload: &&Workload<'_>| workload.will_run();
            self.workloads.selected(namespace, selector).filter(will_run).collect()
        } else {
            pods
        }
    }

    /// Whether some of what a selector selects in all namespaces is of a kind.
    pub(crate) fn has_selected(
        &self,
        selector: Labels<'_>,
        is_meant: impl Fn(&Workload<'a>) -> bool,
    ) -> bool {
        let mut pods = self.pods.selected(None, selector).peekable();
        if pods.peek().is_some() {
            return pods.any(is_meant);
        }
        self.workloads
            .selected(None, selector)
            .any(|workload| workload.will_run() && is_meant(workload))
    }

    /// Whether a workload has, or will get, a sidecar.
    pub(crate) fn is_injected(&self, workload: &Workload<'_>) -> bool {
        let own = workload.has_proxy().then_some(true).or_else(|| workload.wants_injection());
        own.unwrap_or_else(|| {
            let labels = self.namespace(workload.object.namespace).unwrap_or_default();
            match labels.get("istio-injection") {
                Some(value) => value == "enabled",
                None => labels.get("istio.io/rev").is_some_and(|revision| !revision.is_empty()),
            }
        })
    }

    /// Whether it is known to have no proxy and to get none; of a namespace that is not among the objects, nothing is known.
    pub(crate) fn is_outside(&self, workload: &Workload<'_>) -> bool {
        let is_known = self.namespace(workload.object.namespace).is_some()
            || workload.wants_injection().is_some();
        is_known && !self.is_injected(workload) && !self.is_ambient(workload)
    }

    /// Whether pods are among the objects, as they are of a mesh that runs; files have templates of pods.
    pub(crate) fn is_running(&self) -> bool {
        self.pods.iter().any(|pod| !source::is_assumed(&pod.object))
    }

    /// Whether the node proxy carries, or will carry, its traffic.
    pub(crate) fn is_ambient(&self, workload: &Workload<'_>) -> bool {
        let mode = workload.labels.get("istio.io/dataplane-mode");
        let by_namespace = || self.namespace(workload.object.namespace).is_some_and(is_ambient);
        let enrolled = mode.map_or_else(by_namespace, |mode| mode == "ambient");
        workload.is_redirected() || (enrolled && !workload.has_proxy())
    }

    /// Names of all namespaces that some object is or stands in.
    pub(crate) fn namespaces(&self) -> HashSet<&'a str> {
        let named = self.all(kind::NAMESPACE).iter().map(|namespace| namespace.name);
        named.chain(self.everything().map(|object| object.namespace)).collect()
    }
}

/// Whether a namespace is Kubernetes' own; nothing is injected there.
pub(crate) fn is_system(namespace: &str) -> bool {
    matches!(namespace, "kube-system" | "kube-public" | "kube-node-lease" | "local-path-storage")
}

/// Whether a namespace's labels enroll it, and no sidecars are asked for.
pub(crate) fn is_ambient(labels: Labels<'_>) -> bool {
    labels.is("istio.io/dataplane-mode", "ambient")
        && !labels.is("istio-injection", "enabled")
        && labels.get("istio.io/rev").is_none_or(str::is_empty)
}

fn or<'a>(given: &'a str, default: &'a str) -> &'a str {
    if given.is_empty() { default } else { given }
}
