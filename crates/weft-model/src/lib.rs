//! The validated mesh.
//!
//! In: raw objects, as JSON. Out: a [`MeshModel`] of objects that hold what their kind promises, and [`Problem`]s.
//! Holds: an object with an error is left out alone; a security policy that cannot be read denies.
//! Never: I/O, clocks, or another way into the model; command line, admission and pipeline all come through here.
//! Why problems are data: one run tells everything that is wrong, with the place and what to do.

mod check;
mod host;
mod inventory;
pub mod limits;
mod model;
mod problem;
mod protocol;

pub use check::{
    Checked, grpc_status, is_certificate_hash, is_cipher_suite, is_key_hash, is_pair,
    validate_object,
};
pub use host::{Host, HostPattern, expand};
pub use inventory::{Inventory, Touched};
pub use model::{MeshModel, Object, Objects};
pub use problem::{Field, ObjectRef, Place, Problem, Severity};
pub use protocol::Protocol;

use serde_json::Value;
/// What users write; a checked object keeps those words.
pub use weft_api as api;

/// Validates a whole set of objects, each by itself; how they point at each other is for weft-analyze to judge.
pub fn validate<'a>(raw: impl IntoIterator<Item = &'a Value>) -> (MeshModel, Vec<Problem>) {
    let mut inventory = Inventory::default();
    for object in raw {
        inventory.apply(object);
    }
    inventory.model()
}
