//! The name that somebody meant who wrote another one.
//!
//! In: what was written, and the names that there are. Out: the nearest, when it is near enough.
//! Holds: long texts cost no more than short ones; beyond 128 characters nothing is a slip of the pen.

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

#[cfg(test)]
mod tests {
    use super::similar;

    #[test]
    fn a_typo_finds_the_name_that_was_meant_and_another_word_does_not() {
        assert_eq!(similar("timout", ["timeout", "retries"]), Some("timeout"));
        assert_eq!(similar("match_labels", ["matchLabels"]), Some("matchLabels"));
        assert_eq!(similar("pertrytimeout", ["perTryTimeout", "attempts"]), Some("perTryTimeout"));
        assert_eq!(similar("color", ["timeout", "retries"]), None);
    }
}
