//! Formats of texts and ranges of numbers that are held against; a format that is not here says nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use regex::Regex;

/// What the format wants, when the text misses it.
pub(crate) fn misses(format: &str, text: &str) -> Option<&'static str> {
    let (good, wanted) = match format {
        "date-time" | "datetime" => (is_moment(text), "a time like 2026-01-31T10:00:00Z"),
        "date" => (is_date(text), "a date like 2026-01-31"),
        "duration" => (nanoseconds(text).is_some(), "a duration like 1m30s"),
        "byte" => (is_base64(text), "text in base64"),
        "ipv4" => (text.parse::<Ipv4Addr>().is_ok(), "an IPv4 address"),
        "ipv6" => (text.parse::<Ipv6Addr>().is_ok(), "an IPv6 address"),
        "cidr" => (is_cidr(text), "an address range like 10.0.0.0/8"),
        "uuid" | "uuid3" | "uuid4" | "uuid5" => (matches(&UUID, text), "a UUID"),
        "email" => (matches(&EMAIL, text), "an e-mail address"),
        "mac" => (matches(&MAC, text), "a MAC address"),
        "hostname" | "k8s-long-name" => (is_name(text, 253, true), "a DNS name"),
        "k8s-short-name" => (is_name(text, 63, false), "a DNS label"),
        "uri" => (crate::rules::url::parse(text).is_ok(), "a URL"),
        "hexcolor" => (matches(&COLOR, text), "a color like #00ff00"),
        _ => return None,
    };
    (!good).then_some(wanted)
}

/// The range of a numeric format.
pub(crate) fn range(format: &str) -> Option<(f64, f64)> {
    match format {
        "int32" => Some((f64::from(i32::MIN), f64::from(i32::MAX))),
        "uint32" => Some((0.0, f64::from(u32::MAX))),
        "uint64" => Some((0.0, f64::INFINITY)),
        "float" => Some((f64::from(f32::MIN), f64::from(f32::MAX))),
        _ => None,
    }
}

static UUID: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new("^(?i)[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$").ok()
});
static EMAIL: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^[^@\s<>()]+@[A-Za-z0-9.\-\[\]:]+$").ok());
static MAC: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new("^(?i)([0-9a-f]{2}[:-]){5}([0-9a-f]{2}[:-]?[0-9a-f]{2}|[0-9a-f]{2})$").ok()
});
static COLOR: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new("^(?i)#?([0-9a-f]{3}|[0-9a-f]{6})$").ok());
static MOMENT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"^\d{4}-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(\.\d+)?([Zz]|[+-]\d{2}:?\d{2})$",
    )
    .ok()
});

fn matches(pattern: &LazyLock<Option<Regex>>, text: &str) -> bool {
    pattern.as_ref().is_some_and(|pattern| pattern.is_match(text))
}

fn is_moment(text: &str) -> bool {
    let Some(parts) = MOMENT.as_ref().and_then(|pattern| pattern.captures(text)) else {
        return false;
    };
    let part = |at: usize| parts.get(at).and_then(|p| p.as_str().parse::<u32>().ok()).unwrap_or(99);
    text.get(..10).is_some_and(is_date) && part(3) < 24 && part(4) < 60 && part(5) <= 60
}

fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts[..] else { return false };
    let number = |text: &str, length: usize| {
        (text.len() == length && text.bytes().all(|b| b.is_ascii_digit()))
            .then(|| text.parse::<u32>().ok())
            .flatten()
    };
    let (Some(year), Some(month), Some(day)) = (number(year, 4), number(month, 2), number(day, 2))
    else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day)
}

/// A duration as Go writes it, in nanoseconds.
pub(crate) fn nanoseconds(text: &str) -> Option<i64> {
    let (sign, mut rest) = match text.as_bytes().first()? {
        b'-' => (-1.0, &text[1..]),
        b'+' => (1.0, &text[1..]),
        _ => (1.0, text),
    };
    match rest {
        "" => return None,
        "0" => return Some(0),
        _ => {}
    }
    let mut total = 0.0_f64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let (unit, factor) = UNITS.iter().find(|(unit, _)| rest.starts_with(unit))?;
        total += number * factor;
        rest = &rest[unit.len()..];
    }
    let total = sign * total;
    #[expect(clippy::cast_possible_truncation, reason = "the line asks for the range first")]
    (total.abs() < 9.2e18).then(|| total.round() as i64)
}

/// Longer names first, so that `ms` is not read as `m`.
const UNITS: [(&str, f64); 8] = [
    ("ns", 1.0),
    ("us", 1e3),
    ("µs", 1e3),
    ("μs", 1e3),
    ("ms", 1e6),
    ("s", 1e9),
    ("m", 6e10),
    ("h", 3.6e12),
];

fn is_base64(text: &str) -> bool {
    let text = text.replace(['\n', '\r'], "");
    let body = text.trim_end_matches('=');
    text.len().is_multiple_of(4)
        && text.len() - body.len() <= 2
        && body.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/')
}

pub(crate) fn is_cidr(text: &str) -> bool {
    text.split_once('/').is_some_and(|(address, bits)| {
        let most = match address.parse::<IpAddr>() {
            Ok(IpAddr::V4(_)) => 32,
            Ok(IpAddr::V6(_)) => 128,
            Err(_) => return false,
        };
        let plain = bits.bytes().all(|b| b.is_ascii_digit()) && bits.len() <= 3;
        plain && bits.parse::<u8>().is_ok_and(|bits| bits <= most)
    })
}

pub(crate) fn is_name(text: &str, most: usize, dots: bool) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let label = |part: &str| {
        (1..=63).contains(&part.len())
            && part.chars().all(fits)
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    text.len() <= most && if dots { text.split('.').all(label) } else { label(text) }
}

#[cfg(test)]
mod tests {
    use super::{misses, nanoseconds};

    #[test]
    fn formats_take_what_fits_and_name_what_they_want() {
        for (format, good, bad) in [
            ("date-time", "2024-02-29T23:59:60.5+01:00", "2023-02-29T00:00:00Z"),
            ("duration", "1h2m3.5s", "5"),
            ("byte", "aGk=", "a"),
            ("cidr", "fe80::/64", "10.0.0.0/33"),
            ("ipv4", "10.0.0.1", "010.0.0.1"),
            ("hostname", "a.b-c", "-a"),
            ("uri", "https://a.example/x", "no url"),
            ("uuid", "123e4567-e89b-12d3-a456-426614174000", "x"),
        ] {
            assert_eq!(misses(format, good), None, "{format} {good}");
            assert!(misses(format, bad).is_some(), "{format} {bad}");
        }
        assert_eq!(misses("of-nobody", "x"), None);
    }

    #[test]
    fn durations_are_read_as_go_reads_them() {
        assert_eq!(nanoseconds("1m30s"), Some(90_000_000_000));
        assert_eq!(nanoseconds("-1.5ms"), Some(-1_500_000));
        assert_eq!(nanoseconds("0"), Some(0));
        for bad in ["", "s", "1", "1d", "1.2.3s", "-", "999999999h"] {
            assert_eq!(nanoseconds(bad), None, "{bad}");
        }
    }
}
