//! Header and trailer fields in one text buffer.
//!
//! In: names and values. Out: lookups and iteration in order of arrival.
//! Holds: names are lower case; a value has no CR, LF or NUL (both codecs refuse them).
//! Never: meaning; which field matters is the caller's.
//! Why not `http::HeaderMap`: it allocates per value; here a whole head is one copy of its bytes, in and out.
//! Why marks of names: many more names are asked for than a head has, so that most questions are answered by one bit.

use bytes::BytesMut;

/// An ordered multi-map of fields.
#[derive(Debug, Clone, Default)]
pub struct Fields {
    text: Vec<u8>,
    list: Vec<Field>,
    /// Names as the sender wrote them, where that is kept and they are not lower case.
    spelled: Vec<Box<str>>,
    /// Bits of the marks of all names that are here, or were.
    marks: u64,
}

#[derive(Debug, Clone, Copy)]
struct Field {
    name: (u32, u32),
    value: (u32, u32),
    mark: u32,
}

/// What tells most names apart without a look at all their bytes: three of them, and how many there are. Constant where the
/// name is.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "a digest loses what does not fit")]
const fn mark(name: &[u8]) -> u32 {
    let [first, .., last] = name else { return name.len() as u32 };
    let middle = name[name.len() / 2];
    u32::from_le_bytes([*first, middle, *last, name.len() as u8])
}

/// One of 64, which a mark stands for among all that a head has.
#[inline]
const fn bit(mark: u32) -> u64 {
    1 << (mark.wrapping_mul(0x9e37_79b1) >> 26)
}

/// Room for what a proxy usually adds to a head, so that it is not moved for that.
const ADDED: usize = 256;
const ADDED_FIELDS: usize = 6;
/// Most digits of a number.
pub(crate) const DIGITS: usize = 20;

/// A number as text.
pub(crate) fn decimal(mut n: u64, digits: &mut [u8; DIGITS]) -> &[u8] {
    let mut at = DIGITS;
    loop {
        at -= 1;
        digits[at] = b"0123456789"[(n % 10) as usize];
        n /= 10;
        if n == 0 {
            return &digits[at..];
        }
    }
}

/// What a line of a head has besides its name and value.
const LINE: usize = b": \r\n".len();

fn put(out: &mut BytesMut, pieces: &[&[u8]]) {
    pieces.iter().for_each(|piece| out.extend_from_slice(piece));
}

fn slice(text: &[u8], (at, len): (u32, u32)) -> &[u8] {
    text.get(at as usize..(at + len) as usize).unwrap_or_default()
}

