//! Times as Kubernetes writes them.

use std::time::SystemTime;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// `2026-01-02T03:04:05Z`
#[must_use]
pub fn seconds(at: SystemTime) -> String {
    let at = OffsetDateTime::from(at);
    let whole = at.replace_nanosecond(0).unwrap_or(at);
    whole.format(&Rfc3339).unwrap_or_default()
}

/// `2026-01-02T03:04:05.123456789Z`, always nine digits, so that lines sort as text.
#[must_use]
pub fn nanoseconds(at: SystemTime) -> String {
    let text = seconds(at);
    let nanos = OffsetDateTime::from(at).nanosecond();
    format!("{}.{nanos:09}Z", text.trim_end_matches('Z'))
}

/// Reads either form.
#[must_use]
pub fn parse(text: &str) -> Option<SystemTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok().map(SystemTime::from)
}
