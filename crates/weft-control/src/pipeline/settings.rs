//! The mesh's own settings among the objects that the walk sees.

use ctl_snapshot::MeshSettings;
use ctl_source::{Batch, Object};
use weft_meshconfig::Problem;

use crate::mesh_settings;

/// The kind that has them.
pub(super) const KIND: &str = "ConfigMap";

/// The kind of a batch.
pub(super) fn kind(batch: &Batch) -> &str {
    match batch {
        Batch::Snapshot(resource, _) | Batch::Changes(resource, _) => &resource.kind,
    }
}

/// The settings that a ConfigMap asks for, or those of a mesh without one.
pub(super) fn read(stored: Option<&Object>) -> Result<MeshSettings, Vec<Problem>> {
    mesh_settings::read(stored.map(|object| &**object))
        .map(|mesh| mesh_settings::for_translation(&mesh))
}
