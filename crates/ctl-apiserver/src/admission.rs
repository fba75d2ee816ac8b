//! What may change or refuse an object before it is stored.
//!
//! In: the object, and the one before. Out: a changed object, warnings, or a refusal.
//! Holds: it is called for every write, of REST and of the process itself; status writes are not admitted.
//! Why a trait here: who injects sidecars and knows the mesh's rules sits above this room.

use crate::fault::Fault;
use crate::kind::Kind;
use serde_json::Value;

/// How strict unknown fields are met (the query parameter `fieldValidation`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FieldValidation {
    /// They are kept silent about.
    Ignore,
    /// They are named in a warning.
    #[default]
    Warn,
    /// They refuse the request.
    Strict,
}

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// A new object.
    Create,
    /// Changes to an object.
    Update,
}

/// The circumstances of a write.
#[derive(Debug, Clone)]
pub struct AdmissionContext<'a> {
    /// What is being done.
    pub operation: Operation,
    /// The kind that is written.
    pub kind: &'a Kind,
    /// Namespace, when the kind has one.
    pub namespace: Option<&'a str>,
    /// Labels of that namespace (an object), or null.
    pub namespace_labels: &'a Value,
    /// How unknown fields are met.
    pub field_validation: FieldValidation,
}

/// A refusal: becomes 422 with the field when there is one, else 403.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    /// Path in the object, or empty.
    pub field: String,
    /// What is wrong and what to do.
    pub why: String,
}

impl Denied {
    /// The refusal as an answer to the writer of the object `name`.
    #[must_use]
    pub fn fault(self, kind: &Kind, name: &str) -> Fault {
        match self.field.is_empty() {
            true => {
                Fault::forbidden(format!("{} \"{name}\" is refused: {}", kind.plural, self.why))
            }
            false => Fault::invalid(kind, name, &[(self.field, self.why)]),
        }
    }
}

/// One thing that is wrong with an object of a kind that the mesh knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Path in the object, or empty.
    pub field: String,
    /// The kind has no such field; it is pruned unless the request is strict.
    pub unknown: bool,
    /// The object is refused for it; else the user is warned.
    pub refuses: bool,
    /// What is wrong, what to do, and the code of it.
    pub why: String,
}

/// One sentence that the user should read although the write is done.
pub type Warning = String;

/// Changes and judges objects before they are stored.
pub trait Admission: Send + Sync + 'static {
    /// All that is wrong or odd with an object as it was written, when the mesh knows its kind better than a schema can; its
    /// words then stand in the place of those of the schema. Asked once for every state of an object.
    fn findings(&self, _: &Kind, _: &Value) -> Option<Vec<Finding>> {
        None
    }

    /// May change the object, e.g. inject a sidecar.
    ///
    /// # Errors
    /// When the object cannot be admitted.
    fn mutate(&self, context: &AdmissionContext<'_>, object: &mut Value) -> Result<(), Denied>;

    /// Judges the object as it would be stored.
    ///
    /// # Errors
    /// When the object is refused.
    fn validate(
        &self,
        context: &AdmissionContext<'_>,
        object: &Value,
        old: Option<&Value>,
    ) -> Result<Vec<Warning>, Denied>;
}

/// Admits everything as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct AdmitAll;

impl Admission for AdmitAll {
    fn mutate(&self, _: &AdmissionContext<'_>, _: &mut Value) -> Result<(), Denied> {
        Ok(())
    }

    fn validate(
        &self,
        _: &AdmissionContext<'_>,
        _: &Value,
        _: Option<&Value>,
    ) -> Result<Vec<Warning>, Denied> {
        Ok(Vec::new())
    }
}
