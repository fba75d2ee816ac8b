//! Sets of characters: `[a-z]`, `[[:alpha:]]`, `\d`, `\pL`, `\P{Greek}`.
//!
//! Holds: nothing inside brackets but what RE2 knows; `[`, `&&`, `--` and `~~` mean themselves there.

use std::fmt::Write as _;

use super::{Fault, escape, fault, unicode};

/// Named sets, as items of brackets.
const NAMED: &[(&str, &str)] = &[
    ("alnum", "0-9A-Za-z"),
    ("alpha", "A-Za-z"),
    ("ascii", "\\x{0}-\\x{7F}"),
    ("blank", "\\x{9} "),
    ("cntrl", "\\x{0}-\\x{1F}\\x{7F}"),
    ("digit", "0-9"),
    ("graph", "!-\\x{7E}"),
    ("lower", "a-z"),
    ("print", " -\\x{7E}"),
    ("punct", "!-/:-@\\x{5B}-\\x{60}\\x{7B}-\\x{7E}"),
    ("space", "\\x{9}-\\x{D} "),
    ("upper", "A-Z"),
    ("word", "0-9A-Za-z_"),
    ("xdigit", "0-9A-Fa-f"),
];

/// An escape outside of brackets: a set, or one character.
pub(super) fn escaped(text: &mut &str) -> Result<String, Fault> {
    if let Some(set) = set(text)? {
        return Ok(set);
    }
    let mut out = String::new();
    escape::write(escape::read(text)?, &mut out);
    Ok(out)
}

/// `\d`, `\pL` and the like as a set in brackets; nothing else is read.
fn set(text: &mut &str) -> Result<Option<String>, Fault> {
    let Some(rest) = text.strip_prefix('\\') else { return Ok(None) };
    let Some(letter) = rest.chars().next() else { return Ok(None) };
    let items = match letter.to_ascii_lowercase() {
        'd' => "0-9",
        's' => "\\x{9}\\x{A}\\x{C}\\x{D} ",
        'w' => "0-9A-Za-z_",
        'p' => {
            let (name, after) = property(rest.get(1..).unwrap_or_default())?;
            *text = after;
            return unicode_set(name, letter == 'P').map(Some);
        }
        _ => return Ok(None),
    };
    *text = rest.get(1..).unwrap_or_default();
    let not = if letter.is_ascii_uppercase() { "^" } else { "" };
    Ok(Some(format!("[{not}{items}]")))
}

/// The name behind `\p`: a letter, or more in braces.
fn property(text: &str) -> Result<(&str, &str), Fault> {
    let Some(inner) = text.strip_prefix('{') else {
        let Some(letter) = text.chars().next() else {
            return fault("the name of a set of characters is missing behind \\p");
        };
        return Ok(text.split_at(letter.len_utf8()));
    };
    match inner.split_once('}') {
        Some(found) => Ok(found),
        None => fault("the name of a set of characters does not end: `}` is missing"),
    }
}

fn unicode_set(name: &str, not: bool) -> Result<String, Fault> {
    let (name, not) = name.strip_prefix('^').map_or((name, not), |name| (name, !not));
    let Some(known) = unicode::find(name) else {
        return fault(format!("{name:?} is no set of characters"));
    };
    // No text has surrogates, and `regex` has no name for them.
    let items = if known == "Cs" { escape::NOTHING.to_owned() } else { format!("\\p{{{known}}}") };
    Ok(if not { format!("[^{items}]") } else { format!("[{items}]") })
}

/// A set in brackets; `text` begins with the first one.
pub(super) fn bracketed(text: &mut &str) -> Result<String, Fault> {
    let mut rest = text.get(1..).unwrap_or_default();
    let not = rest.starts_with('^');
    rest = rest.get(usize::from(not)..).unwrap_or_default();
    let mut out = String::from(if not { "[^" } else { "[" });
    let mut first = true;
    while first || !rest.starts_with(']') {
        first = false;
        item(&mut rest, &mut out)?;
    }
    out.push(']');
    *text = rest.get(1..).unwrap_or_default();
    Ok(out)
}

fn item(rest: &mut &str, out: &mut String) -> Result<(), Fault> {
    if let Some(inner) = rest.strip_prefix("[:")
        && let Some((name, after)) = inner.split_once(":]")
    {
        *rest = after;
        return named(name, out);
    }
    if let Some(set) = set(rest)? {
        out.push_str(&set);
        return Ok(());
    }
    let low = character(rest)?;
    let mut high = low;
    if let Some(after) =
        rest.strip_prefix('-').filter(|after| !after.is_empty() && !after.starts_with(']'))
    {
        *rest = after;
        high = character(rest)?;
    }
    if high < low {
        return fault("a range of characters ends before it begins");
    }
    range(low, high, out);
    Ok(())
}

fn named(name: &str, out: &mut String) -> Result<(), Fault> {
    let plain = name.strip_prefix('^');
    let Some((_, items)) = NAMED.iter().find(|(known, _)| *known == plain.unwrap_or(name)) else {
        return fault(format!("[:{name}:] is no set of characters"));
    };
    let not = if plain.is_some() { "^" } else { "" };
    let _infallible = write!(out, "[{not}{items}]");
    Ok(())
}

fn character(rest: &mut &str) -> Result<u32, Fault> {
    if rest.starts_with('\\') {
        return escape::read(rest);
    }
    let mut letters = rest.chars();
    let Some(letter) = letters.next() else {
        return fault("a set of characters does not end: `]` is missing");
    };
    *rest = letters.as_str();
    Ok(u32::from(letter))
}

/// Writes a range without its surrogates.
fn range(low: u32, high: u32, out: &mut String) {
    let low = if char::from_u32(low).is_none() { 0xE000 } else { low };
    let high = if char::from_u32(high).is_none() { 0xD7FF } else { high };
    if low > high {
        out.push_str(escape::NOTHING);
        return;
    }
    let _infallible = write!(out, "\\x{{{low:X}}}");
    if high > low {
        let _infallible = write!(out, "-\\x{{{high:X}}}");
    }
}
