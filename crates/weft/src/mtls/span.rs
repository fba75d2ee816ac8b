//! Lengths of time, also in days: `7d`, `36h`, `10m`, `1d12h`; and how long ago something was.

use std::time::Duration;

const DAY: u64 = 86_400;

/// Reads one; days come first.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no length of time; write it as 7d, 36h or 10m");
    let (days, rest) = match text.split_once('d') {
        Some((days, rest)) => (days.parse::<u32>().map_err(|_not_a_number| wrong())?, rest),
        None => (0, text),
    };
    let days = Duration::from_secs(u64::from(days) * DAY);
    if rest.is_empty() && text.contains('d') {
        return Ok(days);
    }
    let rest = weft_types::duration::parse(rest).map_err(|_form| wrong())?;
    Ok(days + rest)
}

/// A length in its two largest units.
pub(super) fn text(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{}s", seconds / 60, seconds % 60),
        3600..DAY => format!("{}h{}m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d{}h", seconds / DAY, seconds % DAY / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_and_told() {
        let read = |text: &str| parse(text).unwrap().as_secs();
        assert_eq!(
            [read("7d"), read("36h"), read("1d12h"), read("5s")],
            [604_800, 129_600, 129_600, 5]
        );
        for wrong in ["", "d", "-1d", "7", "7dd", "1h2d"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!([text(5_999), text(90_000), text(90_000_000)], ["5s", "1m30s", "1d1h"]);
    }
}
