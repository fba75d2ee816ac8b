//! What the mesh has to say before an object is stored: pods get their proxy, wrong objects are refused.
//! In: an object about to be stored. Out: the object as it is stored, warnings, or a refusal.

use ctl_admission::{MeshSettings, inject};
use ctl_apiserver::admission::{Admission, AdmissionContext, Denied, Operation, Warning};
use serde_json::Value;

/// Admission of the mesh.
#[derive(Debug)]
pub(crate) struct MeshAdmission {
    pub(crate) settings: MeshSettings,
}

impl Admission for MeshAdmission {
    fn mutate(&self, context: &AdmissionContext<'_>, object: &mut Value) -> Result<(), Denied> {
        let pod = context.kind.group.is_empty() && context.kind.kind == "Pod";
        if !pod || context.operation != Operation::Create {
            return Ok(());
        }
        let namespace = context.namespace.unwrap_or_default();
        match inject(object, namespace, context.namespace_labels, &self.settings) {
            Ok(decision) => {
                tracing::debug!(namespace, ?decision, "injection");
                Ok(())
            }
            Err(refused) => Err(Denied { field: refused.field, why: refused.why }),
        }
    }

    fn validate(
        &self,
        context: &AdmissionContext<'_>,
        object: &Value,
        _old: Option<&Value>,
    ) -> Result<Vec<Warning>, Denied> {
        // Kinds that users define have no rules beyond their schema.
        let row = ctl_source::kinds::find(&context.kind.group, &context.kind.kind);
        if !row.is_some_and(|row| row.custom) {
            return Ok(Vec::new());
        }
        let (_, problems) = weft_model::validate_object(object);
        let (errors, warnings): (Vec<_>, Vec<_>) = problems.iter().partition(|p| p.is_error());
        match errors.as_slice() {
            [] => Ok(warnings.iter().map(|problem| problem.to_string()).collect()),
            [first, ..] => Err(Denied {
                field: first.field.to_string(),
                why: errors
                    .iter()
                    .map(|p| format!("{} ({})", p.what, p.fix))
                    .collect::<Vec<_>>()
                    .join("; "),
            }),
        }
    }
}
