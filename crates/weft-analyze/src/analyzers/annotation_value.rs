//! Values that the annotations of a pod may have.

use ipnet::IpNet;
use serde_json::Value;
use weft_meshconfig::validate_proxy_config;
use weft_model::Severity;

use crate::source;

/// What is wrong with the value of an annotation; none when it is right, or when any text is.
pub(super) fn fault(name: &str, value: &str) -> Option<String> {
    match name {
        "sidecar.istio.io/interceptionMode" => unless(
            matches!(value, "REDIRECT" | "TPROXY" | "NONE"),
            "must be REDIRECT, TPROXY or NONE",
        ),
        "status.sidecar.istio.io/port" => unless(is_port(value), "must be a port number"),
        "readiness.status.sidecar.istio.io/initialDelaySeconds"
        | "readiness.status.sidecar.istio.io/periodSeconds"
        | "readiness.status.sidecar.istio.io/failureThreshold" => {
            unless(value.parse::<u32>().is_ok(), "must be a whole number, 0 or more")
        }
        "traffic.sidecar.istio.io/includeOutboundIPRanges" if value == "*" => None,
        "traffic.sidecar.istio.io/includeOutboundIPRanges"
        | "traffic.sidecar.istio.io/excludeOutboundIPRanges" => {
            unless(are_ranges(value), "must be IP ranges such as 10.0.0.0/8, with commas between")
        }
        "traffic.sidecar.istio.io/includeInboundPorts" if value == "*" => None,
        "traffic.sidecar.istio.io/includeInboundPorts"
        | "traffic.sidecar.istio.io/excludeInboundPorts"
        | "traffic.sidecar.istio.io/excludeOutboundPorts" => {
            unless(are_ports(value), "must be port numbers with commas between")
        }
        "prometheus.istio.io/merge-metrics" => unless(is_bool(value), "must be true or false"),
        "sidecar.istio.io/proxyCPU"
        | "sidecar.istio.io/proxyCPULimit"
        | "sidecar.istio.io/proxyMemory"
        | "sidecar.istio.io/proxyMemoryLimit" => {
            unless(is_quantity(value), "must be a quantity, such as 100m or 64Mi")
        }
        "proxy.istio.io/config" => proxy_config(value),
        _ => None,
    }
}

fn unless(right: bool, fault: &str) -> Option<String> {
    (!right).then(|| fault.to_owned())
}

fn is_port(text: &str) -> bool {
    text.trim().parse::<u16>().is_ok()
}

fn are_ports(text: &str) -> bool {
    text.trim().is_empty() || text.split(',').all(is_port)
}

fn are_ranges(text: &str) -> bool {
    text.is_empty() || text.split(',').all(|range| range.parse::<IpNet>().is_ok())
}

fn is_bool(text: &str) -> bool {
    matches!(text.to_ascii_lowercase().as_str(), "true" | "false" | "t" | "f" | "1" | "0")
}

/// Kubernetes' quantities: a number, then a unit or an exponent of ten.
fn is_quantity(text: &str) -> bool {
    const UNITS: &[&str] =
        &["", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let has_digits = number.contains(|c: char| c.is_ascii_digit());
    let exponent = unit.strip_prefix(['e', 'E']).map(str::parse::<i32>);
    let is_unit = UNITS.contains(&unit) || exponent.is_some_and(|exponent| exponent.is_ok());
    has_digits && number.matches('.').count() < 2 && is_unit
}

fn proxy_config(text: &str) -> Option<String> {
    if text.trim().is_empty() {
        return None;
    }
    let Some(config) = source::document(text).filter(Value::is_object) else {
        return Some("must be fields of ProxyConfig as YAML".to_owned());
    };
    let (_, problems) = validate_proxy_config(&config);
    let wrong = problems.into_iter().find(|problem| problem.severity == Severity::Error)?;
    Some(format!("has a wrong field: {}: {}", wrong.field, wrong.what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_held_against_their_kind() {
        let good = [
            ("traffic.sidecar.istio.io/includeInboundPorts", "*"),
            ("traffic.sidecar.istio.io/excludeOutboundPorts", "80, 443"),
            ("traffic.sidecar.istio.io/excludeOutboundIPRanges", "10.0.0.0/8,fd00::/8"),
            ("proxy.istio.io/config", "concurrency: 2"),
            ("sidecar.istio.io/proxyCPU", "100m"),
            ("sidecar.istio.io/proxyMemoryLimit", "1.5Gi"),
            ("sidecar.istio.io/proxyMemory", "1e9"),
        ];
        for (name, value) in good {
            assert_eq!(fault(name, value), None, "{name}={value}");
        }
        let bad = [
            ("traffic.sidecar.istio.io/excludeInboundPorts", "*"),
            ("sidecar.istio.io/interceptionMode", "redirect"),
            ("proxy.istio.io/config", "just text"),
            ("proxy.istio.io/config", "concurrency: many"),
            ("proxy.istio.io/config", "statusPort: 70000"),
            ("status.sidecar.istio.io/port", "70000"),
            ("sidecar.istio.io/proxyCPU", "much"),
            ("sidecar.istio.io/proxyMemory", "64MB"),
        ];
        for (name, value) in bad {
            assert!(fault(name, value).is_some(), "{name}={value}");
        }
    }
}
