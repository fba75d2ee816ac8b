//! Repetitions: `*`, `+`, `?`, `{2}`, `{2,}`, `{2,5}`, each lazy with a `?` behind it.

use super::{Fault, Piece, Reader, fault};

/// Most repetitions, also of one inside another.
const MOST: u32 = 1000;

/// How often.
struct Times {
    least: u32,
    most: Option<u32>,
    length: usize,
}

/// `{2}`, `{2,}` or `{2,5}`; anything else is no repetition.
fn counted(text: &str) -> Option<Times> {
    let (inner, _) = text.strip_prefix('{')?.split_once('}')?;
    let (least, most) = match inner.split_once(',') {
        None => (number(inner)?, Some(number(inner)?)),
        Some((least, "")) => (number(least)?, None),
        Some((least, most)) => (number(least)?, Some(number(most)?)),
    };
    Some(Times { least, most, length: inner.len() + 2 })
}

/// A number without zeros in front; a very large one is told as the largest.
fn number(text: &str) -> Option<u32> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let zeros = text.len() > 1 && text.starts_with('0');
    (plain && !zeros).then(|| text.parse().unwrap_or(u32::MAX))
}

fn times(text: &str) -> Option<Times> {
    let (least, most) = match text.chars().next()? {
        '*' => (0, None),
        '+' => (1, None),
        '?' => (0, Some(1)),
        _ => return counted(text),
    };
    Some(Times { least, most, length: 1 })
}

impl Reader<'_> {
    /// Reads a repetition; `again` when it follows another one directly.
    pub(super) fn repeat(&mut self, again: bool) -> Result<(), Fault> {
        let Some(Times { least, most, length }) = times(self.rest) else {
            return self.literal('{', 1);
        };
        let counted = self.rest.starts_with('{');
        let lazy = self.rest.get(length..).is_some_and(|after| after.starts_with('?'));
        let written = self.rest.get(..length).unwrap_or_default().to_owned();
        if counted && (least > MOST || most.is_some_and(|most| most > MOST || most < least)) {
            return fault(format!("{written} is no number of repetitions"));
        }
        if again {
            return fault(format!("{written} repeats a repetition"));
        }
        let Some(inner) = self.groups.last_mut().and_then(|group| group.pieces.pop()) else {
            return fault(format!("{written} has nothing before it to repeat"));
        };
        let piece = repeated(inner, counted, least, most);
        if counted && (least > 1 || most.is_some_and(|most| most > 1)) && piece.copies > MOST {
            return fault(format!("{written} makes more than {MOST} repetitions"));
        }
        self.skip(length + usize::from(lazy));
        self.out.insert_str(inner.start, "(?:");
        self.out.push(')');
        self.out.push_str(&written);
        if lazy != self.flags.lazy {
            self.out.push('?');
        }
        self.repeated = true;
        self.add(piece)
    }
}

fn repeated(inner: Piece, counted: bool, least: u32, most: Option<u32>) -> Piece {
    let Piece { copies, size, height, .. } = inner;
    let height = height + 1;
    let count = most.unwrap_or(least);
    if !counted {
        return Piece { size: size + 2, height, ..inner };
    }
    let copies = match (count, most) {
        (0, Some(_)) => 1,
        (0, None) => copies,
        _ => copies.saturating_mul(count),
    };
    let size = (size * u64::from(count) + u64::from(count - least.min(count))).max(2);
    Piece { copies, size, height, ..inner }
}
