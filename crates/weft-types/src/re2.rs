//! Patterns in RE2's syntax, as Istio and Envoy take them.
//!
//! In: a pattern. Out: why it is none, or the same pattern in the syntax of Rust's `regex`.
//! Holds: what is taken here means the same in both engines; reading needs time in proportion to the pattern.
//! Never: matches anything.
//! Why not just compile it with `regex`: that knows more (`a**`, `[a&&b]`, `\<`, `(?x)`), and by the same text it means
//! other things (`[[a]`, `\w` beyond ASCII), so that a proxy would do what no other implementation does.

mod class;
mod escape;
mod repeat;
mod unicode;

use std::collections::BTreeSet;

/// Deepest nesting of groups and repetitions.
const DEEPEST: u32 = 1000;
/// Largest program that repetitions may spell out, in instructions.
const LARGEST: u64 = 3_000_000;

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Fault(String);

fn fault<T>(why: impl Into<String>) -> Result<T, Fault> {
    Err(Fault(why.into()))
}

/// Whether a text is a pattern.
///
/// # Errors
/// Why it is none.
pub fn check(pattern: &str) -> Result<(), Fault> {
    to_rust(pattern).map(drop)
}

/// The pattern in the syntax of Rust's `regex`, with the same meaning. Groups keep their numbers, and lose their names.
///
/// # Errors
/// Why it is no pattern.
pub fn to_rust(pattern: &str) -> Result<String, Fault> {
    let mut reader = Reader::new(pattern);
    while let Some(next) = reader.rest.chars().next() {
        reader.item(next)?;
    }
    reader.finish()
}

/// What `(?imsU)` sets.
#[derive(Debug, Clone, Copy, Default)]
struct Flags {
    fold: bool,
    lines: bool,
    dot_all: bool,
    lazy: bool,
}

/// Something that can be repeated.
#[derive(Debug, Clone, Copy)]
struct Piece {
    /// Where its text begins.
    start: usize,
    /// How often the innermost thing of it is copied.
    copies: u32,
    /// Instructions that it needs.
    size: u64,
    height: u32,
}

/// A group that is not closed yet; the whole pattern is the outermost one.
#[derive(Debug, Default)]
struct Group {
    start: usize,
    captures: bool,
    /// Flags behind it.
    outer: Flags,
    branches: Vec<Piece>,
    pieces: Vec<Piece>,
}

struct Reader<'a> {
    rest: &'a str,
    out: String,
    flags: Flags,
    groups: Vec<Group>,
    names: BTreeSet<&'a str>,
    /// What was read last is a repetition.
    repeated: bool,
}

