//! What the mesh has to say before an object is stored: pods get their proxy, wrong objects are refused.
//! In: an object about to be stored. Out: the object as it is stored, warnings, or a refusal.

use std::sync::Arc;

use ctl_admission::review::Question;
use ctl_admission::{Decision, inject};
use ctl_apiserver::admission::{Admission, AdmissionContext, Denied, Finding, Operation, Warning};
use ctl_apiserver::{Fault, FieldValidation, Kind};
use serde_json::Value;
use weft_model::api::crd;
use weft_model::{ObjectRef, Problem};

use crate::mesh_settings::LiveMesh;

/// The code of a field that the kind does not have.
const UNKNOWN_FIELD: &str = "WEFT0001";

/// Admission of the mesh.
#[derive(Debug, Clone)]
pub(crate) struct MeshAdmission {
    pub(crate) mesh: Arc<LiveMesh>,
}

impl MeshAdmission {
    /// Judges an object that another API server asks about, in the words of ours.
    pub(crate) fn judge(&self, asked: &Question) -> Result<Vec<Warning>, Fault> {
        let kind = Kind::named(&asked.group, &asked.kind, &asked.plural);
        let name = name_of(asked);
        if let Some(findings) = self.findings(&kind, &asked.object) {
            let (wrong, odd): (Vec<_>, Vec<_>) = findings.iter().partition(|f| f.refuses);
            return match wrong.as_slice() {
                [] => Ok(odd.into_iter().map(|finding| finding.why.clone()).collect()),
                wrong => Err(Fault::found(&kind, name, wrong)),
            };
        }
        let told = self.validate(&context(&kind, asked, &Value::Null), &asked.object, None);
        told.map_err(|denied| denied.fault(&kind, name))
    }

    /// Gives the pod that another API server asks about its proxy, when it is to have one.
    pub(crate) fn inject(
        &self,
        asked: &Question,
        namespace_labels: &Value,
        pod: &mut Value,
    ) -> Result<Vec<Warning>, Fault> {
        let kind = Kind::named(&asked.group, &asked.kind, &asked.plural);
        let context = context(&kind, asked, namespace_labels);
        let told = self.mutate(&context, pod).and_then(|()| self.validate(&context, pod, None));
        told.map_err(|denied| denied.fault(&kind, name_of(asked)))
    }
}

fn context<'a>(
    kind: &'a Kind,
    asked: &'a Question,
    namespace_labels: &'a Value,
) -> AdmissionContext<'a> {
    let creates = asked.operation == "CREATE";
    AdmissionContext {
        operation: if creates { Operation::Create } else { Operation::Update },
        kind,
        namespace: (!asked.namespace.is_empty()).then_some(&asked.namespace),
        namespace_labels,
        field_validation: FieldValidation::Strict,
    }
}

/// A server that is still to make a name has at most the beginning of it.
fn name_of(asked: &Question) -> &str {
    let begun = || asked.object["metadata"]["generateName"].as_str().unwrap_or_default();
    if asked.name.is_empty() { begun() } else { &asked.name }
}

impl Admission for MeshAdmission {
    fn findings(&self, kind: &Kind, object: &Value) -> Option<Vec<Finding>> {
        crd::find(&kind.group, &kind.kind)?;
        let finding = |problem: Problem| Finding {
            field: problem.field.to_string(),
            unknown: problem.code == UNKNOWN_FIELD,
            refuses: problem.is_error(),
            why: if problem.is_error() { reason(&problem) } else { problem.to_string() },
        };
        Some(weft_model::validate_object(object).1.into_iter().map(finding).collect())
    }

    fn mutate(&self, context: &AdmissionContext<'_>, object: &mut Value) -> Result<(), Denied> {
        let pod = context.kind.group.is_empty() && context.kind.kind == "Pod";
        if !pod || context.operation != Operation::Create {
            return Ok(());
        }
        let namespace = context.namespace.unwrap_or_default();
        let mesh = self.mesh.current();
        match inject(object, namespace, context.namespace_labels, &mesh.injection) {
            Ok(decision) => {
                tracing::debug!(namespace, ?decision, "injection");
                let injected = matches!(decision, Decision::Inject(_));
                let errors = proxy_config(object).into_iter().find(Problem::is_error);
                match errors.filter(|_| injected) {
                    None => Ok(()),
                    Some(error) => {
                        Err(Denied { field: error.field.to_string(), why: reason(&error) })
                    }
                }
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
        let problems = if context.kind.group.is_empty() && context.kind.kind == "Pod" {
            // What would refuse it was looked at when it was injected.
            proxy_config(object).into_iter().filter(|problem| !problem.is_error()).collect()
        } else if weft_meshconfig::is_mesh_config_map(object) {
            weft_meshconfig::validate_config_map(object).2
        } else {
            // What there is to say of the mesh's kinds are findings; those that users define have no rules beyond their schema.
            return Ok(Vec::new());
        };
        let (errors, warnings): (Vec<_>, Vec<_>) = problems.iter().partition(|p| p.is_error());
        match errors.as_slice() {
            [] => Ok(warnings.iter().map(|problem| problem.to_string()).collect()),
            [first, more @ ..] => {
                let more = more.iter().map(|p| format!("{}: {}", p.field, reason(p)));
                let why: Vec<String> = std::iter::once(reason(first)).chain(more).collect();
                Err(Denied { field: first.field.to_string(), why: why.join("; also ") })
            }
        }
    }
}

const PROXY_CONFIG: &str = "proxy.istio.io/config";
const AT: &str = "/metadata/annotations/proxy.istio.io~1config";

/// What is wrong with a pod's own wishes for its proxy; text that is no YAML is the injection's matter.
fn proxy_config(pod: &Value) -> Vec<Problem> {
    let text = pod["metadata"]["annotations"][PROXY_CONFIG].as_str().unwrap_or_default();
    let documents = weft_api::yaml::read(text, PROXY_CONFIG).unwrap_or_default();
    let Some(document) = documents.first() else { return Vec::new() };
    let (_, mut problems) = weft_meshconfig::validate_proxy_config(&document.value);
    for problem in &mut problems {
        problem.object = ObjectRef::of(pod);
        problem.field.0.insert_str(0, AT);
    }
    problems
}

/// What is wrong, what to do, and the code of it.
fn reason(problem: &Problem) -> String {
    format!("{}; {} [{}]", problem.what, problem.fix, problem.code)
}
