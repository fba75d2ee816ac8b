//! Small matchers that several parts of the configuration use.
//! In: nothing. Out: values with a pure `matches`. Source of the semantics: Envoy's StringMatcher and CidrRange.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use regex::Regex;

use crate::pieces::Pieces;

/// Matches one text.
#[derive(Debug, Clone)]
pub enum StringMatcher {
    /// The whole text.
    Exact(Arc<str>),
    /// Its beginning.
    Prefix(Arc<str>),
    /// Its end.
    Suffix(Arc<str>),
    /// A part of it.
    Contains(Arc<str>),
    /// The whole text, by a pattern that needs no regular expression.
    Pieces(Pieces),
    /// The whole text, by a pattern (anchored at both ends by whoever builds it).
    Regex(Regex),
    /// As the inner one (not a pattern), letter case aside (ASCII).
    IgnoreCase(Box<StringMatcher>),
}

impl StringMatcher {
    /// Does it match?
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(wanted) => text == &**wanted,
            Self::Prefix(wanted) => text.starts_with(&**wanted),
            Self::Suffix(wanted) => text.ends_with(&**wanted),
            Self::Contains(wanted) => text.contains(&**wanted),
            Self::Pieces(pieces) => pieces.matches(text),
            Self::Regex(pattern) => pattern.is_match(text),
            Self::IgnoreCase(inner) => inner.matches_folded(text),
        }
    }

    fn matches_folded(&self, text: &str) -> bool {
        let part = |range: Option<&str>, wanted: &str| {
            range.is_some_and(|part| part.eq_ignore_ascii_case(wanted))
        };
        match self {
            Self::Exact(wanted) => text.eq_ignore_ascii_case(wanted),
            Self::Prefix(wanted) => part(text.get(..wanted.len()), wanted),
            Self::Suffix(wanted) => {
                part(text.len().checked_sub(wanted.len()).and_then(|at| text.get(at..)), wanted)
            }
            Self::Contains(wanted) => {
                text.to_ascii_lowercase().contains(&wanted.to_ascii_lowercase())
            }
            Self::Pieces(_) | Self::Regex(_) | Self::IgnoreCase(_) => self.matches(text),
        }
    }
}

/// A range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AddressRange(pub IpNet);

impl AddressRange {
    /// Is the address in it? A mapped IPv4 address counts as IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

/// Chance in millionths: 1,000,000 is always.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Fraction(pub u32);

impl Fraction {
    /// Always.
    pub const ALWAYS: Self = Self(1_000_000);

    /// Decides by a random number that the caller drew.
    #[must_use]
    pub const fn hits(self, random: u64) -> bool {
        random % 1_000_000 < self.0 as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letter_case_is_ignored_only_when_asked() {
        let suffix = StringMatcher::Suffix(".Local".into());
        assert!(!suffix.matches("x.local"));
        assert!(StringMatcher::IgnoreCase(Box::new(suffix)).matches("x.LOCAL"));
        let prefix = StringMatcher::IgnoreCase(Box::new(StringMatcher::Prefix("/Api".into())));
        assert!(prefix.matches("/aPI/x") && !prefix.matches("/a"));
    }

    #[test]
    fn a_fraction_hits_its_share() {
        assert!(!Fraction(0).hits(0) && Fraction::ALWAYS.hits(u64::MAX));
        let hits = (0..1_000_000).filter(|r| Fraction(250_000).hits(*r)).count();
        assert_eq!(hits, 250_000);
    }
}
