//! Structural schemas, as CustomResourceDefinitions carry them: what a value may be, what it gets, what it loses.
//!
//! In: the JSON of a schema, and values. Out: faults, each with its place; pruned and defaulted values.
//! Holds: a schema that cannot be honoured whole is refused with the place of each reason; checking is bounded in time.
//! Never: I/O, clocks, or the meaning of a field.
//! Why a room of its own: the API server, the validators and the CLI must say the same of the same object.

mod check;
mod deep;
mod fill;
mod format;
mod name;
mod node;
mod parse;
mod rules;

use serde_json::Value;

use node::Node;
pub use rules::condition::Condition;
pub use weft_types::similar;

/// One thing that is wrong with a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaFault {
    /// JSON pointer inside the schema.
    pub pointer: String,
    /// What is wrong and what to do.
    pub what: String,
}

/// Why a value is refused, in the words that Kubernetes' clients know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reason {
    /// The value is wrong.
    #[default]
    Invalid,
    /// The value has the wrong type.
    Type,
    /// The value is not one of those that are possible.
    NotSupported,
    /// A value is missing.
    Required,
    /// The field must not be set.
    Forbidden,
    /// The value is there twice.
    Duplicate,
}

impl Reason {
    /// Kubernetes' word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "FieldValueInvalid",
            Self::Type => "FieldValueTypeInvalid",
            Self::NotSupported => "FieldValueNotSupported",
            Self::Required => "FieldValueRequired",
            Self::Forbidden => "FieldValueForbidden",
            Self::Duplicate => "FieldValueDuplicate",
        }
    }
}

/// One thing that is wrong with a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// JSON pointer of the field.
    pub pointer: String,
    /// True when the field is not one that the schema has; such a field is pruned, not refused, unless asked otherwise.
    pub unknown: bool,
    /// The kind of fault.
    pub reason: Reason,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub fix: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.fix.as_str() {
            "" => f.write_str(&self.what),
            fix => write!(f, "{}: {fix}", self.what),
        }
    }
}

/// A schema that was read and found structural.
#[derive(Debug)]
pub struct Schema {
    root: Node,
}

impl Schema {
    /// Reads the schema of a whole object: `apiVersion`, `kind` and `metadata` are part of it though it need not say so.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its place.
    pub fn parse(schema: &Value) -> Result<Self, Vec<SchemaFault>> {
        parse::object(schema).map(|root| Self { root })
    }

    /// Reads the schema of a part of an object, or of any other value.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its place.
    pub fn parse_part(schema: &Value) -> Result<Self, Vec<SchemaFault>> {
        parse::part(schema).map(|root| Self { root })
    }

    /// The fields that the schema does not have, and nothing else.
    #[must_use]
    pub fn unknown(&self, value: &Value) -> Vec<Fault> {
        check::unknown(&self.root, value)
    }

    /// Holds a new value against the schema and its rules.
    #[must_use]
    pub fn check(&self, value: &Value) -> Vec<Fault> {
        check::value(&self.root, value, None)
    }

    /// Holds a changed value against the schema and its rules, those about changes too. What was wrong before and was not
    /// changed is tolerated, so that a stricter schema does not lock old objects.
    #[must_use]
    pub fn check_change(&self, value: &Value, old: &Value) -> Vec<Fault> {
        check::value(&self.root, value, Some(old))
    }

    /// Removes the fields that the schema does not have; their JSON pointers.
    pub fn prune(&self, value: &mut Value) -> Vec<String> {
        fill::prune(&self.root, value)
    }

    /// Sets what is missing and has a default; `null` where it is not allowed counts as missing.
    pub fn apply_defaults(&self, value: &mut Value) {
        fill::apply_defaults(&self.root, value);
    }
}
