//! Values in words, and JSON pointers.

use serde_json::Value;

/// One step of a JSON pointer.
pub(crate) fn step(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// `the text "a"`, `a list`.
pub(crate) fn in_words(value: &Value) -> String {
    match value {
        Value::Null => "empty".into(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => format!("the text {:?}", clip(text)),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "a map of fields".into(),
    }
}

pub(crate) fn clip(text: &str) -> String {
    if text.chars().count() <= 60 {
        return text.to_owned();
    }
    text.chars().take(57).chain("...".chars()).collect()
}

/// Names in quotes, shortened when there are many.
pub(crate) fn listed<'a>(names: impl Iterator<Item = &'a str>, most: usize) -> String {
    let mut all: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    let more = all.len().saturating_sub(most);
    all.truncate(most);
    let tail = if more == 0 { String::new() } else { format!(" and {more} more") };
    all.join(", ") + &tail
}
