//! Rules of addresses.

use weft_types::address;

use super::{Checked, fault, full_domain, is_label, port, sidecar_host};

/// `HOST:PORT`; an IPv6 address stands in brackets.
///
/// # Errors
/// No port, no such port, or neither a name nor an address.
pub fn host_and_port(text: &str) -> Checked {
    let fix = "write HOST:PORT, such as collector.monitoring:4317 or [2001:db8::1]:80";
    let Some((host, number)) = split(text) else {
        return fault(format!("{text:?} is not a host and a port"), fix);
    };
    let Ok(number) = number.parse::<i64>() else {
        return fault(format!("{number:?} in {text:?} is no port"), fix);
    };
    port(number)?;
    if full_domain(host).is_err() && !address::is_ip(host) {
        return fault(format!("{host:?} is neither a name nor an address"), fix);
    }
    Ok(())
}

fn split(text: &str) -> Option<(&str, &str)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => rest.split_once("]:")?,
        None => text.rsplit_once(':').filter(|(host, _)| !host.contains(':'))?,
    };
    let brackets = |text: &str| text.contains(['[', ']']);
    (!brackets(host) && !brackets(port) && !port.contains(':')).then_some((host, port))
}

/// An IPv4 or IPv6 address.
///
/// # Errors
/// Anything else.
pub fn ip_address(text: &str) -> Checked {
    if address::is_ip(text) {
        return Ok(());
    }
    fault(format!("{text:?} is no IP address"), "write an address such as 10.0.0.1 or 2001:db8::1")
}

/// A range of addresses, or one address.
///
/// # Errors
/// Anything else.
pub fn ip_range(text: &str) -> Checked {
    if address::is_range(text) {
        return Ok(());
    }
    fault(format!("{text:?} is no range of addresses"), "write ADDRESS/BITS, such as 10.1.0.0/16")
}

/// The service of an extension provider: a host, an address, or `NAMESPACE/HOST`.
///
/// # Errors
/// Anything else; a port is a field of its own.
pub fn provider_service(text: &str) -> Checked {
    if text.is_empty() {
        return fault("is empty", "name the service");
    }
    let Some((namespace, host)) = text.split_once('/') else {
        if full_domain(text).is_ok() || address::is_ip(text) {
            return Ok(());
        }
        let fix =
            "write a full host name, an address, or NAMESPACE/HOST; the port is a field of its own";
        return fault(format!("{text:?} is no service"), fix);
    };
    if !matches!(namespace, "*" | "." | "~") && !is_label(namespace) {
        return fault(format!("{namespace:?} in {text:?} is no namespace"), "write NAMESPACE/HOST");
    }
    sidecar_host(host)
}
