//! Reads YAML and remembers where everything stood.
//!
//! In: text of a file. Out: its documents as JSON, each with line and column by JSON pointer; or one error with its place.
//! Holds: scalars get the types that `kubectl` gives them; a key that stands twice is an error, as for `kubectl`.
//! Never: reads a file.

use std::collections::HashMap;
use std::fmt;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use serde_json::{Map, Number, Value};

/// A place in a file; both count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

/// One document of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// The file's name as given.
    pub file: String,
    /// The document; `null` for an empty one.
    pub value: Value,
    /// Where each value stands (a field: where its key stands), by JSON pointer; `""` is the document.
    pub positions: HashMap<String, Position>,
}

impl Document {
    /// Where a value stands, or, when it is absent, the nearest value around it.
    #[must_use]
    pub fn position(&self, pointer: &str) -> Position {
        let mut pointer = pointer;
        loop {
            if let Some(position) = self.positions.get(pointer) {
                return *position;
            }
            match pointer.rfind('/') {
                Some(end) => pointer = pointer.get(..end).unwrap_or_default(),
                None => return Position { line: 1, column: 1 },
            }
        }
    }
}

/// A file that is no YAML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct YamlError {
    /// The file's name as given.
    pub file: String,
    /// Where reading stopped.
    pub position: Position,
    /// What is wrong there.
    pub what: String,
}

impl fmt::Display for YamlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, position, what } = self;
        write!(f, "{file}:{}:{}: not valid YAML: {what}", position.line, position.column)
    }
}

impl std::error::Error for YamlError {}

/// Reads every document of a file; empty ones are left out.
///
/// # Errors
/// The first fault, with its place.
pub fn read(text: &str, file: &str) -> Result<Vec<Document>, YamlError> {
    let mut builder = Builder { file, ..Builder::default() };
    let mut documents = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| YamlError {
            file: file.to_owned(),
            position: Position { line: error.marker().line(), column: error.marker().col() + 1 },
            what: error.info().to_owned(),
        })?;
        documents.extend(builder.event(event, span)?);
    }
    Ok(documents)
}

/// Deepest nesting of lists and maps; nothing that Kubernetes has is as deep.
const DEEPEST: usize = 100;
/// Most values of a document, with all that its aliases stand for.
const MOST: usize = 1_000_000;

/// What an anchor stands for, and how many values that is.
type Anchored = (Value, usize);

/// A list or map that is not closed yet.
enum Open {
    List(Vec<Value>, usize),
    Map { found: Map<String, Value>, key: Option<String>, merges: Vec<Value>, anchor: usize },
}

#[derive(Default)]
struct Builder<'a> {
    file: &'a str,
    open: Vec<Open>,
    path: Vec<String>,
    positions: HashMap<String, Position>,
    anchors: HashMap<usize, Anchored>,
    values: usize,
    root: Option<Value>,
}

fn place(span: Span) -> Position {
    Position { line: span.start.line(), column: span.start.col() + 1 }
}

