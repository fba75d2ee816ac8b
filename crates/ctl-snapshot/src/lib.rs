//! One immutable version of the mesh, indexed for translation.
//!
//! In: a validated [`MeshModel`]. Out: [`MeshSnapshot`], cheap to clone, never changed after it is built.
//! Holds: configuration and endpoints are separate, so that a change of endpoints shares the rest.
//! Never: protobuf, I/O, locks.

mod allocate;
mod aspects;
mod authn;
mod by_service;
mod config;
mod delegates;
mod discovery;
mod entry;
pub mod localities;
mod machines;
mod preference;
mod rules;
mod service;
mod settings;
mod sidecars;
mod visibility;
mod workloads;

use std::collections::HashMap;
use std::sync::Arc;

pub use aspects::Aspect;
pub use authn::Mtls;
pub use config::Config;
pub use delegates::gateway_reference;
pub use entry::{Entry, Resolution};
pub use localities::Locality;
pub use preference::{Near, Preference};
pub use rules::{Client, Policy, Rule, Subset};
pub use service::{Alias, Port, Service};
pub use settings::{Exports, MeshSettings, PathNormalization, UnknownDestinations};
pub use sidecars::{Reach, Scope};
pub use visibility::Visibility;
use weft_model::{MeshModel, Object, Objects};
pub use workloads::{Address, Backing, Endpoint, GATEWAY, Workloads};

/// One version of the mesh.
#[derive(Debug, Clone)]
pub struct MeshSnapshot {
    version: u64,
    settings: Arc<MeshSettings>,
    config: Arc<Config>,
    workloads: Arc<Workloads>,
}

impl MeshSnapshot {
    /// Indexes a model.
    #[must_use]
    pub fn build(version: u64, settings: Arc<MeshSettings>, model: &MeshModel) -> Self {
        Self::made(version, settings, model, None)
    }

    /// Indexes a newer model. It is equal to what [`Self::build`] makes; what did not change is the same allocation.
    #[must_use]
    pub fn next(&self, version: u64, settings: Arc<MeshSettings>, model: &MeshModel) -> Self {
        let same = self.has_settings(&settings);
        Self::made(version, settings, model, same.then_some(self))
    }

    fn made(
        version: u64,
        settings: Arc<MeshSettings>,
        model: &MeshModel,
        before: Option<&Self>,
    ) -> Self {
        let model = &*discovery::discovered(model, &settings);
        let config = Config::build(&settings, model, before.map(|before| &*before.config));
        let workloads = Workloads::build(&settings, &config, model, before);
        Self { version, settings, config: Arc::new(config), workloads: Arc::new(workloads) }
    }

    /// The same configuration with the endpoints and pods of a newer model; for changes that touch nothing else.
    #[must_use]
    pub fn with_endpoints(&self, version: u64, model: &MeshModel) -> Self {
        let model = &*discovery::discovered(model, &self.settings);
        let workloads = Workloads::build(&self.settings, &self.config, model, Some(self));
        let workloads = Arc::new(workloads);
        let (settings, config) = (Arc::clone(&self.settings), Arc::clone(&self.config));
        Self { version, settings, config, workloads }
    }

    /// Whether another version was made under the same settings.
    #[must_use]
    pub fn same_settings(&self, other: &Self) -> bool {
        self.has_settings(&other.settings)
    }

    fn has_settings(&self, settings: &Arc<MeshSettings>) -> bool {
        Arc::ptr_eq(&self.settings, settings) || self.settings == *settings
    }

    /// Counts up with every change.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Facts of the whole mesh.
    #[must_use]
    pub fn settings(&self) -> &MeshSettings {
        &self.settings
    }

    /// Services and what users configured.
    #[must_use]
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// Pods and endpoints.
    #[must_use]
    pub fn workloads(&self) -> &Arc<Workloads> {
        &self.workloads
    }
}

/// Whether two lists have the very same entries.
fn all_same<T>(one: &[Arc<T>], other: &[Arc<T>]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(a, b)| Arc::ptr_eq(a, b))
}

/// The same of lists by namespace.
fn all_in<T>(one: &HashMap<String, Objects<T>>, other: &HashMap<String, Objects<T>>) -> bool {
    let known =
        |place, own: &[Arc<Object<T>>]| other.get(place).is_some_and(|known| all_same(known, own));
    one.len() == other.len() && one.iter().all(|(place, own)| known(place, own))
}