impl<'a> Reader<'a> {
    fn new(pattern: &'a str) -> Self {
        Self {
            rest: pattern,
            out: String::with_capacity(pattern.len()),
            flags: Flags::default(),
            groups: vec![Group::default()],
            names: BTreeSet::new(),
            repeated: false,
        }
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    fn item(&mut self, next: char) -> Result<(), Fault> {
        let before = std::mem::take(&mut self.repeated);
        match next {
            '(' => return self.open(),
            ')' => return self.close(),
            '|' => {
                self.skip(1);
                self.branch();
                self.out.push('|');
                return Ok(());
            }
            '*' | '+' | '?' | '{' => return self.repeat(before),
            '[' => {
                let text = class::bracketed(&mut self.rest)?;
                return self.push(&text);
            }
            '\\' => return self.escaped(),
            '^' => self.push_assertion(if self.flags.lines { "(?m:^)" } else { "\\A" })?,
            '$' => self.push_assertion(if self.flags.lines { "(?m:$)" } else { "\\z" })?,
            '.' => self.push_assertion(if self.flags.dot_all { "(?s:.)" } else { "." })?,
            letter => return self.literal(letter, letter.len_utf8()),
        }
        self.skip(1);
        Ok(())
    }

    fn literal(&mut self, letter: char, length: usize) -> Result<(), Fault> {
        self.skip(length);
        let mut text = String::new();
        escape::write(u32::from(letter), &mut text);
        self.push(&text)
    }

    /// Adds text that the case of letters matters for.
    fn push(&mut self, text: &str) -> Result<(), Fault> {
        if self.flags.fold {
            return self.push_assertion(&format!("(?i:{text})"));
        }
        self.push_assertion(text)
    }

    fn push_assertion(&mut self, text: &str) -> Result<(), Fault> {
        let piece = Piece { start: self.out.len(), copies: 1, size: 1, height: 1 };
        self.out.push_str(text);
        self.add(piece)
    }

    fn add(&mut self, piece: Piece) -> Result<(), Fault> {
        if piece.height > DEEPEST {
            return fault("groups stand too deep inside each other");
        }
        if piece.size > LARGEST {
            return fault("its repetitions make it too large");
        }
        if let Some(group) = self.groups.last_mut() {
            group.pieces.push(piece);
        }
        Ok(())
    }

    /// Ends one alternative of the innermost group.
    fn branch(&mut self) {
        let Some(group) = self.groups.last_mut() else { return };
        let pieces = std::mem::take(&mut group.pieces);
        group.branches.push(joined(group.start, &pieces, 0));
    }

    fn escaped(&mut self) -> Result<(), Fault> {
        let mut after = self.rest.chars().skip(1);
        let assertion = match after.next() {
            None => return fault("it ends in a backslash"),
            Some('A') => "\\A",
            Some('z') => "\\z",
            Some('b') => "(?-u:\\b)",
            Some('B') => "(?-u:\\B)",
            Some('Q') => return self.quoted(),
            Some(_) => {
                let text = class::escaped(&mut self.rest)?;
                return self.push(&text);
            }
        };
        self.skip(2);
        self.push_assertion(assertion)
    }

    /// `\Q...\E`: letters that mean themselves.
    fn quoted(&mut self) -> Result<(), Fault> {
        self.skip(2);
        let (text, rest) = self.rest.split_once("\\E").unwrap_or((self.rest, ""));
        for letter in text.chars() {
            self.literal(letter, 0)?;
        }
        self.rest = rest;
        Ok(())
    }

    fn open(&mut self) -> Result<(), Fault> {
        let outer = self.flags;
        let captures = match self.rest.strip_prefix("(?") {
            None => {
                self.skip(1);
                true
            }
            Some(rest) if rest.starts_with("P<") => {
                self.named(rest.get(2..).unwrap_or_default())?
            }
            Some(rest) if rest.starts_with('<') => self.named(rest.get(1..).unwrap_or_default())?,
            Some(rest) => match self.set_flags(rest)? {
                ':' => false,
                _ => return Ok(()),
            },
        };
        let start = self.out.len();
        self.out.push_str(if captures { "(" } else { "(?:" });
        self.groups.push(Group { start, captures, outer, ..Group::default() });
        Ok(())
    }

    /// `(?P<NAME>` and `(?<NAME>`.
    fn named(&mut self, text: &'a str) -> Result<bool, Fault> {
        let Some((name, rest)) = text.split_once('>') else {
            return fault("the name of a group does not end: `>` is missing");
        };
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        if name.is_empty() || !name.bytes().all(plain) {
            return fault(format!("{name:?} is no name of a group"));
        }
        if !self.names.insert(name) {
            return fault(format!("two groups have the name {name}"));
        }
        self.rest = rest;
        Ok(true)
    }

    /// `(?i)`, `(?i:`, `(?s-m:` and so on; gives the letter that ended them.
    fn set_flags(&mut self, text: &'a str) -> Result<char, Fault> {
        let (mut flags, mut on, mut any) = (self.flags, true, true);
        for (at, letter) in text.char_indices() {
            match letter {
                'i' => flags.fold = on,
                'm' => flags.lines = on,
                's' => flags.dot_all = on,
                'U' => flags.lazy = on,
                '-' if on => on = false,
                ')' | ':' if any => {
                    self.flags = flags;
                    self.rest = text.get(at + 1..).unwrap_or_default();
                    return Ok(letter);
                }
                _ => break,
            }
            any = letter != '-';
        }
        let shown: String = text.chars().take(8).collect();
        fault(format!("it does not know (?{shown}"))
    }

    fn close(&mut self) -> Result<(), Fault> {
        self.skip(1);
        self.branch();
        let group = self.groups.pop().filter(|_| !self.groups.is_empty());
        let Some(Group { start, captures, outer, branches, .. }) = group else {
            return fault("a `)` closes no group");
        };
        self.out.push(')');
        self.flags = outer;
        let choices = u64::try_from(branches.len()).unwrap_or(LARGEST) - 1;
        let inner = joined(start, &branches, choices);
        let captured = u32::from(captures);
        self.add(Piece {
            size: inner.size + 2 * u64::from(captured),
            height: inner.height + captured,
            ..inner
        })
    }

    fn finish(mut self) -> Result<String, Fault> {
        self.branch();
        let open = self.groups.len() > 1;
        let whole = self.groups.first().map(|group| joined(0, &group.branches, 0));
        match whole {
            _ if open => fault("a group does not end: `)` is missing"),
            Some(whole) if whole.size > LARGEST => fault("its repetitions make it too large"),
            _ => Ok(self.out),
        }
    }
}

/// Pieces that stand beside each other, as one.
fn joined(start: usize, pieces: &[Piece], choices: u64) -> Piece {
    let copies = pieces.iter().map(|piece| piece.copies).max().unwrap_or(1);
    let size: u64 = pieces.iter().map(|piece| piece.size).sum::<u64>() + choices;
    let height = pieces.iter().map(|piece| piece.height).max().unwrap_or(1);
    Piece { start, copies, size: size.max(1), height: height + u32::from(pieces.len() > 1) }
}

#[cfg(test)]
mod tests;
