//! Types describe themselves: the schema that a Kubernetes API server needs, made of their own doc comments.
//!
//! In: a type and the rules that stand at its fields. Out: a structural OpenAPI v3 schema, as JSON.
//! Holds: what [`crate::Read`] takes, the schema takes; the same [`Rule`]s are checked by both.
//! Why not a second definition: a schema that is written by hand drifts from what is read.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

pub use crate::form::Form;
use crate::{Any, Span};

/// A type that knows its schema.
pub trait Describe {
    /// The schema, without the description of the field that has this type.
    fn describe() -> Value;
}

/// What a field's value must keep to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// The field must be there.
    Required,
    /// Smallest number.
    Min(i64),
    /// Largest number.
    Max(i64),
    /// Fewest characters.
    MinLength(usize),
    /// Most characters.
    MaxLength(usize),
    /// Fewest entries of a list.
    MinItems(usize),
    /// Most entries of a list.
    MaxItems(usize),
    /// Fewest characters of each entry of a list.
    ItemMinLength(usize),
    /// Most characters of each entry of a list.
    ItemMaxLength(usize),
    /// Most entries of a map.
    MaxEntries(usize),
    /// Entries of a list differ in these fields; servers merge them by it.
    Keyed(&'static [&'static str]),
    /// Entries of a list differ; servers merge them as a set.
    Distinct,
    /// The form of a text.
    Form(Form),
    /// The form of each entry of a list.
    ItemForm(Form),
    /// What an API server fills in when the field is absent, as JSON. Readers take an absent field to mean the same.
    Default(&'static str),
    /// A duration that may be shorter than a millisecond: zero means something here.
    ZeroAllowed,
    /// A CEL rule, and what it says; API servers check it, and `weft-model` has the same rule as code.
    Cel(&'static str, &'static str),
}

/// How fields of one record exclude each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    /// At most one of these.
    OneOf(&'static [&'static str]),
    /// A CEL rule over the record; see [`Rule::Cel`].
    Holds(&'static str, &'static str),
}

/// One field of a record.
#[derive(Debug)]
pub struct Property {
    /// Name in JSON.
    pub name: &'static str,
    /// Doc comment, line by line.
    pub doc: &'static [&'static str],
    /// Schema of its type.
    pub schema: Value,
    /// What its value must keep to.
    pub rules: &'static [Rule],
}

/// A doc comment as running text; an empty line ends a paragraph.
#[must_use]
pub fn text(doc: &[&str]) -> String {
    let mut found = String::new();
    for line in doc.iter().map(|line| line.trim()) {
        match (line.is_empty(), found.is_empty() || found.ends_with('\n')) {
            (true, true) => {}
            (true, false) => found.push_str("\n\n"),
            (false, true) => found.push_str(line),
            (false, false) => {
                found.push(' ');
                found.push_str(line);
            }
        }
    }
    found.trim_end().to_owned()
}

/// The schema of a record.
#[must_use]
pub fn record(doc: &[&str], properties: Vec<Property>, shapes: &[Shape]) -> Value {
    let is_required = |p: &&Property| p.rules.contains(&Rule::Required);
    let required: Vec<&str> = properties.iter().filter(is_required).map(|p| p.name).collect();
    let fields: Map<String, Value> =
        properties.into_iter().map(|p| (p.name.to_owned(), property(p))).collect();
    let mut schema = json!({"type": "object", "properties": fields});
    let doc = text(doc);
    if !doc.is_empty() {
        schema["description"] = json!(doc);
    }
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    shapes.iter().for_each(|shape| restrict(&mut schema, *shape));
    schema
}

fn property(property: Property) -> Value {
    let Property { name: _, doc, mut schema, rules } = property;
    let doc = text(doc);
    if !doc.is_empty() {
        schema["description"] = json!(doc);
    }
    rules.iter().for_each(|rule| apply(&mut schema, *rule));
    schema
}

