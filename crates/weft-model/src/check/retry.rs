//! Rules of the retries of a route.

use weft_api::similar;
use weft_api::virtual_service::Retries;

use super::findings::code;
use super::{Findings, values};

const CONDITIONS: &[&str] = &[
    "5xx",
    "gateway-error",
    "reset",
    "reset-before-request",
    "connect-failure",
    "retriable-4xx",
    "refused-stream",
    "retriable-status-codes",
    "retriable-headers",
    "envoy-ratelimited",
    "http3-post-connect-failure",
    "cancelled",
    "deadline-exceeded",
    "internal",
    "resource-exhausted",
    "unavailable",
];

pub(crate) fn check(retries: &Retries, findings: &mut Findings) {
    let Retries {
        attempts,
        per_try_timeout,
        retry_on,
        retry_remote_localities,
        retry_ignore_previous_hosts,
        backoff,
    } = retries;
    let more =
        per_try_timeout.is_some() || !retry_on.is_empty() || retry_remote_localities.is_some();
    let moot = retry_ignore_previous_hosts.is_some() || backoff.is_some();
    if *attempts < 0 {
        findings.error_in("attempts", format!("{attempts} is below zero"), "use 0 or more");
    } else if *attempts == 0 && more {
        let fix = "set attempts, or remove the other fields";
        findings.error_in("attempts", "0 turns retries off, and the rest is moot", fix);
    } else if *attempts == 0 && moot {
        let (what, fix) = ("0 turns retries off, and the rest is moot", "set attempts");
        findings.warning_in("attempts", code::SUSPICIOUS, what, fix);
    }
    findings.given("perTryTimeout", per_try_timeout.as_ref(), |s, f| values::duration(*s, f));
    findings.given("backoff", backoff.as_ref(), |span, f| values::duration(*span, f));
    findings.given("retryOn", Some(retry_on).filter(|text| !text.is_empty()), |text, findings| {
        text.split(',').for_each(|word| condition(word, findings));
    });
}

/// Statuses that have a name.
fn is_status(number: u16) -> bool {
    matches!(
        number,
        100..=103 | 200..=208 | 226 | 300..=305 | 307 | 308 | 400..=418 | 421..=426 | 428 | 429 | 431 | 451
            | 500..=508 | 510 | 511
    )
}

fn condition(word: &str, findings: &mut Findings) {
    let status = word.parse::<u16>().is_ok_and(is_status);
    if status || CONDITIONS.contains(&word) {
        return;
    }
    let fix = match similar(word, CONDITIONS) {
        Some(known) => format!("did you mean {known}?"),
        None => format!("use statuses, or some of {}", CONDITIONS.join(", ")),
    };
    findings.error(format!("{word:?} is no condition for a retry"), fix);
}
