//! What a reconcile function wants done.
//! In: nothing. Out: values that `run` carries out through the `Source`.

use std::time::Duration;

use ctl_source::{ObjectKey, ResourceType};
use serde_json::Value;

/// One write, or a wish to be looked at again.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Action {
    /// Create the object.
    Create(ResourceType, Value),
    /// Replace the object.
    Update(ResourceType, Value),
    /// Replace its status.
    Status(ResourceType, Value),
    /// Delete it, by its own grace period.
    Delete(ObjectKey),
    /// Look again after this long.
    Again(Duration),
}