fn apply(schema: &mut Value, rule: Rule) {
    match rule {
        Rule::Required => {}
        Rule::Min(number) => schema["minimum"] = json!(number),
        Rule::Max(number) => schema["maximum"] = json!(number),
        Rule::MinLength(length) => schema["minLength"] = json!(length),
        Rule::MaxLength(length) => schema["maxLength"] = json!(length),
        Rule::MinItems(count) => schema["minItems"] = json!(count),
        Rule::MaxItems(count) => schema["maxItems"] = json!(count),
        Rule::ItemMinLength(length) => schema["items"]["minLength"] = json!(length),
        Rule::ItemMaxLength(length) => schema["items"]["maxLength"] = json!(length),
        Rule::MaxEntries(count) => schema["maxProperties"] = json!(count),
        Rule::Keyed(names) => {
            schema["x-kubernetes-list-type"] = json!("map");
            schema["x-kubernetes-list-map-keys"] = json!(names);
        }
        Rule::Distinct => schema["x-kubernetes-list-type"] = json!("set"),
        Rule::Form(form) => schema["pattern"] = json!(form.pattern()),
        Rule::ItemForm(form) => schema["items"]["pattern"] = json!(form.pattern()),
        Rule::ZeroAllowed => {
            if let Some(fields) = schema.as_object_mut() {
                fields.remove(CEL);
            }
        }
        // What does not parse becomes null, which no schema takes as a default; a test looks at each one.
        Rule::Default(text) => schema["default"] = serde_json::from_str(text).unwrap_or_default(),
        Rule::Cel(rule, message) => cel(schema, rule, message),
    }
}

const CEL: &str = "x-kubernetes-validations";

fn cel(schema: &mut Value, rule: &str, message: &str) {
    let entry = json!({"rule": rule, "message": message});
    match schema.get_mut(CEL).and_then(Value::as_array_mut) {
        Some(rules) => rules.push(entry),
        None => schema[CEL] = json!([entry]),
    }
}

/// Structural schemas say "at most one" as: exactly this one, or none of them.
fn restrict(schema: &mut Value, shape: Shape) {
    let names = match shape {
        Shape::OneOf(names) => names,
        Shape::Holds(rule, message) => return cel(schema, rule, message),
    };
    let alone: Vec<Value> = names.iter().map(|name| json!({"required": [name]})).collect();
    let mut choices = vec![json!({"not": {"anyOf": alone}})];
    choices.extend(alone);
    let entry = json!({"oneOf": choices});
    match schema.get_mut("allOf").and_then(Value::as_array_mut) {
        Some(all) => all.push(entry),
        None => schema["allOf"] = json!([entry]),
    }
}

impl Describe for String {
    fn describe() -> Value {
        json!({"type": "string"})
    }
}

impl Describe for bool {
    fn describe() -> Value {
        json!({"type": "boolean"})
    }
}

impl Describe for f64 {
    fn describe() -> Value {
        json!({"type": "number", "format": "double"})
    }
}

impl Describe for i32 {
    fn describe() -> Value {
        json!({"type": "integer", "format": "int32"})
    }
}

impl Describe for u32 {
    fn describe() -> Value {
        json!({"type": "integer", "minimum": 0, "maximum": u32::MAX})
    }
}

impl Describe for i64 {
    fn describe() -> Value {
        json!({"type": "integer", "format": "int64"})
    }
}

impl Describe for Span {
    fn describe() -> Value {
        json!({"type": "string", CEL: [{
            "rule": "duration(self) >= duration('1ms')", "message": "use a duration of 1ms or more"}]})
    }
}

/// Anything at all.
impl Describe for Any {
    fn describe() -> Value {
        json!({"x-kubernetes-preserve-unknown-fields": true})
    }
}

/// A map of fields that we do not know.
impl Describe for Value {
    fn describe() -> Value {
        json!({"x-kubernetes-preserve-unknown-fields": true})
    }
}

/// A map of anything.
impl Describe for Map<String, Value> {
    fn describe() -> Value {
        json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
    }
}

impl<T: Describe> Describe for Option<T> {
    fn describe() -> Value {
        T::describe()
    }
}

impl<T: Describe> Describe for Box<T> {
    fn describe() -> Value {
        T::describe()
    }
}

impl<T: Describe> Describe for Vec<T> {
    fn describe() -> Value {
        json!({"type": "array", "items": T::describe()})
    }
}

impl<T: Describe> Describe for BTreeMap<String, T> {
    fn describe() -> Value {
        json!({"type": "object", "additionalProperties": T::describe()})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doc_comment_becomes_running_text() {
        assert_eq!(text(&[" One", " line.", "", " Another."]), "One line.\n\nAnother.");
        assert_eq!(text(&[]), "");
    }

    #[test]
    fn rules_and_shapes_stand_in_the_schema() {
        let rules: &[Rule] = &[Rule::Required, Rule::MaxLength(3)];
        let name = Property { name: "a", doc: &[" A name."], schema: String::describe(), rules };
        let found = record(&[], vec![name], &[Shape::OneOf(&["a", "b"])]);
        assert_eq!(
            found,
            json!({"type": "object", "required": ["a"],
                "properties": {"a": {"type": "string", "description": "A name.", "maxLength": 3}},
                "allOf": [{"oneOf": [{"not": {"anyOf": [{"required": ["a"]}, {"required": ["b"]}]}},
                    {"required": ["a"]}, {"required": ["b"]}]}]})
        );
    }
}
