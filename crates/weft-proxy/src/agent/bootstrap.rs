//! The configuration that Envoy starts with: who it is, where the agent's sockets are, admin and metrics ports.
//!
//! Holds: every upstream socket of Envoy carries the capture mark, so that it is not captured into Envoy again.

use std::path::Path;

use serde_json::{Value, json};

use crate::settings::Settings;

/// Loopback admin port.
pub(super) const ADMIN: u16 = 15000;
const METRICS: u16 = 15090;
/// Linux' `SOL_SOCKET` and `SO_MARK`.
const SOL_SOCKET: u32 = 1;
const SO_MARK: u32 = 36;
const MARK: u32 = 1337;

/// JSON text of the bootstrap.
pub(super) fn render(settings: &Settings, secrets: &Path, discovery: &Path) -> String {
    let mut metadata = settings.metadata.clone();
    metadata.insert("DATAPLANE".into(), "envoy".into());
    let app = settings.label("app").unwrap_or("istio-proxy");
    let bootstrap = json!({
        "node": {
            "id": settings.node_id(),
            "cluster": format!("{app}.{}", settings.namespace),
            "metadata": metadata,
        },
        "admin": { "address": address("127.0.0.1", ADMIN) },
        "cluster_manager": { "upstream_bind_config": { "socket_options": [mark()] } },
        "dynamic_resources": {
            "ads_config": {
                "api_type": "DELTA_GRPC",
                "transport_api_version": "V3",
                "set_node_on_first_message_only": true,
                "grpc_services": [{ "envoy_grpc": {
                    "cluster_name": "xds-grpc",
                    // A control plane that comes back is met within two seconds.
                    "retry_policy": { "retry_back_off": {
                        "base_interval": "0.2s", "max_interval": "2s" } },
                } }],
            },
            "cds_config": { "ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3" },
            "lds_config": { "ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3" },
        },
        "static_resources": {
            "clusters": [
                unix_cluster("xds-grpc", discovery),
                unix_cluster("sds-grpc", secrets),
                admin_cluster(),
            ],
            "listeners": [metrics_listener()],
        },
    });
    bootstrap.to_string()
}

fn address(host: &str, port: u16) -> Value {
    json!({ "socket_address": { "address": host, "port_value": port } })
}

fn mark() -> Value {
    json!({ "description": "exempt from capture", "level": SOL_SOCKET, "name": SO_MARK,
        "int_value": MARK, "state": "STATE_PREBIND" })
}

fn unix_cluster(name: &str, socket: &Path) -> Value {
    let endpoint = json!({ "endpoint": { "address": { "pipe": { "path": socket } } } });
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": { "http2_protocol_options": {} },
            },
        },
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{ "lb_endpoints": [endpoint] }],
        },
    })
}

fn admin_cluster() -> Value {
    let endpoint = json!({ "endpoint": { "address": address("127.0.0.1", ADMIN) } });
    json!({
        "name": "prometheus_stats",
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": "prometheus_stats",
            "endpoints": [{ "lb_endpoints": [endpoint] }],
        },
    })
}

fn metrics_listener() -> Value {
    let route = json!({ "match": { "path": "/stats/prometheus" },
        "route": { "cluster": "prometheus_stats" } });
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "stats",
        "route_config": { "virtual_hosts": [
            { "name": "metrics", "domains": ["*"], "routes": [route] }] },
        "http_filters": [{ "name": "envoy.filters.http.router", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" } }],
    });
    json!({
        "name": "metrics",
        "address": address("0.0.0.0", METRICS),
        "filter_chains": [{ "filters": [
            { "name": "envoy.filters.network.http_connection_manager", "typed_config": manager }] }],
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;
    use std::process::Command;

    use super::*;
    use crate::settings::Role;

    #[test]
    fn a_real_envoy_takes_the_bootstrap() {
        let env = [("POD_NAME", "web-1"), ("POD_NAMESPACE", "shop"), ("INSTANCE_IP", "10.244.0.9")];
        let env: BTreeMap<_, _> = env.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        let settings = Settings::read(Role::Sidecar, &env).unwrap();
        let text = render(&settings, Path::new("/run/socket"), Path::new("/run/xds"));
        let file = std::env::temp_dir().join(format!("weft-bootstrap-{}.json", std::process::id()));
        std::fs::write(&file, text).unwrap();
        #[allow(clippy::disallowed_methods, reason = "where the peers are is the test's setting")]
        let peers = std::env::var("WEFT_PEERS").map_or_else(
            |_| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../.peers/bin"),
            PathBuf::from,
        );
        let envoy = Some(peers.join("envoy")).filter(|path| path.exists());
        let envoy = envoy.unwrap_or_else(|| "envoy".into());
        let run = Command::new(&envoy).args(["--mode", "validate", "-c"]).arg(&file).output();
        std::fs::remove_file(&file).unwrap();
        let run = run.unwrap_or_else(|e| panic!("{}: {e}; set WEFT_PEERS", envoy.display()));
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    }
}
