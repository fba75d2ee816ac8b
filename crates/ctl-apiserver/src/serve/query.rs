//! The query of a URL.

use crate::fault::Fault;
use crate::{FieldValidation, WriteOptions};

/// The longest name of who writes.
const LONGEST_MANAGER: usize = 128;

/// Decoded pairs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                .map(|(k, v)| (decode(k), decode(v)))
                .collect(),
        )
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// `true` and `1` switch on.
    pub(crate) fn is_on(&self, name: &str) -> bool {
        matches!(self.get(name), Some("true" | "1" | "True"))
    }

    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, Fault> {
        let text = self.get(name).filter(|t| !t.is_empty());
        let parsed = text.map(str::parse::<u64>).transpose();
        parsed.map_err(|e| Fault::bad(format!("query parameter {name}: {e}")))
    }

    /// The options of a write; what is not supported is refused, not ignored.
    pub(crate) fn write_options(&self) -> Result<WriteOptions, Fault> {
        let field_validation = match self.get("fieldValidation") {
            None | Some("" | "Warn") => FieldValidation::Warn,
            Some("Ignore") => FieldValidation::Ignore,
            Some("Strict") => FieldValidation::Strict,
            Some(other) => {
                return Err(Fault::bad(format!("fieldValidation: unknown value {other:?}")));
            }
        };
        let manager = self.get("fieldManager").unwrap_or_default();
        if manager.len() > LONGEST_MANAGER || manager.chars().any(char::is_control) {
            return Err(Fault::bad(format!(
                "fieldManager: use up to {LONGEST_MANAGER} printable characters"
            )));
        }
        let manager = manager.to_owned();
        Ok(WriteOptions {
            field_validation,
            manager,
            via: "",
            applied: false,
            user: crate::user::User::default(),
            dry_run: dry_run(self.get("dryRun"))?,
        })
    }
}

/// `All`, or nothing.
pub(crate) fn dry_run(text: Option<&str>) -> Result<bool, Fault> {
    match text {
        None | Some("") => Ok(false),
        Some("All") => Ok(true),
        Some(other) => Err(Fault::bad(format!("dryRun: unknown value {other:?}, write All"))),
    }
}

pub(crate) fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = text.get(at + 1..at + 3).and_then(|h| u8::from_str_radix(h, 16).ok());
        match (bytes[at], hex) {
            (b'%', Some(byte)) => {
                decoded.push(byte);
                at += 2;
            }
            (b'+', _) => decoded.push(b' '),
            (byte, _) => decoded.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&decoded).into_owned()
}
