//! When the certificate of this proxy ends, as metrics in the names that Istio's agent has for them.
//!
//! In: the identity, and the time. Out: lines for Prometheus.
//! Holds: what has ended is a negative number of seconds; who never had a certificate has no such line, but failures.

use std::fmt::Write as _;
use std::time::SystemTime;

use weft_identity::{Asked, Credential, IdentityStore, x509};

const ENDS: &str = "istio_agent_cert_expiry_seconds";
const ASKED: &str = "istio_agent_num_outgoing_requests";
const FAILED: &str = "istio_agent_num_failed_outgoing_requests";

/// Metrics of the certificate.
pub(crate) fn metrics(identity: &IdentityStore, now: SystemTime) -> String {
    let Asked { all, failed } = identity.asked();
    let mut text = String::new();
    for (name, count) in [(ASKED, all), (FAILED, failed)] {
        // Writing to a String cannot fail.
        writeln!(text, "# TYPE {name} counter\n{name}{{request_type=\"csr\"}} {count}").ok();
    }
    let Some(own) = identity.current() else { return text };
    writeln!(text, "# TYPE {ENDS} gauge").ok();
    let roots = root_end(&own).map(|end| ("ROOTCA", end));
    for (name, end) in [Some(("default", own.not_after())), roots].into_iter().flatten() {
        let left = seconds(end, now);
        writeln!(text, "{ENDS}{{resource_name=\"{name}\"}} {left}").ok();
    }
    text
}

/// The first end of a root that is trusted.
fn root_end(own: &Credential) -> Option<SystemTime> {
    let roots = x509::split(own.bundle().pem()).ok()?;
    roots.iter().filter_map(|pem| Some(x509::facts(pem).ok()?.not_after)).min()
}

fn seconds(end: SystemTime, now: SystemTime) -> f64 {
    match end.duration_since(now) {
        Ok(left) => left.as_secs_f64(),
        Err(past) => -past.duration().as_secs_f64(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_end_that_is_past_is_negative_and_who_has_no_certificate_has_no_end() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        assert!((seconds(at(100), at(90)) - 10.0).abs() < 1e-9);
        assert!((seconds(at(100), at(103)) + 3.0).abs() < 1e-9);
        let text = metrics(&IdentityStore::new(), at(1));
        assert!(
            text.contains("istio_agent_num_failed_outgoing_requests{request_type=\"csr\"} 0\n")
        );
        assert!(!text.contains(ENDS), "{text}");
    }
}