impl Builder<'_> {
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<Option<Document>, YamlError> {
        match event {
            Event::DocumentStart(_) => {
                self.positions.clear();
                self.anchors.clear();
                self.values = 0;
                self.root = None;
            }
            Event::DocumentEnd => {
                let value = self.root.take().unwrap_or(Value::Null);
                let positions = std::mem::take(&mut self.positions);
                let file = self.file.to_owned();
                return Ok((!value.is_null()).then_some(Document { file, value, positions }));
            }
            Event::SequenceStart(anchor, _) => {
                self.begin(span)?;
                self.open.push(Open::List(Vec::new(), anchor));
            }
            Event::MappingStart(anchor, _) => {
                self.begin(span)?;
                let found = Map::new();
                self.open.push(Open::Map { found, key: None, merges: Vec::new(), anchor });
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span)?,
            Event::Scalar(text, style, anchor, tag) => {
                let quoted = style != ScalarStyle::Plain
                    || tag.is_some_and(|tag| tag.suffix.ends_with("str"));
                self.scalar(&text, quoted, anchor, span)?;
            }
            Event::Alias(anchor) => {
                self.begin(span)?;
                let value = self.resolve(anchor, span)?;
                self.finish(value, 0);
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd => {}
        }
        Ok(None)
    }

    fn error(&self, span: Span, what: String) -> YamlError {
        YamlError { file: self.file.to_owned(), position: place(span), what }
    }

    /// What an alias stands for; aliases of aliases may stand for more than there is memory.
    fn resolve(&mut self, anchor: usize, span: Span) -> Result<Value, YamlError> {
        let Some((_, size)) = self.anchors.get(&anchor) else {
            return Err(self.error(span, "an alias inside of what it stands for".to_owned()));
        };
        self.values = self.values.saturating_add(*size);
        if self.values > MOST {
            let what = format!("its aliases stand for more than {MOST} values; write them out");
            return Err(self.error(span, what));
        }
        Ok(self.anchors.get(&anchor).map_or(Value::Null, |(value, _)| value.clone()))
    }

    /// A value begins: notes its place, unless its key has done so.
    fn begin(&mut self, span: Span) -> Result<(), YamlError> {
        self.values += 1;
        if self.open.len() > DEEPEST {
            let what = format!("lists and maps are nested deeper than {DEEPEST} levels");
            return Err(self.error(span, what));
        }
        match self.open.last() {
            None => {
                self.positions.insert(String::new(), place(span));
            }
            Some(Open::List(items, _)) => {
                self.path.push(format!("/{}", items.len()));
                self.positions.insert(self.path.concat(), place(span));
            }
            Some(Open::Map { key: None, .. }) => {
                return Err(self.error(span, "a key must be a plain text".to_owned()));
            }
            Some(Open::Map { .. }) => {}
        }
        Ok(())
    }

    fn scalar(
        &mut self,
        text: &str,
        quoted: bool,
        anchor: usize,
        span: Span,
    ) -> Result<(), YamlError> {
        if let Some(Open::Map { found, key: key @ None, .. }) = self.open.last_mut() {
            if found.contains_key(text) {
                return Err(self.error(span, format!("the key `{text}` stands here twice")));
            }
            *key = Some(text.to_owned());
            self.path.push(format!("/{}", text.replace('~', "~0").replace('/', "~1")));
            self.positions.insert(self.path.concat(), place(span));
            return Ok(());
        }
        self.begin(span)?;
        let value = if quoted { Value::String(text.to_owned()) } else { plain(text) };
        self.finish(value, anchor);
        Ok(())
    }

    /// A value is complete: gives it to what is open around it.
    fn finish(&mut self, value: Value, anchor: usize) {
        if anchor != 0 {
            self.anchors.insert(anchor, (value.clone(), count(&value)));
        }
        match self.open.last_mut() {
            None => {
                self.root = Some(value);
                return;
            }
            Some(Open::List(items, _)) => items.push(value),
            Some(Open::Map { found, key, merges, .. }) => match key.take() {
                Some(key) if key == "<<" => merges.push(value),
                Some(key) => drop(found.insert(key, value)),
                None => {}
            },
        }
        self.path.pop();
    }

    fn close(&mut self, span: Span) -> Result<(), YamlError> {
        let (value, anchor) = match self.open.pop() {
            Some(Open::List(items, anchor)) => (Value::Array(items), anchor),
            Some(Open::Map { mut found, merges, anchor, .. }) => {
                merges.into_iter().for_each(|merge| merge_into(&mut found, merge));
                (Value::Object(found), anchor)
            }
            None => return Err(self.error(span, "an end without a beginning".to_owned())),
        };
        self.finish(value, anchor);
        Ok(())
    }
}

fn count(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(count).sum::<usize>(),
        Value::Object(fields) => 1 + fields.values().map(count).sum::<usize>(),
        _ => 1,
    }
}

fn merge_into(found: &mut Map<String, Value>, merge: Value) {
    match merge {
        Value::Object(fields) => {
            fields.into_iter().for_each(|(key, value)| {
                found.entry(key).or_insert(value);
            });
        }
        Value::Array(items) => items.into_iter().for_each(|item| merge_into(found, item)),
        _ => {}
    }
}

/// The type of an unquoted scalar.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => {
            return Value::Bool(true);
        }
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => {
            return Value::Bool(false);
        }
        _ => {}
    }
    number(text).map_or_else(|| Value::String(text.to_owned()), Value::Number)
}