fn small(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

impl Fields {
    /// No fields.
    #[must_use]
    pub const fn new() -> Self {
        Self { text: Vec::new(), list: Vec::new(), spelled: Vec::new(), marks: 0 }
    }

    /// No fields yet, and memory for so many with names and values of so many bytes, and for what a proxy adds.
    pub(crate) fn with_room(fields: usize, bytes: usize) -> Self {
        let text = Vec::with_capacity(bytes + fields * LINE + ADDED);
        let list = Vec::with_capacity(fields + ADDED_FIELDS);
        Self { text, list, spelled: Vec::new(), marks: 0 }
    }

    /// Forgets all fields and keeps the memory.
    pub fn clear(&mut self) {
        self.text.clear();
        self.list.clear();
        self.spelled.clear();
        self.marks = 0;
    }

    /// A name (lower case) as the sender wrote it, where that is kept; also when the field has been replaced since.
    #[must_use]
    pub fn spelled<'a>(&'a self, name: &'a str) -> &'a str {
        self.spelled.iter().find(|known| known.eq_ignore_ascii_case(name)).map_or(name, |k| k)
    }

    /// Number of fields, repeated ones counted each.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.list.len()
    }

    /// True when there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Every field in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.list.iter().map(|f| (self.name(*f), slice(&self.text, f.value)))
    }

    /// Bytes that all lines of a head have at most.
    pub(crate) fn room(&self) -> usize {
        self.text.len() + self.list.len() * LINE
    }

    /// Bytes that it keeps, also when it is empty.
    pub(crate) const fn memory(&self) -> usize {
        self.text.capacity() + self.list.capacity() * size_of::<Field>()
    }

    /// Bytes of all names and values together.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.list.iter().map(|f| u64::from(f.name.1) + u64::from(f.value.1)).sum()
    }

    /// Writes every field but those called `except` as a line of a head, names as they are spelled. Lines that lie together
    /// as they came are copied together.
    pub(crate) fn write_lines(&self, except: &str, out: &mut BytesMut) {
        if !self.spelled.is_empty() {
            return self.write_spelled(except, out);
        }
        let mut run = 0..0;
        for field in &self.list {
            if self.raw_name(*field) == except.as_bytes() {
                continue;
            }
            let (start, end) = (field.name.0 as usize, (field.value.0 + field.value.1) as usize);
            let parted = self.text.get(start + field.name.1 as usize..field.value.0 as usize);
            if parted != Some(b": ") {
                self.write_run(std::mem::take(&mut run), out);
                put(out, &[self.raw_name(*field), b": ", slice(&self.text, field.value), b"\r\n"]);
            } else if run.end > 0 && self.text.get(run.end..start) == Some(b"\r\n") {
                run.end = end;
            } else {
                self.write_run(std::mem::replace(&mut run, start..end), out);
            }
        }
        self.write_run(run, out);
    }

    fn write_run(&self, run: std::ops::Range<usize>, out: &mut BytesMut) {
        if !run.is_empty() {
            put(out, &[self.text.get(run).unwrap_or_default(), b"\r\n"]);
        }
    }

    fn write_spelled(&self, except: &str, out: &mut BytesMut) {
        for (name, value) in self.iter().filter(|(name, _)| *name != except) {
            put(out, &[self.spelled(name).as_bytes(), b": ", value, b"\r\n"]);
        }
    }

    fn raw_name(&self, field: Field) -> &[u8] {
        slice(&self.text, field.name)
    }

    fn name(&self, field: Field) -> &str {
        std::str::from_utf8(slice(&self.text, field.name)).unwrap_or_default()
    }

    /// The first value of `name` (lower case).
    #[must_use]
    #[inline]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        let mark = mark(name.as_bytes());
        if self.marks & bit(mark) == 0 { None } else { self.found(name.as_bytes(), mark) }
    }

    #[inline(never)]
    fn found(&self, name: &[u8], mark: u32) -> Option<&[u8]> {
        let field = self.list.iter().find(|field| self.is_called(**field, name, mark))?;
        Some(slice(&self.text, field.value))
    }

    #[inline]
    fn is_called(&self, field: Field, name: &[u8], mark: u32) -> bool {
        field.mark == mark && slice(&self.text, field.name) == name
    }

    /// The first value of `name` as text; `None` when it is absent or not UTF-8.
    #[must_use]
    #[inline]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(|v| std::str::from_utf8(v).ok())
    }

    /// Every value of `name` (lower case).
    #[inline]
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let (name, mark) = (name.as_bytes(), mark(name.as_bytes()));
        let list = if self.marks & bit(mark) == 0 { &[][..] } else { &self.list };
        list.iter()
            .filter(move |field| self.is_called(**field, name, mark))
            .map(|f| slice(&self.text, f.value))
    }

    /// All values of `name` joined by a comma, as one field means the same; `None` when absent.
    #[must_use]
    #[inline]
    pub fn joined(&self, name: &str) -> Option<String> {
        if self.may_have(name) { self.join(name) } else { None }
    }

    fn join(&self, name: &str) -> Option<String> {
        let mut out: Option<String> = None;
        for value in self.all(name) {
            let value = String::from_utf8_lossy(value);
            match &mut out {
                None => out = Some(value.into_owned()),
                Some(all) => {
                    all.push(',');
                    all.push_str(&value);
                }
            }
        }
        out
    }

    /// True when `name` (lower case) is present.
    #[must_use]
    #[inline]
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// False when `name` is surely absent.
    #[inline]
    fn may_have(&self, name: &str) -> bool {
        self.marks & bit(mark(name.as_bytes())) != 0
    }

    /// Adds a field after the others. The name is lowered; control characters in the value become spaces.
    pub fn append(&mut self, name: &str, value: &[u8]) {
        // As it stands in a head, so that lines that lie together can be written together.
        self.text.reserve(name.len() + value.len() + LINE);
        let name_at = self.text.len();
        self.text.extend_from_slice(name.as_bytes());
        self.text[name_at..].make_ascii_lowercase();
        let mark = mark(&self.text[name_at..]);
        self.text.extend_from_slice(b": ");
        let value_at = self.text.len();
        self.text.extend_from_slice(value);
        while let Some(at) = memchr::memchr3(b'\r', b'\n', 0, &self.text[value_at..]) {
            self.text[value_at + at] = b' ';
        }
        self.text.extend_from_slice(b"\r\n");
        self.list.push(Field {
            name: (small(name_at), small(name.len())),
            value: (small(value_at), small(value.len())),
            mark,
        });
        self.marks |= bit(mark);
    }

    /// Replaces every value of `name` (lower case) by a number.
    pub fn set_number(&mut self, name: &str, value: u64) {
        let mut digits = [0; DIGITS];
        self.set(name, decimal(value, &mut digits));
    }

    /// Replaces every value of `name` (lower case) by one.
    pub fn set(&mut self, name: &str, value: &[u8]) {
        self.remove(name);
        self.append(name, value);
    }

    /// Removes every field called `name` (lower case); says whether there was one.
    #[inline]
    pub fn remove(&mut self, name: &str) -> bool {
        self.may_have(name) && self.take_out(name.as_bytes())
    }

    fn take_out(&mut self, name: &[u8]) -> bool {
        let (before, mark) = (self.list.len(), mark(name));
        let text = &self.text;
        self.list.retain(|field| field.mark != mark || slice(text, field.name) != name);
        before != self.list.len()
    }

    /// Removes the fields whose name (lower case) and value `test` picks.
    pub(crate) fn remove_if(&mut self, mut test: impl FnMut(&[u8], &[u8]) -> bool) {
        let text = &self.text;
        self.list.retain(|f| !test(slice(text, f.name), slice(text, f.value)));
    }

    /// Takes over a parsed block: `raw` is copied once, each field is a place in it.
    pub(crate) fn adopt(&mut self, raw: &[u8], headers: &[httparse::Header<'_>], keep_case: bool) {
        self.clear();
        if keep_case {
            let names = headers.iter().map(|header| header.name);
            let written = names.filter(|name| name.bytes().any(|b| b.is_ascii_uppercase()));
            self.spelled.extend(written.map(Box::from));
        }
        self.text.reserve(raw.len() + ADDED);
        self.list.reserve(headers.len() + ADDED_FIELDS);
        self.text.extend_from_slice(raw);
        let base = raw.as_ptr() as usize;
        for header in headers {
            let name = (small(header.name.as_ptr() as usize - base), small(header.name.len()));
            let value = (small(header.value.as_ptr() as usize - base), small(header.value.len()));
            let mut marked = 0;
            if let Some(text) = self.text.get_mut(name.0 as usize..(name.0 + name.1) as usize) {
                text.make_ascii_lowercase();
                marked = mark(text);
            }
            self.list.push(Field { name, value, mark: marked });
            self.marks |= bit(marked);
        }
    }
}

