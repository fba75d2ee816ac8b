//! A number or a text: ports by number or name, counts or percentages.
//!
//! In: JSON of either. Out: what was written. Never: which of the two a field wants; that is its reader's business.

use serde_json::{Value, json};

use crate::{Describe, Read, Reader};

/// A number or a text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(untagged)]
pub enum IntOrString {
    /// A number, such as a port or a count.
    Int(i64),
    /// A text, such as a name or `25%`.
    Text(String),
}

impl Default for IntOrString {
    fn default() -> Self {
        Self::Int(0)
    }
}

impl IntOrString {
    /// As a percentage, when it is a text such as `25%`.
    #[must_use]
    pub fn percent(&self) -> Option<u32> {
        match self {
            Self::Int(_) => None,
            Self::Text(text) => {
                let digits = text.strip_suffix('%')?;
                digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
            }
        }
    }

    /// As a number, also when it is written as a text.
    #[must_use]
    pub fn number(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            Self::Text(text) => text.parse().ok(),
        }
    }
}

impl std::fmt::Display for IntOrString {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Int(number) => write!(f, "{number}"),
            Self::Text(text) => write!(f, "{text:?}"),
        }
    }
}

impl Read for IntOrString {
    fn read(value: &Value, reader: &mut Reader) -> Self {
        match (value.as_i64(), value.as_str()) {
            (Some(number), _) => Self::Int(number),
            (None, Some(text)) => Self::Text(text.to_owned()),
            (None, None) => {
                reader.mismatch(value, "a whole number or a text");
                Self::default()
            }
        }
    }
}

impl Describe for IntOrString {
    fn describe() -> Value {
        json!({"x-kubernetes-int-or-string": true})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_is_told_from_a_number() {
        let text = |text: &str| IntOrString::Text(text.to_owned());
        assert_eq!(text("25%").percent(), Some(25));
        assert_eq!(text("+5%").percent(), None);
        assert_eq!(text("25").percent(), None);
        assert_eq!(text("25").number(), Some(25));
        assert_eq!(IntOrString::Int(3).percent(), None);
    }
}