fn number(text: &str) -> Option<Number> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if let Some(hex) = digits.strip_prefix("0x") {
        return i64::from_str_radix(hex, 16).ok().map(Number::from);
    }
    if let Some(octal) = digits.strip_prefix("0o") {
        return i64::from_str_radix(octal, 8).ok().map(Number::from);
    }
    if digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit()) {
        return i64::from_str_radix(digits, 8).ok().map(Number::from);
    }
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        || !digits.ends_with(|c: char| c.is_ascii_digit() || c == '.')
    {
        return None;
    }
    let text = text.strip_prefix('+').unwrap_or(text);
    if let Ok(whole) = text.parse::<i64>() {
        return Some(Number::from(whole));
    }
    if let Ok(whole) = text.parse::<u64>() {
        return Some(Number::from(whole));
    }
    text.parse::<f64>().ok().and_then(Number::from_f64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_value_knows_its_place() {
        let text =
            "kind: A\nspec:\n  http:\n  - timeout: 5s\n    n: 1\n---\n# nothing\n---\nkind: B\n";
        let documents = read(text, "x.yaml").unwrap();
        assert_eq!(documents.len(), 2);
        assert_eq!(
            documents[0].value,
            json!({"kind": "A", "spec": {"http": [{"timeout": "5s", "n": 1}]}})
        );
        assert_eq!(documents[0].position("/spec/http/0/n"), Position { line: 5, column: 5 });
        assert_eq!(documents[0].position("/spec/http/0/absent"), Position { line: 4, column: 5 });
        assert_eq!(documents[1].position("/kind"), Position { line: 9, column: 1 });
    }

    #[test]
    fn scalars_have_the_types_that_kubectl_gives_them() {
        let text = "a: 1\nb: '1'\nc: 1.5\nd: true\ne: ~\nf: v1\ng: 10.0.0.1\nh: 5s\ni: 2024-01-01\nj: .5\nk: |\n  x\nl: !!str 3\n";
        let found = read(text, "x").unwrap().remove(0).value;
        let expected = json!({"a": 1, "b": "1", "c": 1.5, "d": true, "e": null, "f": "v1",
            "g": "10.0.0.1", "h": "5s", "i": "2024-01-01", "j": 0.5, "k": "x\n", "l": "3"});
        assert_eq!(found, expected);
    }

    #[test]
    fn anchors_and_merge_keys_are_followed() {
        let text = "a: &x {b: 1, c: 2}\nd: *x\ne:\n  <<: *x\n  c: 3\n";
        let found = read(text, "x").unwrap().remove(0).value;
        assert_eq!(found["d"], json!({"b": 1, "c": 2}));
        assert_eq!(found["e"], json!({"b": 1, "c": 3}));
    }

    #[test]
    fn broken_text_gives_one_error_with_its_place() {
        let error = read("a: 1\nb: [1, 2\nc: 3\n", "shop/x.yaml").unwrap_err();
        assert!(error.to_string().starts_with("shop/x.yaml:"), "{error}");
        let error = read("a: 1\nb: 2\na: 3\n", "x.yaml").unwrap_err();
        assert_eq!(error.to_string(), "x.yaml:3:1: not valid YAML: the key `a` stands here twice");
        assert!(read("a: b: c\n", "x").is_err());
        let error = read("a:\n\tb: 1\n", "x.yaml").unwrap_err();
        assert!(error.to_string().starts_with("x.yaml:2:"), "{error}");
    }

    #[test]
    fn what_would_fill_the_memory_is_refused() {
        let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let before = format!("*a{},", level - 1).repeat(10);
            laughs.push_str(&format!("a{level}: &a{level} [{before}]\n"));
        }
        let error = read(&laughs, "x").unwrap_err();
        assert!(error.what.contains("aliases"), "{error}");
        let error = read(&"[".repeat(150), "x").unwrap_err();
        assert!(error.what.contains("deeper"), "{error}");
        let error = read("a: &a [*a]\n", "x").unwrap_err();
        assert!(error.what.contains("inside"), "{error}");
    }
}
