//! The three kinds of patches.
//!
//! In: the object as it is, a patch. Out: the object as it should be.
//! Holds: pure; a patch that cannot be applied changes nothing.

mod strategic;

use json_patch::PatchOperation;
use serde_json::Value;

use crate::fault::Fault;

/// A patch as it came.
#[derive(Debug, Clone)]
pub(crate) enum Patch {
    /// RFC 6902.
    Json(json_patch::Patch),
    /// RFC 7386.
    Merge(Value),
    /// Kubernetes' own, which knows the keys of lists.
    Strategic(Value),
}

impl Patch {
    /// Reads a patch by its content type.
    pub(crate) fn parse(content_type: &str, body: &[u8]) -> Result<Self, Fault> {
        let unreadable = |e: serde_json::Error| Fault::bad(format!("unreadable patch: {e}"));
        let value = || serde_json::from_slice::<Value>(body).map_err(unreadable);
        match content_type {
            "application/json-patch+json" => {
                Ok(Self::Json(serde_json::from_slice(body).map_err(unreadable)?))
            }
            "application/merge-patch+json" => Ok(Self::Merge(object(value()?)?)),
            "application/strategic-merge-patch+json" => Ok(Self::Strategic(object(value()?)?)),
            other => Err(Fault::media(other)),
        }
    }

    pub(crate) fn apply(&self, mut current: Value) -> Result<Value, Fault> {
        match self {
            Self::Json(patch) => steps(&mut current, patch)
                .map_err(|e| Fault::bad(format!("the patch does not fit the object: {e}")))?,
            Self::Merge(patch) => json_patch::merge(&mut current, patch),
            Self::Strategic(patch) => {
                strategic::merge(&mut current, patch).map_err(Fault::bad)?;
            }
        }
        Ok(current)
    }
}

/// Takes the steps in order. A test for null holds where nothing is: so Kubernetes' clients ask for it.
fn steps(current: &mut Value, patch: &json_patch::Patch) -> Result<(), json_patch::PatchError> {
    for step in &patch.0 {
        let of_nothing = match step {
            PatchOperation::Test(test) => {
                test.value.is_null() && current.pointer(test.path.as_str()).is_none()
            }
            _ => false,
        };
        if !of_nothing {
            json_patch::patch(current, std::slice::from_ref(step))?;
        }
    }
    Ok(())
}

fn object(value: Value) -> Result<Value, Fault> {
    if value.is_object() { Ok(value) } else { Err(Fault::bad("a patch must be a JSON object")) }
}
