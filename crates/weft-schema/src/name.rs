//! Names that were probably meant, values in words, and JSON pointers.

use serde_json::Value;

/// The name that was probably meant: the nearest one, when it is near enough.
#[must_use]
pub fn similar<'a>(text: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_ascii_lowercase().replace(['_', '-'], "");
    let wanted = plain(text);
    let near = names.into_iter().map(|name| (distance(&wanted, &plain(name)), name));
    let (steps, name) = near.min_by_key(|(steps, _)| *steps)?;
    (steps <= 1 + wanted.chars().count() / 4).then_some(name)
}

/// Levenshtein's distance, of names up to a sensible length.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().take(128).collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().take(128).enumerate() {
        let mut next = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let beside = next[j].min(row[j + 1]) + 1;
            next.push(beside.min(row[j] + usize::from(a != *b)));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

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

#[cfg(test)]
mod tests {
    use super::similar;

    #[test]
    fn a_typo_finds_the_name_that_was_meant_and_another_word_does_not() {
        assert_eq!(similar("timout", ["timeout", "retries"]), Some("timeout"));
        assert_eq!(similar("match_labels", ["matchLabels"]), Some("matchLabels"));
        assert_eq!(similar("color", ["timeout", "retries"]), None);
    }
}
