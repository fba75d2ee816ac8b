//! Defaults of a Service, and its cluster address.

use std::collections::HashSet;
use std::net::Ipv4Addr;

use serde_json::{Map, Value, json};

use super::{each, put};

pub(super) fn spec(spec: &mut Map<String, Value>) {
    put(spec, "type", json!("ClusterIP"));
    put(spec, "sessionAffinity", json!("None"));
    if spec["type"] == "ExternalName" {
        return;
    }
    put(spec, "internalTrafficPolicy", json!("Cluster"));
    put(spec, "ipFamilyPolicy", json!("SingleStack"));
    put(spec, "ipFamilies", json!(["IPv4"]));
    if spec["type"] != "ClusterIP" {
        put(spec, "externalTrafficPolicy", json!("Cluster"));
    }
    for port in each(spec, "ports") {
        put(port, "protocol", json!("TCP"));
        let number = port.get("port").cloned().unwrap_or_default();
        put(port, "targetPort", number);
    }
}

/// Gives a Service its address in 10.96.0.0/16, or judges the one that it asks for.
pub(crate) fn cluster_ip(
    object: &mut Value,
    taken: &HashSet<String>,
    keep: Option<&str>,
) -> Result<(), String> {
    let Some(spec) = object["spec"].as_object_mut() else { return Ok(()) };
    if spec.get("type").is_some_and(|t| t == "ExternalName") {
        return Ok(());
    }
    let asked = spec.get("clusterIP").and_then(Value::as_str).filter(|ip| !ip.is_empty());
    let address = match (asked, keep) {
        (None, Some(keep)) => keep.to_owned(),
        (None, None) => free(taken).ok_or("no free cluster address in 10.96.0.0/16")?,
        (Some("None"), _) => "None".to_owned(),
        (Some(ip), keep) if keep == Some(ip) => ip.to_owned(),
        (Some(ip), _) if taken.contains(ip) => {
            return Err(format!("{ip} belongs to another Service"));
        }
        (Some(ip), _) => in_range(ip)?,
    };
    spec.insert("clusterIPs".into(), json!([address]));
    spec.insert("clusterIP".into(), json!(address));
    Ok(())
}

fn in_range(text: &str) -> Result<String, String> {
    match text.parse::<Ipv4Addr>().map(|ip| ip.octets()) {
        Ok([10, 96, ..]) => Ok(text.to_owned()),
        _ => Err(format!("{text} is not an address in 10.96.0.0/16")),
    }
}

/// The first free address after the reserved ones (API server and DNS have theirs by name).
fn free(taken: &HashSet<String>) -> Option<String> {
    let addresses = (0_u8..=255).flat_map(|high| (0_u8..=255).map(move |low| (high, low)));
    let usable = addresses.filter(|at| *at > (0, 20) && *at < (255, 255));
    usable
        .map(|(high, low)| Ipv4Addr::new(10, 96, high, low).to_string())
        .find(|ip| !taken.contains(ip))
}