impl PartialEq for Fields {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Fields {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(iter: I) -> Self {
        let mut fields = Self::new();
        for (name, value) in iter {
            fields.append(name, value.as_bytes());
        }
        fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_keep_order_and_repeat() {
        let mut f: Fields = [("A", "1"), ("b", "2"), ("a", "3")].into_iter().collect();
        assert_eq!(f.text("a"), Some("1"));
        assert_eq!(f.joined("a").as_deref(), Some("1,3"));
        f.set("a", b"4\r\nx: y");
        assert_eq!(f.all("a").collect::<Vec<_>>(), [b"4  x: y"]);
        assert!(f.remove("b") && !f.remove("b"));
        assert_eq!(f.len(), 1);
    }

    #[test]
    fn names_of_one_mark_are_told_apart() {
        assert_eq!(mark(b"abcde"), mark(b"axcye"));
        let mut f: Fields = [("abcde", "1"), ("x", "2"), ("", "3")].into_iter().collect();
        assert!(!f.has("axcye") && !f.remove("axcye") && f.joined("axcye").is_none());
        f.append("AXCYE", b"4");
        assert_eq!((f.text("abcde"), f.text("axcye")), (Some("1"), Some("4")));
        assert!(f.remove("abcde") && !f.has("abcde") && f.has("axcye"));
        assert_eq!((f.text("x"), f.text(""), f.text("y")), (Some("2"), Some("3"), None));
        f.clear();
        assert!(!f.has("axcye"));
    }

    #[test]
    fn lines_are_written_as_if_one_by_one() {
        let raw = "GET / HTTP/1.1\r\nA: 1\r\nB:2\r\nc:  3 \r\nContent-Length: 4\r\nD: 5\r\nE: 6\r\nf:\r\n\r\n";
        for keep_case in [false, true] {
            for removed in ["none", "a", "b", "d", "e", "f"] {
                let mut slots = [httparse::EMPTY_HEADER; 16];
                let mut request = httparse::Request::new(&mut slots);
                assert!(request.parse(raw.as_bytes()).unwrap().is_complete());
                let mut fields = Fields::new();
                fields.adopt(raw.as_bytes(), request.headers, keep_case);
                fields.append("X-New", b"7\r\n8");
                fields.remove(removed);
                fields.set("g", b"9");
                for except in ["content-length", ""] {
                    let mut out = BytesMut::new();
                    fields.write_lines(except, &mut out);
                    let kept = fields.iter().filter(|(name, _)| *name != except);
                    let line = |(name, value)| {
                        format!("{}: {}\r\n", fields.spelled(name), String::from_utf8_lossy(value))
                    };
                    let expected: String = kept.map(line).collect();
                    assert_eq!(std::str::from_utf8(&out).unwrap(), expected, "{removed}");
                }
            }
        }
    }
}
