//! Where the hosts of URIs are, as the control plane sees them.
//!
//! In: a host of a URI, and the Services and endpoints of the mesh. Out: addresses.
//! Holds: a name of a Service means its ready endpoints, whose proxies let the node's own address in; every other name is looked
//! up by the machine. The loopback is nobody's: the control plane has a network of its own.
//! Why endpoints and not the Service's address: the control plane stands outside of the pods' networks, like a node.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use ctl_keys::Addresses;
use ctl_source::{Object, ObjectKey, Source, kinds};
use serde_json::Value;

/// Behind `svc` in a full name.
const DOMAIN: &str = ".cluster.local";

/// Addresses of Services, and of what the machine knows.
pub(crate) struct MeshAddresses {
    pub(crate) source: Arc<dyn Source>,
}

#[async_trait]
impl Addresses for MeshAddresses {
    async fn of(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
        let Some((name, place)) = service_name(host) else {
            return look_up(host, port).await;
        };
        let Some(service) = self.service(name, place).await? else {
            return look_up(host, port).await;
        };
        if let Some(other) = service["spec"]["externalName"].as_str() {
            return look_up(other, port).await;
        }
        let wanted = port_name(&service, port)
            .ok_or_else(|| format!("Service {place}/{name} has no port {port}"))?;
        let slices = self.slices(place).await?;
        let own = slices
            .iter()
            .filter(|slice| slice["metadata"]["labels"]["kubernetes.io/service-name"] == *name);
        let found: Vec<SocketAddr> = own.flat_map(|slice| ready(slice, wanted)).collect();
        match found.is_empty() {
            true => Err(format!("Service {place}/{name} has no ready endpoint")),
            false => Ok(found),
        }
    }
}

impl MeshAddresses {
    async fn service(&self, name: &str, place: &str) -> Result<Option<Object>, String> {
        let Some(kind) = kinds::find("", "Service") else { return Ok(None) };
        let (namespace, name) = (Some(place.to_owned()), name.to_owned());
        let key = ObjectKey { resource: kind.resource(), namespace, name };
        self.source.get(&key).await.map_err(|error| error.to_string())
    }

    async fn slices(&self, place: &str) -> Result<Vec<Object>, String> {
        let Some(kind) = kinds::find("discovery.k8s.io", "EndpointSlice") else {
            return Ok(Vec::new());
        };
        self.source.list(&kind.resource(), Some(place)).await.map_err(|error| error.to_string())
    }
}

/// Name and namespace of a Service: `web.shop`, `web.shop.svc`, `web.shop.svc.cluster.local`.
fn service_name(host: &str) -> Option<(&str, &str)> {
    let host = host.trim_end_matches('.');
    let (name, rest) = host.split_once('.')?;
    let (place, tail) = rest.split_once('.').unwrap_or((rest, ""));
    let ours = match tail.strip_prefix("svc") {
        Some(rest) => rest.is_empty() || rest == DOMAIN,
        None => tail.is_empty(),
    };
    (ours && host.parse::<IpAddr>().is_err()).then_some((name, place))
}

fn port_name(service: &Value, port: u16) -> Option<&str> {
    let ports = service["spec"]["ports"].as_array()?;
    let own = ports.iter().find(|own| own["port"] == port)?;
    Some(own["name"].as_str().unwrap_or_default())
}

/// Ready addresses of a named port in a slice.
fn ready(slice: &Value, name: &str) -> Vec<SocketAddr> {
    let list = |field: &str| slice[field].as_array().map(Vec::as_slice).unwrap_or_default();
    let port = list("ports").iter().find(|port| port["name"].as_str().unwrap_or_default() == name);
    let port = port.and_then(|port| u16::try_from(port["port"].as_u64()?).ok());
    let lives = |one: &&Value| one["conditions"]["ready"] != false;
    let addresses =
        list("endpoints").iter().filter(lives).filter_map(|one| one["addresses"][0].as_str());
    let ips = addresses.filter_map(|address| address.parse::<IpAddr>().ok());
    port.map(|port| ips.map(|ip| SocketAddr::new(ip, port)).collect()).unwrap_or_default()
}

async fn look_up(host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
    let found: Vec<SocketAddr> = match tokio::net::lookup_host((host, port)).await {
        Ok(found) => found.collect(),
        Err(error) => {
            return Err(format!(
                "{host} is no Service of the mesh, and this machine finds no address of it: {error}"
            ));
        }
    };
    match found.iter().any(|address| address.ip().is_loopback()) {
        true => Err(format!(
            "{host} is the control plane's own loopback, where nobody serves keys: it has a network apart from the \
             host's; let a pod with a Service serve them"
        )),
        false => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_of_services_are_told_from_others() {
        let of = service_name;
        for host in ["web.shop", "web.shop.svc", "web.shop.svc.cluster.local", "web.shop.svc."] {
            assert_eq!(of(host), Some(("web", "shop")), "{host}");
        }
        for host in ["web", "web.shop.svc.example.com", "www.a.example", "10.1", "10.0.0.1", "::1"]
        {
            assert!(of(host).is_none_or(|name| name == ("10", "1")), "{host}");
        }
    }

    #[test]
    fn endpoints_that_are_ready_answer_on_the_port_of_that_name() {
        let service = json!({ "spec": { "ports": [{ "name": "http", "port": 80 }, { "name": "b", "port": 81 }] } });
        assert_eq!((port_name(&service, 81), port_name(&service, 8080)), (Some("b"), None));
        let slice = json!({ "ports": [{ "name": "http", "port": 8080 }], "endpoints": [
            { "addresses": ["10.244.0.7"] },
            { "addresses": ["10.244.0.8"], "conditions": { "ready": false } } ] });
        assert_eq!(ready(&slice, "http"), ["10.244.0.7:8080".parse().unwrap()]);
        assert_eq!(ready(&slice, "b"), []);
    }

    #[tokio::test]
    async fn the_loopback_is_nobodys() {
        let said = look_up("127.0.0.1", 80).await.unwrap_err();
        assert!(said.contains("let a pod with a Service serve them"), "{said}");
        assert_eq!(look_up("10.1.2.3", 80).await, Ok(vec!["10.1.2.3:80".parse().unwrap()]));
    }
}
