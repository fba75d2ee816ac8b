//! Wall time as Kubernetes writes it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// RFC 3339 in UTC, whole seconds.
pub(crate) fn format(at: SystemTime) -> String {
    let at = OffsetDateTime::from(at).replace_nanosecond(0);
    at.ok().and_then(|at| at.format(&Rfc3339).ok()).unwrap_or_default()
}

/// The moment that an RFC 3339 text names.
pub(crate) fn parse(text: &str) -> Option<SystemTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok().map(SystemTime::from)
}

/// Seconds since 1970.
pub(crate) fn unix(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// An age as `kubectl` shows it: two units at most, the coarser the older.
pub(crate) fn age(since: Option<&str>, now: SystemTime) -> String {
    let Some(since) = since.and_then(parse) else { return "<unknown>".to_owned() };
    human(now.duration_since(since).unwrap_or_default())
}

pub(crate) fn human(span: Duration) -> String {
    let seconds = span.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let pair = |big: u64, unit: &str, small: u64, small_unit: &str| {
        if small == 0 { format!("{big}{unit}") } else { format!("{big}{unit}{small}{small_unit}") }
    };
    match () {
        () if seconds < 120 => format!("{seconds}s"),
        () if minutes < 10 => pair(minutes, "m", seconds % 60, "s"),
        () if hours < 3 => format!("{minutes}m"),
        () if hours < 8 => pair(hours, "h", minutes % 60, "m"),
        () if hours < 48 => format!("{hours}h"),
        () if days < 8 => pair(days, "d", hours % 24, "h"),
        () if days < 730 => format!("{days}d"),
        () => pair(days / 365, "y", days % 365, "d"),
    }
}

#[cfg(test)]
mod tests {
    use super::human;
    use std::time::Duration;

    #[test]
    fn ages_get_coarser() {
        let shown = |s| human(Duration::from_secs(s));
        assert_eq!(
            [shown(90), shown(150), shown(7260), shown(11_000)],
            ["90s", "2m30s", "121m", "3h3m"]
        );
        assert_eq!([shown(100_000), shown(200_000), shown(800_000)], ["27h", "2d7h", "9d"]);
    }
}
