//! Objects of custom kinds against the schema of their version.
//!
//! In: an object as written. Out: the same pruned and with defaults, warnings, or a refusal with every fault by its path.
//! Holds: what is stored has passed; unknown fields are pruned and told of, as the request asks.

use serde_json::Value;

use crate::admission::{Admission, FieldValidation, Finding, Warning};
use crate::fault::{Cause, Fault};
use crate::kind::{Kind, Version};
use crate::strict::{self, dotted};

/// Prunes unknown fields and sets defaults.
pub(crate) fn shape(
    kind: &Kind,
    version: &Version,
    object: &mut Value,
    level: FieldValidation,
    admission: &dyn Admission,
) -> Result<Vec<Warning>, Fault> {
    let findings = admission.findings(kind, object);
    let told = known(kind, version, object, level, findings)?;
    if let Some(schema) = &version.schema {
        schema.apply_defaults(object);
    }
    Ok(told)
}

/// Prunes unknown fields; `findings` are the words of the mesh on the object, where it has any.
pub(crate) fn known(
    kind: &Kind,
    version: &Version,
    object: &mut Value,
    level: FieldValidation,
    findings: Option<Vec<Finding>>,
) -> Result<Vec<Warning>, Fault> {
    if !kind.custom {
        return Ok(Vec::new());
    }
    let mut told: Vec<Warning> =
        strict::metadata(object)?.iter().map(|path| format!("unknown field \"{path}\"")).collect();
    let Some(schema) = &version.schema else {
        return strict::met(kind, &version.name, told, level);
    };
    if let Some(findings) = findings {
        let unknown: Vec<&Finding> = findings.iter().filter(|finding| finding.unknown).collect();
        if level == FieldValidation::Strict && !unknown.is_empty() {
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            return Err(Fault::invalid_for(kind, name, &causes(&findings)));
        }
        schema.prune(object);
        told.extend(unknown.iter().map(|finding| format!("{}: {}", finding.field, finding.why)));
        return strict::met(kind, &version.name, told, level);
    }
    if level != FieldValidation::Ignore {
        let faults = schema.unknown(object).into_iter();
        told.extend(
            faults.map(|fault| {
                format!("unknown field \"{}\": {}", dotted(&fault.pointer), fault.fix)
            }),
        );
    }
    schema.prune(object);
    strict::met(kind, &version.name, told, level)
}

fn causes(findings: &[Finding]) -> Vec<Cause> {
    let cause = |finding: &Finding| Cause {
        field: finding.field.clone(),
        what: finding.why.clone(),
        reason: "FieldValueInvalid",
    };
    findings.iter().map(cause).collect()
}

/// Holds the object against the rules of the mesh, or else against schema and rules; `old` is the one before, in the same version.
pub(crate) fn judge(
    kind: &Kind,
    version: &Version,
    object: &Value,
    old: Option<&Value>,
    name: &str,
    admission: &dyn Admission,
) -> Result<(), Fault> {
    if let Some(findings) = admission.findings(kind, object) {
        let causes = causes(&findings);
        return if causes.is_empty() {
            Ok(())
        } else {
            Err(Fault::invalid_for(kind, name, &causes))
        };
    }
    let Some(schema) = &version.schema else { return Ok(()) };
    let faults = match old {
        Some(old) => schema.check_change(object, old),
        None => schema.check(object),
    };
    let causes: Vec<Cause> = faults
        .into_iter()
        .filter(|fault| !fault.unknown)
        .map(|fault| Cause {
            field: dotted(&fault.pointer),
            what: fault.to_string(),
            reason: fault.reason.as_str(),
        })
        .collect();
    if causes.is_empty() { Ok(()) } else { Err(Fault::invalid_for(kind, name, &causes)) }
}
