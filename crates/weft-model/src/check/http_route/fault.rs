//! Rules of faults: requests that are delayed or aborted on purpose.

use weft_api::virtual_service::{Abort, Delay, Fault};

use super::answer;
use crate::Severity;
use crate::check::findings::code;
use crate::check::{Findings, values};

pub(super) fn check(fault: &Fault, findings: &mut Findings) {
    let Fault { delay, abort } = fault;
    if delay.is_none() && abort.is_none() {
        findings.error("does nothing", "add delay or abort");
    }
    findings.given("delay", delay.as_ref(), self::delay);
    findings.given("abort", abort.as_ref(), self::abort);
}

fn delay(delay: &Delay, findings: &mut Findings) {
    let Delay { fixed_delay, exponential_delay, percentage, percent } = delay;
    match (fixed_delay, exponential_delay) {
        // Istio takes it so.
        (None, None) => {
            let what = "is missing, so that nothing is delayed";
            findings.warning_in("fixedDelay", code::SUSPICIOUS, what, "say how long: 500ms");
        }
        (Some(span), _) => findings.within("fixedDelay", |f| values::duration(*span, f)),
        (None, Some(_)) => {
            findings.error_in(
                "exponentialDelay",
                "is not supported, as in Istio",
                "use fixedDelay",
            );
        }
    }
    findings.given("percentage", percentage.as_ref(), |p, f| values::percent(p.value, f));
    if *percent != 0 {
        if !(0..=100).contains(percent) {
            let what = format!("{percent} is no share");
            findings.warning_in("percent", code::SUSPICIOUS, what, "use 0 to 100");
        }
        findings.warning_in("percent", code::DEPRECATED, "is deprecated", "use percentage.value");
    }
    shared(*percent != 0 || percentage.is_some(), "delayed", findings);
}

/// As in Istio, no share means none.
fn shared(said: bool, what: &str, findings: &mut Findings) {
    if !said {
        let what = format!("is missing, so that no request is {what}");
        findings.warning_in("percentage", code::SUSPICIOUS, what, "add percentage.value");
    }
}

const GRPC_STATUS: &[&str] = &[
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// The number of a gRPC status by its name.
#[must_use]
pub fn grpc_status(name: &str) -> Option<u32> {
    let position = GRPC_STATUS.iter().position(|known| *known == name)?;
    u32::try_from(position).ok()
}

fn abort(abort: &Abort, findings: &mut Findings) {
    let Abort { http_status, grpc_status, http2_error, percentage } = abort;
    let kinds = [http_status.is_some(), grpc_status.is_some(), http2_error.is_some()];
    match kinds.iter().filter(|set| **set).count() {
        // Istio takes it so.
        0 => {
            let what = "says no status, and aborts nothing";
            findings.add(Severity::Warning, code::SUSPICIOUS, what, "add httpStatus or grpcStatus");
        }
        1 => {}
        _ => findings.error("says more than one status", "keep one of them"),
    }
    match http_status {
        // Istio allows it here, and here no proxy stumbles over it.
        Some(600) => {
            let what = "is no status that a proxy can send; it has no effect";
            findings.warning_in("httpStatus", code::NOT_HONOURED, what, "use 200 to 599");
        }
        Some(number) => answer::status("httpStatus", i64::from(*number), findings),
        None => {}
    }
    findings.given("grpcStatus", grpc_status.as_ref(), |name, findings| {
        if self::grpc_status(name).is_none() {
            findings.error(format!("{name:?} is no gRPC status"), "use a name such as UNAVAILABLE");
        }
    });
    findings.given("percentage", percentage.as_ref(), |p, f| values::percent(p.value, f));
    shared(percentage.is_some(), "aborted", findings);
    if http2_error.is_some() {
        let fix = "use httpStatus or grpcStatus";
        findings.error_in("http2Error", "is not supported, as in Istio", fix);
    }
}
