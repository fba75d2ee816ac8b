//! The table of Envoy's messages: names, fields, types.
//!
//! In: `messages.txt`, which `cargo run -p weft-proto --example messages` writes. Out: messages and enumerations by name.
//! A message is a line with its name and a line for each field: a space, the name, and the type, with `*` in front for a
//! list and `%` for a map. An enumeration is a line with its name and its words.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::LazyLock;

use super::scalar::Scalar;

static TEXT: &str = include_str!("messages.txt");

/// Where the fields of a message, or the words of an enumeration, stand in the table.
static INDEX: LazyLock<BTreeMap<&'static str, &'static str>> = LazyLock::new(index);

fn index() -> BTreeMap<&'static str, &'static str> {
    let mut found = BTreeMap::new();
    let mut rest = TEXT;
    while !rest.is_empty() {
        let (head, after) = rest.split_once('\n').unwrap_or((rest, ""));
        let end = body(after);
        let (fields, next) = after.split_at(end);
        match head.split_once(' ') {
            Some((name, words)) => found.insert(name, words),
            None => found.insert(head, fields),
        };
        rest = next;
    }
    found
}

/// The length of the lines that begin with a space.
fn body(text: &str) -> usize {
    let lines = text.split_inclusive('\n').take_while(|line| line.starts_with(' '));
    lines.map(str::len).sum()
}

/// How many values a field has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    One,
    Many,
    Map,
}

/// The type of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    Message(&'a str),
    Enum(&'a str),
    Scalar(Scalar),
}

/// A field of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field<'a> {
    pub(super) shape: Shape,
    pub(super) kind: Kind<'a>,
}

/// A message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message(&'static str);

impl Message {
    fn lines(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.0.lines().filter_map(|line| line.trim_start().split_once(' '))
    }

    /// The names of its fields.
    pub(super) fn names(self) -> impl Iterator<Item = &'static str> {
        self.lines().map(|(name, _)| name)
    }

    /// A field by its name in .proto files or in JSON.
    pub(super) fn field(self, wanted: &str) -> Option<Field<'static>> {
        let named = |name: &str| name == wanted || is_camel(name, wanted);
        let (_, text) = self.lines().find(|(name, _)| named(name))?;
        let (shape, text) = match text.split_at_checked(1)? {
            ("*", rest) => (Shape::Many, rest),
            ("%", rest) => (Shape::Map, rest),
            _ => (Shape::One, text),
        };
        let (first, of) = text.split_at_checked(1)?;
        let kind = match first {
            "m" => Kind::Message(of),
            "e" => Kind::Enum(of),
            letter => Kind::Scalar(Scalar::of_letter(letter)?),
        };
        Some(Field { shape, kind })
    }
}

/// Whether `wanted` is the name in JSON of the field `name`.
fn is_camel(name: &str, wanted: &str) -> bool {
    let mut after = false;
    let letters = name.chars().filter_map(|letter| {
        let upper = std::mem::replace(&mut after, letter == '_');
        (letter != '_').then_some(if upper { letter.to_ascii_uppercase() } else { letter })
    });
    letters.eq(wanted.chars())
}

/// A message by its full name.
pub(super) fn message(name: &str) -> Option<Message> {
    INDEX.get(name).filter(|body| is_message(body)).map(|body| Message(body))
}

fn is_message(body: &str) -> bool {
    body.is_empty() || body.starts_with(' ')
}

/// The words of an enumeration; none when it is not known.
pub(super) fn words(name: &str) -> Vec<&'static str> {
    let found = INDEX.get(name).filter(|body| !is_message(body));
    found.map(|words| words.split(' ').collect()).unwrap_or_default()
}

/// Messages of a package, without those inside of others.
pub(super) fn messages_of(package: &str) -> Vec<&'static str> {
    let inner = |name: &str| {
        let rest = name.strip_prefix(package).and_then(|rest| rest.strip_prefix('.'));
        rest.is_some_and(|rest| !rest.contains('.'))
    };
    let from: (Bound<&str>, Bound<&str>) = (Bound::Included(package), Bound::Unbounded);
    let names = INDEX.range::<str, _>(from).map(|(name, _)| *name);
    names.take_while(|name| name.starts_with(package)).filter(|name| inner(name)).collect()
}

/// Whether a package is known.
pub(super) fn has_package(package: &str) -> bool {
    !messages_of(package).is_empty()
}
