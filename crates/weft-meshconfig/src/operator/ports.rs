//! Rules of ports and addresses of an installation.

use serde_json::Value;
use weft_api::install::values::{Gateway, Values};
use weft_api::install::{GatewayComponent, OperatorSpec};

use crate::report::Report;
use crate::scalar::{Checked, fault, ip_range};

/// Ports up to here are the system's.
const SYSTEM: i64 = 1024;

/// Gateways that do not run as root open no system ports.
pub(super) fn check(spec: &OperatorSpec, values: &Values, report: &mut Report) {
    let gateways = values.gateways.as_ref();
    let ingress = gateways.and_then(|gateways| gateways.ingress.as_ref());
    let egress = gateways.and_then(|gateways| gateways.egress.as_ref());
    let root =
        |gateway: Option<&Gateway>| gateway.and_then(|gateway| gateway.run_as_root) == Some(true);
    if let Some(components) = &spec.components {
        report.within("components", |report| {
            if !root(ingress) {
                report.each("ingressGateways", &components.ingress_gateways, component);
            }
            if !root(egress) {
                report.each("egressGateways", &components.egress_gateways, component);
            }
        });
    }
    let ports = ingress.map_or([].as_slice(), |ingress| &ingress.ingress_ports);
    report.within("values", |report| {
        report.within("gateways", |report| {
            report.within("istio-ingressgateway", |report| {
                report.each("ingressPorts", ports, |port, report| {
                    report.expect("targetPort", opens(port))
                });
            });
        });
    });
}

fn component(gateway: &GatewayComponent, report: &mut Report) {
    let service = gateway.k8s.as_ref().and_then(|k8s| k8s.service.as_ref());
    let Some(ports) = service.and_then(|service| service.get("ports")?.as_array()) else { return };
    report.within("k8s", |report| {
        report.within("service", |report| {
            report.each("ports", ports, |port, report| report.expect("targetPort", opens(port)));
        });
    });
}

fn opens(port: &Value) -> Checked {
    let target = match port.get("targetPort") {
        None | Some(Value::Null) => 0,
        Some(target) => match target.as_i64() {
            Some(target) => target,
            // A port by name is the container's matter.
            None => return Ok(()),
        },
    };
    let Some(number) = port.get("port").and_then(Value::as_i64) else { return Ok(()) };
    if target >= SYSTEM || (target == 0 && number > SYSTEM) {
        return Ok(());
    }
    let opened = if target == 0 { number } else { target };
    fault(
        format!("port {number} opens {opened}, which only root may"),
        format!("set targetPort to {SYSTEM} or more, or runAsRoot of the gateway's values"),
    )
}

/// Ranges parted by commas, or `*`.
pub(super) fn ranges(text: &str) -> Checked {
    if matches!(text, "" | "*") {
        return Ok(());
    }
    text.split(',').try_for_each(|range| {
        if range.contains('/') {
            return ip_range(range);
        }
        fault(
            format!("{range:?} is no range of addresses"),
            "write ranges such as 10.1.0.0/16, parted by commas",
        )
    })
}

/// Ports parted by commas, or `*`.
pub(super) fn list(text: &str) -> Checked {
    text.split(',').try_for_each(|port| {
        if matches!(port, "" | "*") || port.parse::<u16>().is_ok() {
            return Ok(());
        }
        fault(format!("{port:?} is no port"), "write numbers up to 65535, parted by commas")
    })
}
