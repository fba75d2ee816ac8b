//! Patterns that need no regular expression: texts with "one segment" (`[^/]+`) and "anything" (`.*`, `.+`) between them.
//!
//! In: a pattern in RE2's syntax. Out: [`Pieces`], or `None` where the pattern says more. Holds: a text matches the pieces
//! exactly when the whole of it matches the pattern.
//! Why: these are the patterns that namespaces, accounts and trust domains of policies are written as; a request may meet
//! hundreds of them (`bench/rbac.rs`).

use std::sync::Arc;

/// Ways to share "anything" out are tried one after the other, so that there may not be many of them.
const MOST_ANY: usize = 2;
/// More pieces are a pattern's own work.
const MOST: usize = 16;

/// A pattern in pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pieces {
    pattern: Arc<str>,
    pieces: Arc<[Piece]>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(Box<str>),
    /// One character or more, none of them a slash; followed by a text that begins with one, or by the end.
    Segment,
    /// So many characters or more, none of them the end of a line.
    Any(usize),
}

impl Pieces {
    /// Takes a pattern apart.
    #[must_use]
    pub fn of(pattern: &str) -> Option<Self> {
        let mut pieces = Vec::new();
        let mut rest = pattern;
        while let Some(first) = rest.chars().next() {
            let (piece, after) = if let Some(after) = rest.strip_prefix("[^/]+") {
                (Piece::Segment, after)
            } else if let Some(after) = rest.strip_prefix(".*") {
                (Piece::Any(0), after)
            } else if let Some(after) = rest.strip_prefix(".+") {
                (Piece::Any(1), after)
            } else {
                let escaped = first == '\\';
                let one = if escaped { rest[1..].chars().next()? } else { first };
                if one.is_ascii_alphanumeric() && escaped || is_special(one) && !escaped {
                    return None;
                }
                let after = &rest[usize::from(escaped) + one.len_utf8()..];
                match pieces.last_mut() {
                    Some(Piece::Text(text)) => {
                        let mut longer = String::from(std::mem::take(text));
                        longer.push(one);
                        *text = longer.into();
                        rest = after;
                        continue;
                    }
                    _ => (Piece::Text(one.to_string().into()), after),
                }
            };
            pieces.push(piece);
            rest = after;
        }
        let found = Self { pattern: pattern.into(), pieces: pieces.into() };
        found.is_plain().then_some(found)
    }

    /// Every repetition is followed by what ends it.
    fn is_plain(&self) -> bool {
        let ended = |pair: &[Piece]| match pair {
            [Piece::Segment, Piece::Text(text)] => text.starts_with('/'),
            [Piece::Segment, _] => false,
            [_, Piece::Segment] => matches!(pair[0], Piece::Text(_)),
            [Piece::Any(_), Piece::Any(_)] => false,
            _ => true,
        };
        let any = self.pieces.iter().filter(|piece| matches!(piece, Piece::Any(_))).count();
        self.pieces.len() <= MOST && any <= MOST_ANY && self.pieces.windows(2).all(ended)
    }

    /// Is the whole text so?
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        rest_matches(&self.pieces, text)
    }

    /// How every text begins that matches; `*` stands for a segment that may be any.
    pub(crate) fn beginning(&self) -> String {
        let known = self.pieces.iter().map_while(|piece| match piece {
            Piece::Text(text) => Some(&**text),
            Piece::Segment => Some("*"),
            Piece::Any(_) => None,
        });
        known.collect()
    }

    /// The pattern.
    #[must_use]
    pub fn pattern(&self) -> &str {
        &self.pattern
    }
}

const fn is_special(one: char) -> bool {
    matches!(
        one,
        '.' | '+' | '*' | '?' | '(' | ')' | '|' | '[' | ']' | '{' | '}' | '^' | '$' | '\\'
    )
}

fn rest_matches(pieces: &[Piece], text: &str) -> bool {
    match pieces {
        [] => text.is_empty(),
        [Piece::Text(wanted), more @ ..] => {
            text.strip_prefix(&**wanted).is_some_and(|rest| rest_matches(more, rest))
        }
        [Piece::Segment, more @ ..] => {
            let end = text.find('/').unwrap_or(text.len());
            end > 0 && rest_matches(more, &text[end..])
        }
        [Piece::Any(least)] => text.chars().take(*least).count() == *least && !text.contains('\n'),
        [Piece::Any(least), more @ ..] => {
            let line = &text[..text.find('\n').unwrap_or(text.len())];
            let ends = line.char_indices().map(|(at, _)| at).chain([line.len()]).skip(*least);
            ends.into_iter().any(|end| rest_matches(more, &text[end..]))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::Regex;

    use super::*;

    const PATTERNS: [&str; 13] = [
        "spiffe://[^/]+/ns/shop/.*",
        "spiffe://[^/]+/ns/shop/sa/web",
        r"spiffe://a\.b/.*",
        ".*/ns/shop/.*",
        ".*web",
        "a.*b",
        ".*",
        ".+",
        ".+/a.*",
        "[^/]+",
        "/[^/]+/a",
        r"a\+\*",
        "",
    ];

    #[test]
    fn what_says_more_is_left_to_regular_expressions() {
        let more = [
            "a*", "a|b", "(a)", r"\d", "[^/]*", "[^/]+a", "[^/]+.*", ".*.*", "a.b", "a.*?b", "^a",
            ".*a.*b.*", "[^/]+?",
        ];
        for pattern in more {
            assert_eq!(Pieces::of(pattern), None, "{pattern}");
        }
        assert_eq!(Pieces::of(&"/[^/]+".repeat(9)), None);
    }

    proptest! {
        #[test]
        fn pieces_hold_where_the_pattern_does(
            which in 0..PATTERNS.len(),
            text in prop_oneof![
                "[a/b+*\n]{0,6}",
                "(spiffe://)?(a\\.b|é|/|)(/ns/)?(shop|shop2|)(/|/sa/|)(web|\n|)",
            ],
        ) {
            let pattern = PATTERNS[which];
            let pieces = Pieces::of(pattern).unwrap();
            let regex = Regex::new(&format!("^(?:{pattern})$")).unwrap();
            prop_assert_eq!(pieces.matches(&text), regex.is_match(&text), "{} {:?}", pattern, text);
        }
    }
}
