//! Lengths of time as users write them: `10s`, `1m30s`, `250ms`, `1.5h`.
//!
//! In: text. Out: a [`Duration`]. Holds: what Go's and protobuf's durations have in common, none below zero.

use std::fmt;
use std::time::Duration;

/// Why a text is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Not numbers with units.
    #[error("{0:?} is not a duration")]
    Form(String),
    /// Below zero.
    #[error("{0:?} is below zero")]
    Negative(String),
}

/// Reads a duration.
///
/// # Errors
/// When the text is not a sequence of numbers with units `ns`, `us`, `ms`, `s`, `m`, `h`.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    let form = || DurationError::Form(text.to_owned());
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    if text.starts_with('-') {
        return Err(DurationError::Negative(text.to_owned()));
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest.is_empty() {
        return Err(form());
    }
    let mut total = 0u128;
    while !rest.is_empty() {
        let (nanos, after) = part(rest).ok_or_else(form)?;
        total = total.checked_add(nanos).ok_or_else(form)?;
        rest = after;
    }
    // As in Go, whose durations are signed.
    i64::try_from(total)
        .map(|nanos| Duration::from_nanos(nanos.unsigned_abs()))
        .map_err(|_too_long| form())
}

/// Writes a duration so that [`parse`] gives it back: `90s`, `0.250s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text(pub Duration);

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, nanos) = (self.0.as_secs(), self.0.subsec_nanos());
        if nanos == 0 {
            return write!(f, "{seconds}s");
        }
        let fraction = format!("{nanos:09}");
        write!(f, "{seconds}.{}s", fraction.trim_end_matches('0'))
    }
}

fn part(text: &str) -> Option<(u128, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, rest) = text.split_at(end);
    let end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(end);
    let scale: u128 = match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut nanos = whole.checked_mul(scale)?;
    let mut digit_scale = scale;
    for digit in fraction.chars() {
        digit_scale /= 10;
        nanos += u128::from(digit.to_digit(10)?) * digit_scale;
    }
    Some((nanos, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        assert_eq!(parse("1m30s").unwrap(), Duration::from_secs(90));
        assert_eq!(parse("1.5s").unwrap(), Duration::from_millis(1500));
        assert_eq!(parse("250ms").unwrap(), Duration::from_millis(250));
        for text in ["0s", "90s", "0.25s", "3600.000000001s"] {
            assert_eq!(Text(parse(text).unwrap()).to_string(), text);
        }
        assert!(parse("5").is_err());
        assert!(parse("s").is_err());
        assert!(parse("-1s").is_err());
        assert!(parse("").is_err());
        assert!(parse("1.2.3s").is_err());
    }
}
