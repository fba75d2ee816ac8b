//! The mesh's own settings among the objects that the walk sees.
//!
//! Holds: of all ConfigMaps only the one that has them is kept.

use ctl_snapshot::MeshSettings;
use ctl_source::{Batch, Change, Object};
use weft_meshconfig::{Problem, is_mesh_config_map};

use crate::mesh_settings;

/// The kind that has them.
pub(super) const KIND: &str = "ConfigMap";

/// The kind of a batch.
pub(super) fn kind(batch: &Batch) -> &str {
    match batch {
        Batch::Snapshot(resource, _) | Batch::Changes(resource, _) => &resource.kind,
    }
}

/// What of a batch of ConfigMaps is about the mesh.
pub(super) fn of_mesh(batch: Batch) -> Batch {
    let ours = |object: &Object| is_mesh_config_map(object);
    match batch {
        Batch::Snapshot(resource, mut objects) => {
            objects.retain(ours);
            Batch::Snapshot(resource, objects)
        }
        Batch::Changes(resource, mut changes) => {
            changes.retain(|change| match change {
                Change::Applied(object) | Change::Deleted(object) => ours(object),
            });
            Batch::Changes(resource, changes)
        }
    }
}

/// The settings that a ConfigMap asks for, or those of a mesh without one.
pub(super) fn read(stored: Option<&Object>) -> Result<MeshSettings, Vec<Problem>> {
    mesh_settings::read(stored.map(|object| &**object))
        .map(|mesh| mesh_settings::for_translation(&mesh))
}
