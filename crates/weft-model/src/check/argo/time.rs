//! Rules of durations and moments that are written as texts.

use weft_api::IntOrString;

use crate::check::Findings;

/// Whether a text is filled in later, so that nothing can be said of it now.
pub(super) fn is_open(text: &str) -> bool {
    text.contains("{{")
}

/// A duration such as `1m30s`.
pub(super) fn duration(field: &str, text: Option<&str>, findings: &mut Findings) {
    let Some(text) = text.filter(|text| !is_open(text)) else { return };
    if weft_types::duration::parse(text).is_err() {
        let what = format!("{text:?} is no duration");
        findings.error_in(field, what, "write a number and a unit, such as 30s or 5m");
    }
}

/// Seconds as a number, or a duration.
pub(super) fn pause(field: &str, value: Option<&IntOrString>, findings: &mut Findings) {
    match value {
        Some(IntOrString::Int(seconds)) if *seconds < 0 => {
            findings.error_in(field, format!("{seconds} is below zero"), "use 0 or more seconds");
        }
        Some(IntOrString::Text(text)) if text.parse::<u32>().is_err() => {
            duration(field, Some(text), findings);
        }
        Some(IntOrString::Int(_) | IntOrString::Text(_)) | None => {}
    }
}

/// A moment as RFC 3339.
pub(super) fn moment(field: &str, text: Option<&str>, findings: &mut Findings) {
    if let Some(text) = text.filter(|text| !is_moment(text)) {
        let what = format!("{text:?} is no moment");
        findings.error_in(field, what, "write it as 2026-01-31T12:00:00Z");
    }
}

fn is_moment(text: &str) -> bool {
    const FORM: &[u8] = b"0000-00-00T00:00:00";
    let bytes = text.as_bytes();
    let (Some(head), Some(zone)) = (bytes.get(..FORM.len()), text.get(FORM.len()..)) else {
        return false;
    };
    let fits = |(byte, form): (&u8, &u8)| byte == form || *form == b'0' && byte.is_ascii_digit();
    let fraction =
        zone.strip_prefix('.').map(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
    let zone = fraction.unwrap_or(zone);
    let offset = zone.strip_prefix(['+', '-']).is_some_and(|rest| {
        rest.len() == 5 && rest.bytes().zip(*b"00:00").all(|(b, form)| fits((&b, &form)))
    });
    head.iter().zip(FORM).all(fits) && (zone == "Z" || offset)
}
