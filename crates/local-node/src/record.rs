//! `<state>/node.json`: what people outside must know of a living mesh.
//!
//! In: pids as they change. Out: one small file, replaced whole.
//! Holds: pids are those of the host, or absent when they cannot be known.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::watch;

use crate::init::Prepared;

/// The file's content.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeRecord {
    /// Version of the node.
    pub version: String,
    /// The node's pid on the host; its end ends the mesh.
    pub node_pid: Option<u32>,
    /// The control plane's pid on the host; it changes when it is started again.
    pub control_plane_pid: Option<u32>,
    /// Whatever the starter adds: host ports, its own pid.
    #[serde(default)]
    pub extra: Value,
}

/// The file's place.
#[must_use]
pub fn path(state: &Path) -> PathBuf {
    state.join("node.json")
}

/// Reads the record of a state folder.
///
/// # Errors
/// When the file is missing or is not a record.
pub fn read(state: &Path) -> io::Result<NodeRecord> {
    Ok(serde_json::from_slice(&std::fs::read(path(state))?)?)
}

/// Replaces the record of a state folder.
///
/// # Errors
/// When the folder cannot be written.
pub fn write(state: &Path, record: &NodeRecord) -> io::Result<()> {
    let fresh = state.join("node.json.new");
    std::fs::write(&fresh, serde_json::to_vec_pretty(record)?)?;
    std::fs::rename(fresh, path(state))
}

/// Writes the record now and whenever the control plane's pid (0: none) changes, until nobody can change it.
pub async fn keep(
    state: PathBuf,
    prepared: Prepared,
    (version, extra): (String, Value),
    mut control_plane: watch::Receiver<u32>,
) {
    loop {
        let inner = *control_plane.borrow_and_update();
        let record = NodeRecord {
            version: version.clone(),
            node_pid: prepared.outer_pid,
            control_plane_pid: prepared.outer_pid_of(inner),
            extra: extra.clone(),
        };
        if let Err(error) = write(&state, &record) {
            tracing::error!(%error, "cannot write node.json");
        }
        if control_plane.changed().await.is_err() {
            return;
        }
    }
}
