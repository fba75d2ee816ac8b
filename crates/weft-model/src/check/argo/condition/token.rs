//! Words of conditions.

use std::fmt;

/// One word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Name(String),
    Literal,
    Symbol(&'static str),
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "{name:?}"),
            Self::Literal => f.write_str("a literal"),
            Self::Symbol(symbol) => write!(f, "{symbol:?}"),
        }
    }
}

/// Longer ones first.
const SYMBOLS: &[&str] = &[
    "&&", "||", "==", "!=", "<=", ">=", "**", "..", "?.", "??", "?:", "<", ">", "+", "-", "*", "/",
    "%", "^", "!", "?", ":", ".", ",", "(", ")", "[", "]", "{", "}", "#", "|", "=", ";",
];

/// All words of a text.
pub(super) fn all(text: &str) -> Result<Vec<Token>, String> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = one(rest, first)?;
        found.push(token);
        rest = rest.get(length..).unwrap_or_default().trim_start();
    }
    Ok(found)
}

fn one(rest: &str, first: char) -> Result<(Token, usize), String> {
    if matches!(first, '"' | '\'' | '`') {
        return Ok((Token::Literal, quoted(rest, first)?));
    }
    if first.is_ascii_digit() {
        return Ok((Token::Literal, number(rest)));
    }
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '$');
    if word(first) {
        let length = rest.find(|c| !word(c)).unwrap_or(rest.len());
        return Ok((Token::Name(rest.get(..length).unwrap_or_default().to_owned()), length));
    }
    match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
        Some(symbol) => Ok((Token::Symbol(symbol), symbol.len())),
        None => Err(format!("has {first:?}, which conditions do not know")),
    }
}

/// The length of a quoted text.
fn quoted(rest: &str, mark: char) -> Result<usize, String> {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        if c == mark && !escaped {
            return Ok(at + c.len_utf8());
        }
        escaped = c == '\\' && !escaped && mark != '`';
    }
    Err("has a text without its closing quote".to_owned())
}

/// The length of a number; `1..3` is two of them.
fn number(rest: &str) -> usize {
    let mut length = 0;
    let mut before = ' ';
    for c in rest.chars() {
        let next = rest.get(length + 1..).and_then(|tail| tail.chars().next());
        let point = c == '.' && next.is_some_and(|next| next.is_ascii_digit());
        let sign = matches!(c, '+' | '-') && matches!(before, 'e' | 'E') && !rest.starts_with("0x");
        if !(c.is_ascii_alphanumeric() || c == '_' || point || sign) {
            break;
        }
        (length, before) = (length + 1, c);
    }
    length
}
