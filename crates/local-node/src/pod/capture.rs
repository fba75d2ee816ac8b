//! From a pod's annotations to its capture rules.
//!
//! In: annotations. Out: rules, or nothing for a pod without a sidecar, and complaints about unreadable values.
//! Holds: an unreadable exclusion captures more, never less.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use k8s_openapi::api::core::v1::Pod;
use weft_netns::Capture;
use weft_netns::capture::Include;

use crate::config::NodeConfig;

const PREFIX: &str = "traffic.sidecar.istio.io/";

/// The rules and what could not be read.
pub(crate) fn rules(
    node: &NodeConfig,
    annotations: &BTreeMap<String, String>,
) -> (Option<Capture>, Vec<String>) {
    let mut complaints = Vec::new();
    if !annotations.contains_key("sidecar.istio.io/status") {
        return (None, complaints);
    }
    let mode = annotations.get("sidecar.istio.io/interceptionMode").map_or("REDIRECT", |m| m);
    if mode == "NONE" {
        return (None, complaints);
    }
    if mode != "REDIRECT" {
        complaints.push(format!("sidecar.istio.io/interceptionMode {mode}: REDIRECT is used"));
    }
    let mut reader = Reader { annotations, complaints: &mut complaints };
    let mut capture = Capture::new(node.proxy_mark, node.address);
    capture.include_inbound_ports = reader.include("includeInboundPorts", port);
    capture.exclude_inbound_ports = reader.list("excludeInboundPorts", port);
    capture.include_outbound_ranges = reader.include("includeOutboundIPRanges", network);
    capture.exclude_outbound_ranges = reader.list("excludeOutboundIPRanges", network);
    capture.include_outbound_ports = reader.list("includeOutboundPorts", port);
    capture.exclude_outbound_ports = reader.list("excludeOutboundPorts", port);
    for name in ["excludeInterfaces", "kubevirtInterfaces"] {
        if annotations.contains_key(&format!("{PREFIX}{name}")) {
            complaints.push(format!("{PREFIX}{name}: a pod has one interface here"));
        }
    }
    (Some(capture), complaints)
}

/// Whether the pod's sidecar answers its name questions; where Istio's node agent looks.
pub(crate) fn captures_names(pod: &Pod) -> bool {
    let spec = pod.spec.as_ref();
    let early = spec.and_then(|spec| spec.init_containers.as_ref()).into_iter().flatten();
    let mut all = early.chain(spec.into_iter().flat_map(|spec| &spec.containers));
    let proxy = all.find(|container| container.name == "istio-proxy");
    let sidecar =
        pod.metadata.annotations.iter().any(|a| a.contains_key("sidecar.istio.io/status"));
    let mut env = proxy.into_iter().flat_map(|proxy| proxy.env.iter().flatten());
    sidecar
        && env.any(|env| {
            let value = env.value.as_deref().unwrap_or_default();
            env.name == "ISTIO_META_DNS_CAPTURE"
                && (value.eq_ignore_ascii_case("true") || value == "1")
        })
}

struct Reader<'a> {
    annotations: &'a BTreeMap<String, String>,
    complaints: &'a mut Vec<String>,
}

impl Reader<'_> {
    fn include<T>(&mut self, name: &str, read: fn(&str) -> Option<T>) -> Include<T> {
        match self.annotations.get(&format!("{PREFIX}{name}")).map(String::as_str) {
            None | Some("*") => Include::All,
            Some(_) => Include::Only(self.list(name, read)),
        }
    }

    fn list<T>(&mut self, name: &str, read: fn(&str) -> Option<T>) -> Vec<T> {
        let text = self.annotations.get(&format!("{PREFIX}{name}"));
        let items = text.iter().flat_map(|t| t.split(',')).map(str::trim).filter(|t| !t.is_empty());
        let mut values = Vec::new();
        for item in items {
            match read(item) {
                Some(value) => values.push(value),
                None => self.complaints.push(format!("{PREFIX}{name}: cannot read {item:?}")),
            }
        }
        values
    }
}

fn port(text: &str) -> Option<u16> {
    text.parse().ok()
}

fn network(text: &str) -> Option<(Ipv4Addr, u8)> {
    let (address, length) = text.split_once('/').unwrap_or((text, "32"));
    let length = length.parse().ok().filter(|length| *length <= 32)?;
    Some((address.parse().ok()?, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unreadable_port_is_named_and_captured() {
        let config = NodeConfig::new("/s".into(), "/w".into(), "/p".into());
        let annotations = BTreeMap::from([
            ("sidecar.istio.io/status".to_owned(), "{}".to_owned()),
            (format!("{PREFIX}excludeInboundPorts"), "22, x".to_owned()),
            (format!("{PREFIX}includeOutboundIPRanges"), "10.0.0.0/8".to_owned()),
        ]);
        let (capture, complaints) = rules(&config, &annotations);
        let capture = capture.unwrap();
        assert_eq!(capture.exclude_inbound_ports, [22]);
        let only = Include::Only(vec![(Ipv4Addr::new(10, 0, 0, 0), 8)]);
        assert_eq!(capture.include_outbound_ranges, only);
        assert_eq!(complaints.len(), 1);
    }
}
