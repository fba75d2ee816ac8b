//! A time as `%START_TIME(FORMAT)%` asks for it.
//! In: a wall-clock time, and a format of strftime's letters with Envoy's `%f` for parts of a second. Out: text, in UTC.
//! Holds: a letter that is not known stands as it was written.

use std::fmt::Write as _;
use std::time::SystemTime;

use time::OffsetDateTime;

/// Without a format: ISO 8601 with milliseconds.
const USUAL: &str = "%Y-%m-%dT%H:%M:%S.%3fZ";

pub(super) fn format(at: SystemTime, format: &str) -> String {
    let at = OffsetDateTime::from(at);
    let mut out = String::with_capacity(32);
    let mut rest = if format.is_empty() { USUAL } else { format }.chars();
    while let Some(c) = rest.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let letter = rest.next().unwrap_or('%');
        let written = match letter.to_digit(10).filter(|n| (1..=9).contains(n)) {
            Some(digits) if rest.as_str().starts_with('f') => {
                rest.next();
                fraction(&mut out, at, digits)
            }
            _ => part(&mut out, at, letter),
        };
        // Writing to a String cannot fail.
        debug_assert!(written.is_ok(), "a String takes everything");
    }
    out
}

fn part(out: &mut String, at: OffsetDateTime, letter: char) -> std::fmt::Result {
    let name = |name: String| name.chars().take(3).collect::<String>();
    match letter {
        'Y' => write!(out, "{:04}", at.year()),
        'y' => write!(out, "{:02}", at.year().rem_euclid(100)),
        'm' => write!(out, "{:02}", u8::from(at.month())),
        'd' => write!(out, "{:02}", at.day()),
        'e' => write!(out, "{:2}", at.day()),
        'j' => write!(out, "{:03}", at.ordinal()),
        'H' => write!(out, "{:02}", at.hour()),
        'M' => write!(out, "{:02}", at.minute()),
        'S' => write!(out, "{:02}", at.second()),
        'F' => write!(out, "{:04}-{:02}-{:02}", at.year(), u8::from(at.month()), at.day()),
        'T' => write!(out, "{:02}:{:02}:{:02}", at.hour(), at.minute(), at.second()),
        'b' => write!(out, "{}", name(at.month().to_string())),
        'B' => write!(out, "{}", at.month()),
        'a' => write!(out, "{}", name(at.weekday().to_string())),
        'A' => write!(out, "{}", at.weekday()),
        's' => write!(out, "{}", at.unix_timestamp()),
        'f' => fraction(out, at, 9),
        'z' => write!(out, "+0000"),
        'Z' => write!(out, "UTC"),
        '%' => write!(out, "%"),
        other => write!(out, "%{other}"),
    }
}

fn fraction(out: &mut String, at: OffsetDateTime, digits: u32) -> std::fmt::Result {
    let scaled = at.nanosecond() / 10_u32.pow(9_u32.saturating_sub(digits));
    write!(out, "{scaled:0width$}", width = digits as usize)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_time_is_told_in_the_asked_form() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_micros(1_700_000_000_123_456);
        for (form, told) in [
            ("", "2023-11-14T22:13:20.123Z"),
            ("%s", "1700000000"),
            ("%Y/%m/%d %T", "2023/11/14 22:13:20"),
            ("%s.%6f", "1700000000.123456"),
            ("%a %b %e %z %%", "Tue Nov 14 +0000 %"),
            ("%Q", "%Q"),
            ("50%", "50%"),
        ] {
            assert_eq!(format(at, form), told, "{form}");
        }
    }
}
