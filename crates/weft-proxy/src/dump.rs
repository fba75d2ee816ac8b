//! The config dump and its neighbours: what was accepted, in Envoy's JSON.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost::Message as _;
use proxy_config::endpoint::Health;
use proxy_discovery::{Body, Follower as _};
use serde_json::{Value, json};
use weft_proto::ads::Any;
use weft_proto::envoy::config::core::v3::{DataSource, data_source::Specifier};
use weft_proto::envoy::extensions::transport_sockets::tls::v3::{Secret, secret::Type};
use weft_proto::json::to_json;
use weft_proto::type_url;

use crate::running::Running;

const ADMIN: &str = "type.googleapis.com/envoy.admin.v3.";

/// The whole dump.
pub(crate) fn config(running: &Running, with_endpoints: bool) -> Value {
    let mut configs = vec![json!({
        "@type": format!("{ADMIN}BootstrapConfigDump"),
        "bootstrap": { "node": {
            "id": running.settings.node_id(),
            "metadata": running.settings.metadata,
        } },
    })];
    configs.push(json!({
        "@type": format!("{ADMIN}ClustersConfigDump"),
        "dynamic_active_clusters": all(running, type_url::CLUSTER, |_, body, any| json!({
            "version_info": body.version, "cluster": any, "last_updated": stamp(body.at),
        })),
    }));
    if with_endpoints {
        configs.push(json!({
            "@type": format!("{ADMIN}EndpointsConfigDump"),
            "dynamic_endpoint_configs": all(running, type_url::ENDPOINTS, |_, body, any| json!({
                "version_info": body.version, "endpoint_config": any, "last_updated": stamp(body.at),
            })),
        }));
    }
    let listeners = all(running, type_url::LISTENER, |name, body, any| {
        json!({
            "name": name,
            "active_state": {
                "version_info": body.version, "listener": any, "last_updated": stamp(body.at),
            },
        })
    });
    let inline = inline_routes(&listeners);
    configs.push(json!({
        "@type": format!("{ADMIN}ListenersConfigDump"), "dynamic_listeners": listeners,
    }));
    configs.push(json!({
        "@type": format!("{ADMIN}RoutesConfigDump"),
        "static_route_configs": inline,
        "dynamic_route_configs": all(running, type_url::ROUTE, |_, body, any| json!({
            "version_info": body.version, "route_config": any, "last_updated": stamp(body.at),
        })),
    }));
    configs.push(secrets(running));
    json!({ "configs": configs })
}

fn all(
    running: &Running,
    type_url: &str,
    shape: impl Fn(&str, &Body, Value) -> Value,
) -> Vec<Value> {
    let bodies: Vec<_> = running.accepted().bodies(type_url).collect();
    let one = |(name, body): (Arc<str>, Body)| {
        let any = Any { type_url: type_url.to_owned(), value: body.bytes.clone() };
        shape(&name, &body, to_json(&any))
    };
    bodies.into_iter().map(one).collect()
}

/// Routes that stand in listeners.
fn inline_routes(listeners: &[Value]) -> Vec<Value> {
    let mut found = Vec::new();
    for state in listeners.iter().map(|listener| &listener["active_state"]) {
        let listener = &state["listener"];
        let chains = listener["filter_chains"].as_array().into_iter().flatten();
        for chain in chains.chain([&listener["default_filter_chain"]]) {
            let filters = chain["filters"].as_array().into_iter().flatten();
            let routes = filters.map(|filter| &filter["typed_config"]["route_config"]);
            found.extend(routes.filter(|routes| routes.is_object()).map(
                |routes| json!({ "route_config": routes, "last_updated": state["last_updated"] }),
            ));
        }
    }
    found
}

fn secrets(running: &Running) -> Value {
    let mut list = Vec::new();
    if let Some(own) = running.identity.current() {
        let version = own.serial();
        let secret = |name: &str, what: Value| {
            let mut secret = json!({ "@type": type_url::SECRET, "name": name });
            if let (Value::Object(to), Value::Object(from)) = (&mut secret, what) {
                to.extend(from);
            }
            json!({
                "name": name, "version_info": version,
                "last_updated": stamp(own.not_before()), "secret": secret,
            })
        };
        list.push(secret(
            "default",
            json!({ "tls_certificate": {
                "certificate_chain": { "inline_bytes": STANDARD.encode(own.chain_pem()) },
                "private_key": { "inline_bytes": STANDARD.encode("[redacted]") },
            } }),
        ));
        let roots = STANDARD.encode(own.bundle().pem());
        list.push(secret(
            "ROOTCA",
            json!({ "validation_context": { "trusted_ca": { "inline_bytes": roots } } }),
        ));
    }
    list.extend(given_secrets(running));
    json!({ "@type": format!("{ADMIN}SecretsConfigDump"), "dynamic_active_secrets": list })
}

