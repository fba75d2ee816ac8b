//! What a value must fulfil besides its type, outside and inside of alternatives.

use serde_json::{Map, Number, Value};

use super::reader::Reader;
use crate::name::in_words;
use crate::node::{Kind, Limits, Node, Span};

/// What only the outside of alternatives may say.
const OUTSIDE: [&str; 10] = [
    "description",
    "title",
    "default",
    "nullable",
    "additionalProperties",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-embedded-resource",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-validations",
];

/// The limits of a place.
pub(super) fn outer(words: &Map<String, Value>, node: &Node, reader: &mut Reader) -> Limits {
    let mut limits = plain(words, reader);
    alternatives(words, node, &mut limits, reader);
    limits
}

fn alternatives(words: &Map<String, Value>, node: &Node, limits: &mut Limits, reader: &mut Reader) {
    for (word, list) in [
        ("allOf", &mut limits.all_of),
        ("anyOf", &mut limits.any_of),
        ("oneOf", &mut limits.one_of),
    ] {
        reader.items(words, word, |schema, reader| list.push(inner(schema, Some(node), reader)));
    }
    limits.not = words
        .get("not")
        .map(|schema| Box::new(reader.within("not", |r| inner(schema, Some(node), r))));
}

/// The limits inside an alternative; `node` is the place outside of it that says the types.
fn inner(schema: &Value, node: Option<&Node>, reader: &mut Reader) -> Limits {
    let Some(words) = reader.object(schema) else { return Limits::default() };
    super::unknown_words(words, reader);
    for word in OUTSIDE.iter().filter(|word| words.contains_key(**word)) {
        reader.within(word, |r| {
            r.fault("must stand outside of allOf, anyOf, oneOf and not: move it there")
        });
    }
    let mut limits = plain(words, reader);
    limits.kind = inner_kind(words, node, reader);
    let Some(node) = node else { return limits };
    alternatives(words, node, &mut limits, reader);
    reader.each(words, "properties", |name, schema, reader| {
        let outside = node.fields.get(name).or(node.rest.as_deref());
        if outside.is_none() && !node.resource {
            reader.fault(
                "must also be named in properties outside of the alternatives: add it there",
            );
        }
        limits.fields.insert(name.to_owned(), inner(schema, outside, reader));
    });
    if let Some(items) = words.get("items") {
        let outside = node.items.as_deref();
        reader.within("items", |reader| {
            if outside.is_none() {
                reader.fault("must also be given outside of the alternatives: add it there");
            }
            limits.items = Some(Box::new(inner(items, outside, reader)));
        });
    }
    limits
}

/// A type may stand inside only where it chooses between number and text.
fn inner_kind(
    words: &Map<String, Value>,
    node: Option<&Node>,
    reader: &mut Reader,
) -> Option<Kind> {
    let word = words.get("type").and_then(Value::as_str)?;
    if node.is_none_or(|node| node.kind == Kind::IntOrText) {
        match word {
            "integer" => return Some(Kind::Integer),
            "string" => return Some(Kind::Text),
            _ => {}
        }
    }
    reader.within("type", |r| {
        r.fault("must stand outside of allOf, anyOf, oneOf and not: move it there");
    });
    None
}

fn plain(words: &Map<String, Value>, reader: &mut Reader) -> Limits {
    Limits {
        choices: choices(words, reader),
        least: bound(words, "minimum", "exclusiveMinimum", reader),
        most: bound(words, "maximum", "exclusiveMaximum", reader),
        multiple: number(words, "multipleOf", reader),
        length: span(words, "minLength", "maxLength", reader),
        items_count: span(words, "minItems", "maxItems", reader),
        fields_count: span(words, "minProperties", "maxProperties", reader),
        pattern: pattern(words, reader),
        format: words.get("format").and_then(Value::as_str).map(str::to_owned),
        required: reader.names(words, "required"),
        ..Limits::default()
    }
}

fn choices(words: &Map<String, Value>, reader: &mut Reader) -> Option<Vec<Value>> {
    words.contains_key("enum").then(|| {
        let mut found = Vec::new();
        reader.items(words, "enum", |choice, _| found.push(choice.clone()));
        found
    })
}

fn bound(
    words: &Map<String, Value>,
    name: &str,
    exclusive: &str,
    reader: &mut Reader,
) -> Option<(Number, bool)> {
    let excluded = reader.flag(words, exclusive);
    number(words, name, reader).map(|number| (number, excluded))
}

fn number(words: &Map<String, Value>, name: &str, reader: &mut Reader) -> Option<Number> {
    match words.get(name)? {
        Value::Number(number) => Some(number.clone()),
        other => {
            reader.within(name, |r| r.fault(format!("is {}, not a number", in_words(other))));
            None
        }
    }
}

fn span(words: &Map<String, Value>, least: &str, most: &str, reader: &mut Reader) -> Span {
    let mut count = |name: &str| {
        let value = words.get(name)?;
        let count = value.as_u64().and_then(|n| usize::try_from(n).ok());
        if count.is_none() {
            reader.within(name, |r| {
                r.fault(format!("is {}, not a whole number from 0", in_words(value)));
            });
        }
        count
    };
    Span { least: count(least), most: count(most) }
}

fn pattern(words: &Map<String, Value>, reader: &mut Reader) -> Option<regex::Regex> {
    let text = words.get("pattern").and_then(Value::as_str).filter(|text| !text.is_empty())?;
    match regex::Regex::new(text) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            reader.within("pattern", |r| r.fault(format!("is not a regular expression: {error}")));
            None
        }
    }
}
