//! Objects of custom kinds against the schema of their version.
//!
//! In: an object as written. Out: the same pruned and with defaults, warnings, or a refusal with every fault by its path.
//! Holds: what is stored has passed; unknown fields are pruned and told of, as the request asks.

use serde_json::Value;

use crate::admission::{FieldValidation, Finding, Warning};
use crate::fault::{Cause, Fault};
use crate::kind::{Kind, Version};
use crate::strict::{self, SchemaFault, dotted};

/// Prunes unknown fields and sets defaults; `findings` are the words of the mesh on the object, where it has any.
pub(crate) fn shape(
    kind: &Kind,
    version: &Version,
    object: &mut Value,
    level: FieldValidation,
    findings: Option<&[Finding]>,
) -> Result<Vec<Warning>, Fault> {
    let told = known(kind, version, object, level, findings)?;
    if let Some(schema) = &version.schema {
        schema.apply_defaults(object);
    }
    Ok(told)
}

impl Kind {
    /// Everything that the definition of the kind finds wrong with an object, unknown fields too.
    #[must_use]
    pub fn faults(&self, object: &Value) -> Vec<SchemaFault> {
        let given = object["apiVersion"].as_str().unwrap_or_default();
        let served = self.versions.iter().find(|v| self.api_version(&v.name) == given);
        let Some(schema) = served.and_then(|version| version.schema.as_ref()) else {
            return Vec::new();
        };
        let mut whole = object.clone();
        let unknown = schema.unknown(&whole);
        schema.prune(&mut whole);
        schema.apply_defaults(&mut whole);
        let wrong = schema.check(&whole).into_iter().filter(|fault| !fault.unknown);
        let told = |fault: weft_schema::Fault| SchemaFault {
            what: fault.to_string(),
            pointer: fault.pointer,
        };
        unknown.into_iter().chain(wrong).map(told).collect()
    }
}

/// Prunes unknown fields; `findings` are the words of the mesh on the object, where it has any.
pub(crate) fn known(
    kind: &Kind,
    version: &Version,
    object: &mut Value,
    level: FieldValidation,
    findings: Option<&[Finding]>,
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
            let wrong: Vec<&Finding> = findings.iter().filter(|finding| finding.refuses).collect();
            return Err(Fault::found(kind, name, &wrong));
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

/// Holds the object against what the mesh found, or else against schema and rules; `old` is the one before, in the same
/// version.
pub(crate) fn judge(
    kind: &Kind,
    version: &Version,
    object: &Value,
    old: Option<&Value>,
    name: &str,
    findings: Option<&[Finding]>,
) -> Result<Vec<Warning>, Fault> {
    if let Some(findings) = findings {
        // What is unknown was met when the object was read.
        let met = findings.iter().filter(|finding| !finding.unknown);
        let (wrong, odd): (Vec<&Finding>, Vec<&Finding>) = met.partition(|f| f.refuses);
        return match wrong.as_slice() {
            [] => Ok(odd.into_iter().map(|finding| finding.why.clone()).collect()),
            wrong => Err(Fault::found(kind, name, wrong)),
        };
    }
    let Some(schema) = &version.schema else { return Ok(Vec::new()) };
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
    if causes.is_empty() { Ok(Vec::new()) } else { Err(Fault::invalid_for(kind, name, &causes)) }
}
