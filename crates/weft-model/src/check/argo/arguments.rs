//! Rules of arguments of analyses.

use std::collections::BTreeSet;

use weft_api::argo::analysis::{Argument, FieldRef, ValueFrom};
use weft_api::argo::run::{RunArgument, RunValueFrom};

use crate::check::{Findings, union};

/// Arguments that a rollout gives to templates.
pub(super) fn of_run(args: &[RunArgument], findings: &mut Findings) {
    let mut seen = BTreeSet::new();
    findings.each("args", args, |RunArgument { name, value, value_from }, findings| {
        once(name, &mut seen, findings);
        one_source(value.is_some(), value_from.is_some(), findings);
        findings.given("valueFrom", value_from.as_ref(), |from, findings| {
            let RunValueFrom { pod_template_hash_value, field_ref } = from;
            let ways = [
                ("podTemplateHashValue", pod_template_hash_value.is_some()),
                ("fieldRef", field_ref.is_some()),
            ];
            union::exactly_one(&ways, findings);
            findings.given("fieldRef", field_ref.as_ref(), self::field);
        });
    });
}

/// Arguments of a template (`resolved` false), or of a run, which must all have a value.
pub(super) fn check(args: &[Argument], resolved: bool, findings: &mut Findings) {
    let mut seen = BTreeSet::new();
    findings.each("args", args, |Argument { name, value, value_from }, findings| {
        once(name, &mut seen, findings);
        one_source(value.is_some(), value_from.is_some(), findings);
        if resolved && value.is_none() && value_from.is_none() {
            findings.error_in("value", "is missing", "give the argument a value");
        }
        findings.given("valueFrom", value_from.as_ref(), |from, findings| {
            let ValueFrom { secret_key_ref, field_ref } = from;
            let ways =
                [("secretKeyRef", secret_key_ref.is_some()), ("fieldRef", field_ref.is_some())];
            union::exactly_one(&ways, findings);
            findings.given("fieldRef", field_ref.as_ref(), self::field);
        });
    });
}

fn once<'a>(name: &'a str, seen: &mut BTreeSet<&'a str>, findings: &mut Findings) {
    if !seen.insert(name) {
        findings.error_in("name", format!("{name:?} stands here twice"), "name each once");
    }
}

fn one_source(value: bool, from: bool, findings: &mut Findings) {
    if value && from {
        findings.error("value and valueFrom exclude each other", "keep one of them");
    }
}

/// A field of the rollout: of its metadata only some can be asked for.
fn field(spec: &FieldRef, findings: &mut Findings) {
    let FieldRef { field_path } = spec;
    let Some(of_metadata) = field_path.strip_prefix("metadata") else { return };
    let keyed = ["labels", "annotations"].iter().any(|map| {
        let rest = of_metadata.strip_prefix('.').and_then(|rest| rest.strip_prefix(map));
        let key = rest.and_then(|rest| rest.strip_prefix("['")?.strip_suffix("']"));
        rest == Some("") || key.is_some_and(|key| !key.is_empty())
    });
    if !keyed && !matches!(of_metadata, ".name" | ".namespace" | ".uid") {
        let fix = "use metadata.name, namespace, uid, labels['KEY'] or annotations['KEY']";
        findings.error_in("fieldPath", format!("{field_path:?} cannot be asked for"), fix);
    }
}
