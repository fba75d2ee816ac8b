//! The objects that the Gateway API's kinds point at, found by name.
//!
//! In: raw objects. Out: what of them is ours, and lookups.
//! Holds: an object is ours when its class is; a class is ours by its controller, and the names of Istio's classes are ours
//! while no object says otherwise.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;
use weft_model::ObjectRef;
use weft_model::api::gateway_api::{BackendTlsPolicy, GatewayClass, ReferenceGrant};
use weft_model::api::meta::Metadata;
use weft_model::api::{Read, Reader};

/// The group of the API.
pub const GROUP: &str = "gateway.networking.k8s.io";
/// Who we are in a status that several controllers share.
pub const CONTROLLER: &str = "istio.io/gateway-controller";
/// Whose classes are ours.
const CONTROLLERS: [&str; 4] = [
    CONTROLLER,
    "istio.io/mesh-controller",
    "istio.io/unmanaged-gateway",
    "istio.io/eastwest-controller",
];
/// Classes that need no object.
const CLASSES: [&str; 5] = ["weft", "istio", "istio-remote", "istio-waypoint", "istio-east-west"];

/// Reads the `spec` of an object; what cannot be read stands at its default, and its findings tell.
pub fn spec<T: Read>(object: &Value) -> T {
    T::read(&object["spec"], &mut Reader::at("/spec"))
}

/// Everything, by name.
#[derive(Debug)]
pub struct Mesh<'a> {
    objects: HashMap<ObjectRef, &'a Value>,
    /// Labels of namespaces.
    namespaces: HashMap<String, BTreeMap<String, String>>,
    /// By the namespace that they open.
    grants: HashMap<String, Vec<ReferenceGrant>>,
}

/// Someone that points at an object.
#[derive(Debug, Clone, Copy)]
pub struct From<'a> {
    pub group: &'a str,
    pub kind: &'a str,
    pub namespace: &'a str,
}

/// The object that is pointed at.
#[derive(Debug, Clone, Copy)]
pub struct To<'a> {
    pub group: &'a str,
    pub kind: &'a str,
    pub namespace: &'a str,
    pub name: &'a str,
}

impl<'a> Mesh<'a> {
    pub fn new(objects: impl IntoIterator<Item = &'a Value>) -> Self {
        let objects: HashMap<ObjectRef, &Value> =
            objects.into_iter().map(|object| (ObjectRef::of(object), object)).collect();
        let of = |kind: &'static str| objects.iter().filter(move |(name, _)| name.kind == kind);
        let namespaces = of("Namespace").map(|(name, object)| {
            let mut labels = Metadata::of(object).labels;
            labels.insert("kubernetes.io/metadata.name".to_owned(), name.name.clone());
            (name.name.clone(), labels)
        });
        let namespaces = namespaces.collect();
        let mut grants: HashMap<String, Vec<ReferenceGrant>> = HashMap::new();
        for (name, object) in of("ReferenceGrant") {
            grants.entry(name.namespace.clone()).or_default().push(spec(object));
        }
        Self { namespaces, grants, objects }
    }

    /// Every object of these kinds, oldest first.
    pub fn all(&self, kinds: &[&str]) -> Vec<(&ObjectRef, &'a Value)> {
        let of = |name: &&ObjectRef| is_ours(&name.group) && kinds.contains(&name.kind.as_str());
        let found = self.objects.iter().filter(|(name, _)| of(name));
        let mut found: Vec<_> = found.map(|(name, object)| (name, *object)).collect();
        found.sort_by_key(|(name, object)| (Metadata::of(object).created, (*name).clone()));
        found
    }

    pub fn get(&self, to: To<'_>) -> Option<&'a Value> {
        let text = str::to_owned;
        let To { group, kind, namespace, name } = to;
        let key = ObjectRef {
            group: text(group),
            kind: text(kind),
            namespace: text(namespace),
            name: text(name),
        };
        self.objects.get(&key).copied()
    }

    /// The object of this name.
    #[must_use]
    pub fn named(&self, name: &ObjectRef) -> Option<&'a Value> {
        self.objects.get(name).copied()
    }

    pub fn labels(&self, namespace: &str) -> Option<&BTreeMap<String, String>> {
        self.namespaces.get(namespace)
    }

    /// The policy that asks for TLS to a service, if any.
    pub(crate) fn backend_tls(&self, namespace: &str, service: &str) -> Option<&str> {
        let mut policies = self.objects.iter().filter(|(name, _)| {
            name.kind == "BackendTLSPolicy" && is_ours(&name.group) && name.namespace == namespace
        });
        let found = policies.find(|(_, object)| {
            let policy: BackendTlsPolicy = spec(object);
            policy.target_refs.iter().any(|to| to.kind == "Service" && to.name == service)
        });
        found.map(|(name, _)| name.name.as_str())
    }

    /// Whether gateways of the class are ours to tell of.
    pub fn is_our_class(&self, class: &str) -> bool {
        let to = To { group: GROUP, kind: "GatewayClass", namespace: "", name: class };
        match self.get(to) {
            Some(object) => is_our_controller(&spec::<GatewayClass>(object).controller_name),
            None => CLASSES.contains(&class),
        }
    }

    /// Whether the reference stays in its namespace, or a ReferenceGrant of the other one allows it.
    pub fn may_point(&self, from: From<'_>, to: To<'_>) -> bool {
        let allows = |grant: &ReferenceGrant| {
            let ReferenceGrant { from: sources, to: targets } = grant;
            sources.iter().any(|source| {
                (source.group.as_str(), source.kind.as_str(), source.namespace.as_str())
                    == (from.group, from.kind, from.namespace)
            }) && targets.iter().any(|target| {
                (target.group.as_str(), target.kind.as_str()) == (to.group, to.kind)
                    && target.name.as_deref().is_none_or(|name| name == to.name)
            })
        };
        from.namespace == to.namespace
            || self.grants.get(to.namespace).into_iter().flatten().any(allows)
    }
}

/// Whether a group is one of the Gateway API's.
pub(crate) fn is_ours(group: &str) -> bool {
    matches!(group, GROUP | "gateway.networking.x-k8s.io")
}

/// Whether a class with this controller is ours.
pub fn is_our_controller(name: &str) -> bool {
    CONTROLLERS.contains(&name)
}
