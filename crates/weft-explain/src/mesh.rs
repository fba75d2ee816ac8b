//! The mesh that calls are asked about.
//!
//! In: objects, where they were written, the mesh's settings. Out: the snapshot that translation reads.
//! Holds: an object with an error is left out, as it is in a running mesh; what is left out is told of.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use ctl_snapshot::{MeshSettings, MeshSnapshot};
use serde_json::{Map, Value};
use weft_gateway_api::{Derived, Judged};
use weft_model::{Inventory, MeshModel, ObjectRef, Place, Problem};

use crate::complete::complete;

/// A mesh.
#[derive(Debug)]
pub struct Mesh {
    objects: Vec<Value>,
    inventory: Inventory,
    settings: Arc<MeshSettings>,
    snapshot: MeshSnapshot,
    places: BTreeMap<ObjectRef, Place>,
    proxies: Map<String, Value>,
    /// Of pods and services; others were filled in.
    written: Arc<BTreeSet<IpAddr>>,
}

impl Mesh {
    /// Validates, fills in what a cluster gives, and indexes. Answers what is wrong, too.
    #[must_use]
    pub fn new(
        objects: Vec<Value>,
        places: BTreeMap<ObjectRef, Place>,
        settings: MeshSettings,
    ) -> (Self, Vec<Problem>) {
        let written = Arc::new(addresses(&objects));
        let objects = complete(objects);
        let mut inventory = Inventory::default();
        for object in &objects {
            inventory.apply(object);
        }
        let settings = Arc::new(settings);
        let (model, problems) = modelled(&inventory, &objects, &settings.domain);
        let snapshot = MeshSnapshot::build(1, Arc::clone(&settings), &model);
        let proxies = Map::new();
        (Self { objects, inventory, settings, snapshot, places, proxies, written }, problems)
    }

    /// The same mesh with some objects of its configuration written otherwise, or (`None`) left out; what did not change
    /// is neither validated nor indexed again. Answers what is wrong with all of it, too.
    ///
    /// For kinds that say how traffic goes: what a cluster gives to services and workloads is not filled in anew.
    #[must_use]
    pub fn with(&self, changes: &BTreeMap<ObjectRef, Option<Value>>) -> (Self, Vec<Problem>) {
        let mut inventory = self.inventory.clone();
        let mut objects = Vec::with_capacity(self.objects.len());
        for object in &self.objects {
            if !changes.contains_key(&ObjectRef::of(object)) {
                objects.push(object.clone());
            } else {
                inventory.remove(object);
            }
        }
        for written in changes.values().flatten() {
            inventory.apply(written);
            objects.push(written.clone());
        }
        let (version, settings) = (self.snapshot.version() + 1, Arc::clone(&self.settings));
        let (model, problems) = modelled(&inventory, &objects, &settings.domain);
        let snapshot = self.snapshot.next(version, Arc::clone(&settings), &model);
        let (places, proxies) = (self.places.clone(), self.proxies.clone());
        let written = Arc::clone(&self.written);
        (Self { objects, inventory, settings, snapshot, places, proxies, written }, problems)
    }

    /// What proxies are started with where their pods say nothing: `defaultConfig` of the mesh.
    #[must_use]
    pub fn with_proxy_defaults(mut self, defaults: Map<String, Value>) -> Self {
        self.proxies = defaults;
        self
    }

    /// What the proxy of a pod is started with: what its annotation says goes over the mesh's.
    pub(crate) fn started(&self, annotation: Option<&str>) -> Map<String, Value> {
        let mut config = self.proxies.clone();
        let read = weft_model::api::yaml::read(annotation.unwrap_or_default(), "annotation");
        let wish = read.ok().and_then(|documents| documents.into_iter().next());
        if let Some(Value::Object(wish)) = wish.map(|document| document.value) {
            config.extend(wish);
        }
        config
    }

    /// What translation reads.
    #[must_use]
    pub fn snapshot(&self) -> &MeshSnapshot {
        &self.snapshot
    }

    /// Every object of the mesh, also those that were filled in.
    #[must_use]
    pub fn objects(&self) -> &[Value] {
        &self.objects
    }

    /// Whether an address was there before anything was filled in.
    pub(crate) fn is_written(&self, address: IpAddr) -> bool {
        self.written.contains(&address)
    }

    /// The objects of the Gateway API, judged together.
    pub(crate) fn judged(&self) -> Judged<'_> {
        let (_, problems) = self.inventory.model();
        Judged::of(&self.objects, &weft_gateway_api::refused(&problems))
    }

    /// Where an object was written.
    pub(crate) fn place(&self, object: &ObjectRef) -> Option<&Place> {
        self.places.get(object)
    }
}

/// The model, with what the Gateway API's objects mean.
fn modelled(inventory: &Inventory, objects: &[Value], domain: &str) -> (MeshModel, Vec<Problem>) {
    let (mut model, problems) = inventory.model();
    let judged = Judged::of(objects, &weft_gateway_api::refused(&problems));
    Derived::of(&judged, domain).fill(&mut model);
    (model, problems)
}

/// Addresses that objects have of their own.
fn addresses(objects: &[Value]) -> BTreeSet<IpAddr> {
    let texts = objects.iter().flat_map(|object| {
        let (spec, status) = (&object["spec"], &object["status"]);
        let one = [&spec["clusterIP"], &status["podIP"]];
        let many = [&spec["clusterIPs"], &status["podIPs"], &spec["addresses"]];
        let many = many.into_iter().filter_map(Value::as_array).flatten();
        many.map(|one| one.get("ip").unwrap_or(one)).chain(one)
    });
    texts.filter_map(|text| text.as_str()?.parse().ok()).collect()
}
