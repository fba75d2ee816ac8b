//! Reads a schema and holds it against the rules of structural schemas.
//!
//! In: JSON. Out: a [`Node`], or every fault with its place.
//! Holds: every keyword is honoured or refused; types stand outside of alternatives; defaults fit their schema.

mod limits;
mod lists;
mod reader;

use serde_json::{Map, Value};

use crate::node::{Kind, ListKind, Node};
use crate::rules::Rule;
use crate::{SchemaFault, check, fill};
use reader::Reader;

/// Deeper schemas are refused.
const DEEPEST: usize = 64;
/// Keywords that are read; all others are refused.
const KNOWN: [&str; 42] = [
    "type",
    "description",
    "title",
    "example",
    "externalDocs",
    "id",
    "$schema",
    "default",
    "nullable",
    "properties",
    "additionalProperties",
    "items",
    "required",
    "enum",
    "format",
    "pattern",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-embedded-resource",
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-map-type",
    "x-kubernetes-validations",
    "x-kubernetes-group-version-kind",
    "x-kubernetes-patch-strategy",
    "x-kubernetes-patch-merge-key",
];

/// The schema of a whole object.
pub(crate) fn object(schema: &Value) -> Result<Node, Vec<SchemaFault>> {
    read(schema, true)
}

/// The schema of any value.
pub(crate) fn part(schema: &Value) -> Result<Node, Vec<SchemaFault>> {
    read(schema, false)
}

fn read(schema: &Value, resource: bool) -> Result<Node, Vec<SchemaFault>> {
    crate::deep::run(|| read_whole(schema, resource)).unwrap_or_else(|| {
        let what =
            "cannot be read now: the machine has no thread left for it; try again".to_owned();
        Err(vec![SchemaFault { pointer: String::new(), what }])
    })
}

fn read_whole(schema: &Value, resource: bool) -> Result<Node, Vec<SchemaFault>> {
    let mut reader = Reader::default();
    let mut root = place_of(schema, resource, &mut reader);
    if resource && root.kind != Kind::Object && reader.is_clean() {
        reader.fault("type must be \"object\": this is the schema of a whole object");
    }
    if reader.is_clean() {
        settle(&mut root, &mut reader);
    }
    reader.finish(root)
}

/// One place of the schema below the first.
fn node(schema: &Value, reader: &mut Reader) -> Node {
    place_of(schema, false, reader)
}

fn place_of(schema: &Value, whole: bool, reader: &mut Reader) -> Node {
    let Some(words) = reader.object(schema) else { return Node::default() };
    if reader.depth() > DEEPEST {
        reader.fault(format!("the schema is nested deeper than {DEEPEST} levels: flatten it"));
        return Node::default();
    }
    unknown_words(words, reader);
    let preserve = reader.flag(words, "x-kubernetes-preserve-unknown-fields");
    if words.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(false)) {
        reader.fault("x-kubernetes-preserve-unknown-fields can only be true: leave it out");
    }
    let mut node = Node {
        kind: kind(words, preserve, reader),
        nullable: reader.flag(words, "nullable"),
        preserve,
        resource: whole || reader.flag(words, "x-kubernetes-embedded-resource"),
        default: words.get("default").cloned(),
        ..Node::default()
    };
    fields(words, &mut node, reader);
    node.items = words
        .get("items")
        .map(|items| Box::new(reader.within("items", |reader| self::node(items, reader))));
    node.list = lists::kind(words, &node, reader);
    node.limits = limits::outer(words, &node, reader);
    shape(words, &node, reader);
    node.rules = rules(words, &node, reader);
    node
}

fn unknown_words(words: &Map<String, Value>, reader: &mut Reader) {
    for word in words.keys().filter(|word| !KNOWN.contains(&word.as_str())) {
        let hint = crate::similar(word, KNOWN).map(|near| format!(", did you mean {near}?"));
        reader.within(word, |reader| {
            reader.fault(format!(
                "the keyword {word:?} is not part of a structural schema{}",
                hint.unwrap_or_else(|| ": remove it".into())
            ));
        });
    }
}

fn kind(words: &Map<String, Value>, preserve: bool, reader: &mut Reader) -> Kind {
    let either = reader.flag(words, "x-kubernetes-int-or-string");
    let word = words.get("type").and_then(Value::as_str).unwrap_or_default();
    let kind = match (kind_named(word), either) {
        (None, true) if word.is_empty() => Kind::IntOrText,
        (_, true) => {
            reader.fault("type must be empty beside x-kubernetes-int-or-string: remove it");
            Kind::IntOrText
        }
        (Some(kind), false) => kind,
        (None, false) => {
            untyped(word, preserve, reader);
            Kind::Any
        }
    };
    if preserve && !matches!(kind, Kind::Object | Kind::Any | Kind::Array) {
        reader.fault("x-kubernetes-preserve-unknown-fields needs type object");
    }
    kind
}

fn kind_named(word: &str) -> Option<Kind> {
    Some(match word {
        "object" => Kind::Object,
        "array" => Kind::Array,
        "string" => Kind::Text,
        "integer" => Kind::Integer,
        "number" => Kind::Number,
        "boolean" => Kind::Bool,
        _ => return None,
    })
}

