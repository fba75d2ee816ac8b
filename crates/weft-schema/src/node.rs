//! A schema as it was understood.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::{Number, Value};

use crate::rules::Rule;

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Kind {
    Object,
    Array,
    Text,
    Integer,
    Number,
    Bool,
    /// `x-kubernetes-int-or-string`.
    IntOrText,
    /// Nothing is said of it.
    #[default]
    Any,
}

impl Kind {
    pub(crate) fn in_words(self) -> &'static str {
        match self {
            Self::Object => "a map of fields",
            Self::Array => "a list",
            Self::Text => "a text (in quotes, when it looks like a number)",
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::Bool => "true or false",
            Self::IntOrText => "a whole number or a text",
            Self::Any => "a value",
        }
    }

    pub(crate) fn takes(self, value: &Value) -> bool {
        match self {
            Self::Object => value.is_object(),
            Self::Array => value.is_array(),
            Self::Text => value.is_string(),
            Self::Integer => is_whole(value),
            Self::Number => value.is_number(),
            Self::Bool => value.is_boolean(),
            Self::IntOrText => value.is_string() || is_whole(value),
            Self::Any => true,
        }
    }
}

fn is_whole(value: &Value) -> bool {
    value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|n| n.fract() == 0.0)
}

/// What tells the elements of a list apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum ListKind {
    /// Only their place.
    #[default]
    Atomic,
    /// They themselves.
    Set,
    /// These fields of them.
    Map(Vec<String>),
}

/// One place of a schema.
#[derive(Debug, Default)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) nullable: bool,
    /// Fields that are not named here are kept.
    pub(crate) preserve: bool,
    /// It is an object with `apiVersion`, `kind` and `metadata`.
    pub(crate) resource: bool,
    pub(crate) fields: BTreeMap<String, Node>,
    /// What every other field is.
    pub(crate) rest: Option<Box<Node>>,
    pub(crate) items: Option<Box<Node>>,
    pub(crate) list: ListKind,
    pub(crate) default: Option<Value>,
    pub(crate) limits: Limits,
    pub(crate) rules: Vec<Rule>,
    /// Some place at or below this one has rules.
    pub(crate) ruled: bool,
}

impl Node {
    /// The place of a field, and whether the field is known at all.
    pub(crate) fn field(&self, name: &str) -> Step<'_> {
        if let Some(node) = self.fields.get(name).or(self.rest.as_deref()) {
            return Step::Node(node);
        }
        let own = self.resource && matches!(name, "apiVersion" | "kind" | "metadata");
        if own || self.preserve { Step::Free } else { Step::Unknown }
    }

    /// `null` here counts as a missing field.
    pub(crate) fn drops_null(&self) -> bool {
        !self.nullable && self.kind != Kind::Any
    }
}

/// Where a field leads.
pub(crate) enum Step<'a> {
    /// To a place of the schema.
    Node(&'a Node),
    /// To something that the schema leaves alone.
    Free,
    /// To nothing.
    Unknown,
}

/// What a value must fulfil besides its type. Everything that is set counts.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    pub(crate) choices: Option<Vec<Value>>,
    /// The bound, and whether it is itself excluded.
    pub(crate) least: Option<(Number, bool)>,
    pub(crate) most: Option<(Number, bool)>,
    pub(crate) multiple: Option<Number>,
    pub(crate) length: Span,
    pub(crate) items_count: Span,
    pub(crate) fields_count: Span,
    pub(crate) pattern: Option<Regex>,
    pub(crate) format: Option<String>,
    pub(crate) required: Vec<String>,
    /// The type that it must have, inside alternatives of int-or-string.
    pub(crate) kind: Option<Kind>,
    pub(crate) all_of: Vec<Limits>,
    pub(crate) any_of: Vec<Limits>,
    pub(crate) one_of: Vec<Limits>,
    pub(crate) not: Option<Box<Limits>>,
    pub(crate) fields: BTreeMap<String, Limits>,
    pub(crate) items: Option<Box<Limits>>,
}

/// How many there may be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) least: Option<usize>,
    pub(crate) most: Option<usize>,
}
