//! Where a webhook is: addresses, the name that its certificate must carry, the roots that it must be under.
//!
//! In: a `clientConfig`, and the endpoints in the store. Out: a place to connect to.
//! Why endpoints and not the Service's address: the API server stands outside of the pods' networks, like a node.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ctl_store::{Collection, Key, Store};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::Value;

/// A place to connect to.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// `host:port`, tried one after the other.
    pub(super) addresses: Vec<String>,
    pub(super) server_name: String,
    pub(super) path: String,
    pub(super) roots: RootCertStore,
}

/// Finds the place.
pub(super) fn of(client: &Value, store: &Store) -> Result<Place, String> {
    let roots = roots(&client["caBundle"])?;
    if let Some(url) = client["url"].as_str() {
        let (server_name, port, path) = parts(url)?;
        let addresses = vec![format!("{}:{port}", bracketed(&server_name))];
        return Ok(Place { addresses, server_name, path, roots });
    }
    let service = &client["service"];
    let text = |name: &str| service[name].as_str().unwrap_or_default();
    let (namespace, name) = (text("namespace"), text("name"));
    let port = service["port"].as_u64().unwrap_or(443);
    let addresses = endpoints(store, namespace, name, port)?;
    let path = if text("path").is_empty() { "/" } else { text("path") };
    let server_name = format!("{name}.{namespace}.svc");
    Ok(Place { addresses, server_name, path: path.to_owned(), roots })
}

/// The certificates of a `caBundle`.
pub(super) fn roots(bundle: &Value) -> Result<RootCertStore, String> {
    let text = bundle.as_str().filter(|text| !text.is_empty()).ok_or(
        "clientConfig.caBundle is empty, and this API server trusts no certificate by itself",
    )?;
    let pem = BASE64.decode(text).map_err(|error| format!("caBundle is not base64: {error}"))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| format!("caBundle is not PEM: {error}"))?;
        roots.add(certificate).map_err(|error| format!("caBundle has no root in it: {error}"))?;
    }
    if roots.is_empty() {
        return Err("caBundle has no certificate in it".to_owned());
    }
    Ok(roots)
}

/// Host, port and path of a URL.
pub(super) fn parts(url: &str) -> Result<(String, u16, String), String> {
    let uri: http::Uri = url.parse().map_err(|error| format!("url {url:?}: {error}"))?;
    let authority = uri.authority().ok_or_else(|| format!("url {url:?} has no host"))?;
    if uri.scheme_str() != Some("https") || authority.as_str().contains('@') {
        return Err(format!("url {url:?} must begin with https:// and name a host"));
    }
    if uri.query().is_some() || url.contains('#') {
        return Err(format!("url {url:?} must end with its path: no ? and no #"));
    }
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
    Ok((host, authority.port_u16().unwrap_or(443), uri.path().to_owned()))
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

fn collection(group: &str, plural: &str) -> Collection {
    Collection { group: group.to_owned(), plural: plural.to_owned() }
}

/// Ready endpoints of a port of a Service.
fn endpoints(store: &Store, ns: &str, name: &str, port: u64) -> Result<Vec<String>, String> {
    let key = Key {
        collection: collection("", "services"),
        namespace: ns.to_owned(),
        name: name.to_owned(),
    };
    let service = store.get(&key).ok_or_else(|| format!("there is no Service {ns}/{name}"))?;
    let ports = service["spec"]["ports"].as_array().map(Vec::as_slice).unwrap_or_default();
    let port_name = match ports.iter().find(|own| own["port"] == port) {
        Some(own) => own["name"].as_str().unwrap_or_default(),
        None => return Err(format!("Service {ns}/{name} has no port {port}")),
    };
    let slices = store.list(&collection("discovery.k8s.io", "endpointslices"), Some(ns)).objects;
    let of_service = |slice: &&std::sync::Arc<Value>| {
        slice["metadata"]["labels"]["kubernetes.io/service-name"] == name
    };
    let found: Vec<String> =
        slices.iter().filter(of_service).flat_map(|slice| ready(slice, port_name)).collect();
    match found.as_slice() {
        [] => Err(format!("Service {ns}/{name} has no ready endpoint")),
        _ => Ok(found),
    }
}

fn ready(slice: &Value, port_name: &str) -> Vec<String> {
    let ports = slice["ports"].as_array().map(Vec::as_slice).unwrap_or_default();
    let named = |port: &&Value| port["name"].as_str().unwrap_or_default() == port_name;
    let Some(port) = ports.iter().find(named).and_then(|port| port["port"].as_u64()) else {
        return Vec::new();
    };
    let endpoints = slice["endpoints"].as_array().map(Vec::as_slice).unwrap_or_default();
    let lives = |endpoint: &&Value| endpoint["conditions"]["ready"] != false;
    let addresses = endpoints.iter().filter(lives).filter_map(|one| one["addresses"][0].as_str());
    addresses.map(|address| format!("{}:{port}", bracketed(address))).collect()
}