/// Only what keeps everything may do without a type.
fn untyped(word: &str, preserve: bool, reader: &mut Reader) {
    let all = "write object, array, string, integer, number or boolean";
    reader.within("type", |reader| match word {
        "" if preserve => {}
        "" => reader.fault(format!("is required: {all}")),
        other => reader.fault(format!("{other:?} is not a type: {all}")),
    });
}

fn fields(words: &Map<String, Value>, node: &mut Node, reader: &mut Reader) {
    reader.each(words, "properties", |name, schema, reader| {
        node.fields.insert(name.to_owned(), self::node(schema, reader));
    });
    let Some(rest) = words.get("additionalProperties") else { return };
    reader.within("additionalProperties", |reader| match rest {
        Value::Bool(true) => {
            node.rest = Some(Box::new(Node { preserve: true, ..Node::default() }));
        }
        Value::Bool(false) => {
            reader.fault("cannot be false: leave it out, unknown fields are pruned anyway");
        }
        schema => node.rest = Some(Box::new(self::node(schema, reader))),
    });
    if !node.fields.is_empty() {
        reader.fault("properties and additionalProperties exclude each other: choose one");
    }
}

/// Keywords that need a certain type.
fn shape(words: &Map<String, Value>, node: &Node, reader: &mut Reader) {
    if node.kind == Kind::Array && node.items.is_none() {
        reader.within("items", |reader| reader.fault("is required: say what the list holds"));
    }
    if node.items.is_some() && node.kind != Kind::Array {
        reader.fault("items needs type array");
    }
    let holds_fields = !node.fields.is_empty() || node.rest.is_some();
    if holds_fields && !matches!(node.kind, Kind::Object | Kind::Any) {
        reader.fault("properties and additionalProperties need type object");
    }
    let embedded = reader.flag(words, "x-kubernetes-embedded-resource");
    if embedded && (node.kind != Kind::Object || !(holds_fields || node.preserve)) {
        reader.fault(
            "x-kubernetes-embedded-resource needs type object, and properties or x-kubernetes-preserve-unknown-fields",
        );
    }
    if reader.flag(words, "uniqueItems") {
        reader.fault("uniqueItems cannot be true: use x-kubernetes-list-type: set");
    }
    if node.resource {
        metadata(node, reader);
    }
}

/// Of `metadata` only the name can be restricted: the rest is the server's.
fn metadata(node: &Node, reader: &mut Reader) {
    let Some(metadata) = node.fields.get("metadata") else { return };
    reader.at(&["properties", "metadata"], |reader| {
        if metadata.kind != Kind::Object {
            reader.fault("type must be \"object\"");
        }
        let allowed = |name: &&String| !matches!(name.as_str(), "name" | "generateName");
        for name in metadata.fields.keys().filter(allowed) {
            reader.at(&["properties", name], |reader| {
                reader.fault(
                    "only metadata.name and metadata.generateName can be restricted: remove it",
                );
            });
        }
        if metadata.rest.is_some() || metadata.default.is_some() {
            reader.fault("only metadata.name and metadata.generateName can be restricted");
        }
    });
}

fn rules(words: &Map<String, Value>, node: &Node, reader: &mut Reader) -> Vec<Rule> {
    let mut rules = Vec::new();
    reader.items(words, "x-kubernetes-validations", |rule, reader| match Rule::parse(rule, node) {
        Ok(rule) => rules.push(rule),
        Err((field, what)) => reader.within(field, |reader| reader.fault(what)),
    });
    rules
}

/// What can be judged only when all is read: defaults, rules about changes, and where rules are.
fn settle(node: &mut Node, reader: &mut Reader) {
    settle_below(node, true, reader);
}

fn settle_below(node: &mut Node, traceable: bool, reader: &mut Reader) {
    if !traceable && node.rules.iter().any(Rule::is_transition) {
        reader.within("x-kubernetes-validations", |reader| {
            reader.fault("oldSelf cannot be used inside a list whose elements have no identity: make it x-kubernetes-list-type: map");
        });
    }
    let mut ruled = !node.rules.is_empty();
    for (name, field) in &mut node.fields {
        reader.at(&["properties", name], |reader| settle_below(field, traceable, reader));
        ruled |= field.ruled;
    }
    if let Some(rest) = &mut node.rest {
        reader.within("additionalProperties", |reader| settle_below(rest, traceable, reader));
        ruled |= rest.ruled;
    }
    let named = matches!(node.list, ListKind::Map(_));
    if let Some(items) = &mut node.items {
        reader.within("items", |reader| settle_below(items, traceable && named, reader));
        ruled |= items.ruled;
    }
    node.ruled = ruled;
    if let Some(default) = &node.default {
        fits(node, default, reader);
    }
}

fn fits(node: &Node, default: &Value, reader: &mut Reader) {
    reader.within("default", |reader| {
        let mut whole = default.clone();
        fill::apply_defaults(node, &mut whole);
        for fault in check::value(node, &whole, None) {
            reader.fault(format!("the default {}{}", place(&fault.pointer), fault));
        }
    });
}

fn place(pointer: &str) -> String {
    if pointer.is_empty() { String::new() } else { format!("at {pointer} ") }
}

#[cfg(test)]
mod tests;