/// Those that came from the control plane, without their keys.
fn given_secrets(running: &Running) -> Vec<Value> {
    let bodies: Vec<_> = running.accepted().bodies(type_url::SECRET).collect();
    let one = |(name, body): (Arc<str>, Body)| {
        let secret = without_key(Secret::decode(body.bytes).ok()?);
        let any =
            Any { type_url: type_url::SECRET.to_owned(), value: secret.encode_to_vec().into() };
        Some(json!({
            "name": &*name, "version_info": body.version,
            "last_updated": stamp(body.at), "secret": to_json(&any),
        }))
    };
    bodies.into_iter().filter_map(one).collect()
}

fn without_key(mut secret: Secret) -> Secret {
    if let Some(Type::TlsCertificate(certificate)) = &mut secret.r#type {
        let specifier = Some(Specifier::InlineBytes(b"[redacted]".to_vec()));
        certificate.private_key = Some(DataSource { specifier, ..DataSource::default() });
    }
    secret
}

/// RFC 3339 with milliseconds.
fn stamp(at: SystemTime) -> String {
    let t = time::OffsetDateTime::from(at);
    t.format(&time::format_description::well_known::Rfc3339).unwrap_or_default()
}

/// Certificates, without keys.
pub(crate) fn certs(running: &Running) -> Value {
    let list: Vec<_> = running
        .identity
        .current()
        .map(|own| {
            let uri = own.spiffe_id().map(ToString::to_string).unwrap_or_default();
            json!({
                "cert_chain": [{
                    "serial_number": own.serial(),
                    "subject_alt_names": [{ "uri": uri }],
                    "valid_from": stamp(own.not_before()),
                    "expiration_time": stamp(own.not_after()),
                }],
            })
        })
        .into_iter()
        .collect();
    json!({ "certificates": list })
}

const fn health(health: Health) -> &'static str {
    match health {
        Health::Healthy => "HEALTHY",
        Health::Degraded => "DEGRADED",
        Health::Draining => "DRAINING",
        Health::Unhealthy => "UNHEALTHY",
    }
}

/// Clusters with their hosts.
pub(crate) fn clusters_json(running: &Running) -> Value {
    let plan = running.engine.plan();
    let mut clusters: Vec<_> = plan.clusters.values().collect();
    clusters.sort_by(|a, b| a.name.cmp(&b.name));
    let now = running.clock.now();
    let list: Vec<_> = clusters
        .iter()
        .map(|cluster| {
            let out = cluster.ejected(now);
            let hosts: Vec<_> = cluster
                .members()
                .map(|(endpoint, host)| {
                    json!({
                        "address": { "socket_address": {
                            "address": endpoint.address.ip().to_string(),
                            "port_value": endpoint.address.port(),
                        } },
                        "stats": [{
                            "name": "rq_active", "type": "GAUGE",
                            "value": host.active.load(Ordering::Relaxed).to_string(),
                        }],
                        "health_status": {
                            "eds_health_status": health(endpoint.health),
                            "failed_outlier_check": out.contains(&endpoint.address),
                        },
                        "weight": endpoint.weight,
                        "priority": endpoint.priority,
                    })
                })
                .collect();
            json!({ "name": cluster.name.as_ref(), "added_via_api": true, "host_statuses": hosts })
        })
        .collect();
    json!({ "cluster_statuses": list })
}

/// The same as text.
pub(crate) fn clusters_text(running: &Running) -> String {
    let plan = running.engine.plan();
    let mut clusters: Vec<_> = plan.clusters.values().collect();
    clusters.sort_by(|a, b| a.name.cmp(&b.name));
    let mut out = String::new();
    for cluster in clusters {
        let name = &cluster.name;
        // Writing to a String cannot fail.
        writeln!(out, "{name}::added_via_api::true").ok();
        for (endpoint, host) in cluster.members() {
            let at = endpoint.address;
            let active = host.active.load(Ordering::Relaxed);
            writeln!(out, "{name}::{at}::rq_active::{active}").ok();
            writeln!(out, "{name}::{at}::health_flags::{}", health(endpoint.health)).ok();
            writeln!(out, "{name}::{at}::weight::{}", endpoint.weight).ok();
        }
    }
    out
}

/// Listeners with bound sockets.
pub(crate) fn listeners_text(running: &Running) -> String {
    let mut out = String::new();
    for (name, address) in running.engine.bound().all() {
        let address = address.map_or_else(|why| format!("failed: {why}"), |a| a.to_string());
        writeln!(out, "{name}::{address}").ok();
    }
    out
}

/// The same as JSON.
pub(crate) fn listeners_json(running: &Running) -> Value {
    let one = |(name, address): (std::sync::Arc<str>, Result<std::net::SocketAddr, String>)| {
        address.ok().map(|a| {
            json!({
                "name": name.as_ref(),
                "local_address": { "socket_address": {
                    "address": a.ip().to_string(), "port_value": a.port(),
                } },
            })
        })
    };
    let list: Vec<_> = running.engine.bound().all().into_iter().filter_map(one).collect();
    json!({ "listener_statuses": list })
}
