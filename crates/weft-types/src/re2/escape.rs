//! Escapes that stand for one character.

use std::fmt::Write as _;

use super::{Fault, fault};

/// Reads an escape; `text` begins with its backslash. Surrogates are numbers that no text has.
pub(super) fn read(text: &mut &str) -> Result<u32, Fault> {
    let mut after = text.chars();
    after.next();
    let Some(letter) = after.next() else { return fault("it ends in a backslash") };
    let rest = after.as_str();
    let one = |number: u8| Some((u32::from(number), 0));
    let found = match letter {
        'a' => one(7),
        'f' => one(12),
        'n' => one(b'\n'),
        'r' => one(b'\r'),
        't' => one(b'\t'),
        'v' => one(11),
        '0' => Some(octal(0, rest)),
        '1'..='7' if rest.starts_with(|c| ('0'..='7').contains(&c)) => {
            Some(octal(u32::from(letter) - u32::from('0'), rest))
        }
        'x' => hexadecimal(rest),
        plain if plain.is_ascii() && !plain.is_ascii_alphanumeric() => Some((u32::from(plain), 0)),
        _ => None,
    };
    let Some((number, length)) = found else {
        return fault(format!("it does not know \\{letter}"));
    };
    *text = rest.get(length..).unwrap_or_default();
    Ok(number)
}

/// Up to two more digits.
fn octal(first: u32, rest: &str) -> (u32, usize) {
    let digits = rest.chars().take(2).map_while(|c| c.to_digit(8));
    digits.fold((first, 0), |(number, length), digit| (number * 8 + digit, length + 1))
}

/// `7F` or `{10FFFF}`.
fn hexadecimal(rest: &str) -> Option<(u32, usize)> {
    let (digits, length) = match rest.strip_prefix('{') {
        Some(inner) => inner.split_once('}').map(|(digits, _)| (digits, digits.len() + 2))?,
        None => (rest.get(..2)?, 2),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let digits = digits.trim_start_matches('0');
    let number = if digits.is_empty() { 0 } else { u32::from_str_radix(digits, 16).ok()? };
    (number <= u32::from(char::MAX)).then_some((number, length))
}

/// What no text matches.
pub(super) const NOTHING: &str = "[^\\x{0}-\\x{10FFFF}]";

/// Writes a character so that it means itself.
pub(super) fn write(number: u32, out: &mut String) {
    match char::from_u32(number) {
        None => out.push_str(NOTHING),
        Some(letter) if letter.is_ascii_alphanumeric() || "/_ ,:;=@%\"'".contains(letter) => {
            out.push(letter);
        }
        Some(letter) if "\\.+*?()|[]{}^$".contains(letter) => {
            out.push('\\');
            out.push(letter);
        }
        Some(letter) if letter.is_alphanumeric() => out.push(letter),
        Some(_) => {
            let _infallible = write!(out, "\\x{{{number:X}}}");
        }
    }
}
