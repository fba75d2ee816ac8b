//! Rules of single values: domains, ports, addresses, lengths of time.
//!
//! In: a value. Out: yes, or a [`Fault`] that names the value. Holds: the answers are Istio's.

mod address;
mod domain;
mod locality;

pub use address::{host_and_port, ip_address, ip_range, provider_service};
pub use domain::{full_domain, gateway_bound_domain, trust_domain, wildcard_domain};
pub(crate) use domain::{is_label, sidecar_host};
pub use locality::localities;

use weft_api::mesh_config::Time;

const MILLISECOND: i64 = 1_000_000;
const SECOND: i64 = 1_000 * MILLISECOND;
const HOUR: i64 = 3_600 * SECOND;

/// Why a value is not allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub fix: String,
}

/// Whether a value is allowed.
pub type Checked = Result<(), Fault>;

pub(crate) fn fault(what: impl Into<String>, fix: impl Into<String>) -> Checked {
    Err(Fault { what: what.into(), fix: fix.into() })
}

/// A TCP port.
///
/// # Errors
/// Below 1 or above 65535.
pub fn port(number: i64) -> Checked {
    if (1..=65535).contains(&number) {
        return Ok(());
    }
    fault(format!("{number} is no port"), "use a number from 1 to 65535")
}

/// A length of time that a proxy can keep.
///
/// # Errors
/// Below a millisecond, or with a part of one.
pub fn duration(time: Time) -> Checked {
    if time.nanos < MILLISECOND {
        return fault("is shorter than 1ms", "use 1ms or more");
    }
    whole_milliseconds(time)
}

fn whole_milliseconds(time: Time) -> Checked {
    if time.nanos % MILLISECOND != 0 {
        return fault("has a part of a millisecond", "round it to milliseconds");
    }
    Ok(())
}

/// Time to connect.
///
/// # Errors
/// No [`duration`], or above an hour.
pub fn connect_timeout(time: Time) -> Checked {
    duration(time)?;
    if time.nanos > HOUR {
        return fault("is longer than 1h", "use 1h or less");
    }
    Ok(())
}

/// Longest wait for the first bytes of a client; zero is none.
///
/// # Errors
/// A part of a millisecond.
pub fn protocol_detection_timeout(time: Time) -> Checked {
    whole_milliseconds(time)
}

/// Time over which a proxy closes connections.
///
/// # Errors
/// No [`duration`], or not whole seconds.
pub fn drain_duration(time: Time) -> Checked {
    duration(time)?;
    if time.nanos % SECOND != 0 {
        return fault("has a part of a second", "round it to seconds");
    }
    Ok(())
}

/// How proxies and control plane prove themselves, as protobuf counts it.
///
/// # Errors
/// Neither `NONE` (0) nor `MUTUAL_TLS` (1).
pub fn control_plane_auth(number: i64) -> Checked {
    if matches!(number, 0 | 1) {
        return Ok(());
    }
    fault(format!("{number} is no way to talk to the control plane"), "use MUTUAL_TLS or NONE")
}
