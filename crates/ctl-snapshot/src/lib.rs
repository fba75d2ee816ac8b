//! One immutable version of the mesh, indexed for translation.
//!
//! In: a validated [`MeshModel`]. Out: [`MeshSnapshot`], cheap to clone, never changed after it is built.
//! Holds: configuration and endpoints are separate, so that a change of endpoints shares the rest.
//! Never: protobuf, I/O, locks.

mod allocate;
mod authn;
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

use std::sync::Arc;

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
use weft_model::MeshModel;
pub use workloads::{Address, Backing, Endpoint, Workloads};

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
        let model = &*discovery::discovered(model, &settings);
        let config = Arc::new(Config::build(&settings, model));
        let workloads = Arc::new(Workloads::build(&settings, &config, model, None));
        Self { version, settings, config, workloads }
    }

    /// The same configuration with the endpoints and pods of a newer model; for changes that touch nothing else.
    #[must_use]
    pub fn with_endpoints(&self, version: u64, model: &MeshModel) -> Self {
        let model = &*discovery::discovered(model, &self.settings);
        let before = Some(&*self.workloads);
        let workloads = Workloads::build(&self.settings, &self.config, model, before);
        let workloads = Arc::new(workloads);
        let (settings, config) = (Arc::clone(&self.settings), Arc::clone(&self.config));
        Self { version, settings, config, workloads }
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
