//! Header and trailer fields in one text buffer.
//!
//! In: names and values. Out: lookups and iteration in order of arrival.
//! Holds: names are lower case; a value has no CR, LF or NUL (both codecs refuse them).
//! Never: meaning; which field matters is the caller's.
//! Why not `http::HeaderMap`: it allocates per value; here a whole head is one copy of its bytes.

/// An ordered multi-map of fields.
#[derive(Debug, Clone, Default)]
pub struct Fields {
    text: Vec<u8>,
    list: Vec<Field>,
}

#[derive(Debug, Clone, Copy)]
struct Field {
    name: (u32, u32),
    value: (u32, u32),
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
        Self { text: Vec::new(), list: Vec::new() }
    }

    /// Forgets all fields and keeps the memory.
    pub fn clear(&mut self) {
        self.text.clear();
        self.list.clear();
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

    fn name(&self, field: Field) -> &str {
        std::str::from_utf8(slice(&self.text, field.name)).unwrap_or_default()
    }

    /// The first value of `name` (lower case).
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.all(name).next()
    }

    /// The first value of `name` as text; `None` when it is absent or not UTF-8.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(|v| std::str::from_utf8(v).ok())
    }

    /// Every value of `name` (lower case).
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let name = name.as_bytes();
        self.list
            .iter()
            .filter(move |f| f.name.1 as usize == name.len() && slice(&self.text, f.name) == name)
            .map(|f| slice(&self.text, f.value))
    }

    /// All values of `name` joined by a comma, as one field means the same; `None` when absent.
    #[must_use]
    pub fn joined(&self, name: &str) -> Option<String> {
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
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Adds a field after the others. The name is lowered; control characters in the value become spaces.
    pub fn append(&mut self, name: &str, value: &[u8]) {
        let name_at = small(self.text.len());
        self.text.extend(name.bytes().map(|b| b.to_ascii_lowercase()));
        let value_at = small(self.text.len());
        self.text
            .extend(value.iter().map(|b| if matches!(b, b'\r' | b'\n' | 0) { b' ' } else { *b }));
        self.list.push(Field {
            name: (name_at, small(name.len())),
            value: (value_at, small(value.len())),
        });
    }

    /// Replaces every value of `name` (lower case) by one.
    pub fn set(&mut self, name: &str, value: &[u8]) {
        self.remove(name);
        self.append(name, value);
    }

    /// Removes every field called `name` (lower case); says whether there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.list.len();
        let (text, name) = (&self.text, name.as_bytes());
        self.list.retain(|f| f.name.1 as usize != name.len() || slice(text, f.name) != name);
        before != self.list.len()
    }

    /// Removes the fields that `test` picks.
    pub fn remove_if(&mut self, mut test: impl FnMut(&str, &[u8]) -> bool) {
        let text = &self.text;
        self.list.retain(|f| {
            let name = std::str::from_utf8(slice(text, f.name)).unwrap_or_default();
            !test(name, slice(text, f.value))
        });
    }

    /// Takes over a parsed block: `raw` is copied once, each field is a place in it.
    pub(crate) fn adopt(&mut self, raw: &[u8], headers: &[httparse::Header<'_>]) {
        self.clear();
        self.text.extend_from_slice(raw);
        let base = raw.as_ptr() as usize;
        for header in headers {
            let name = (small(header.name.as_ptr() as usize - base), small(header.name.len()));
            let value = (small(header.value.as_ptr() as usize - base), small(header.value.len()));
            if let Some(text) = self.text.get_mut(name.0 as usize..(name.0 + name.1) as usize) {
                text.make_ascii_lowercase();
            }
            self.list.push(Field { name, value });
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
}
