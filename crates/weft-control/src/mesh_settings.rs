//! The settings of the mesh, as the rooms of the control plane read them.
//!
//! In: a `MeshConfig` with its defaults filled in, from the ConfigMap `istio`. Out: the settings of translation, of injection,
//! and the trust domain.
//! Holds: a ConfigMap that is not valid changes nothing; the last good one serves on.

mod live;

use serde_json::{Map, Value};
use weft_api::mesh_config::{
    ExtensionProvider, H2UpgradePolicy, MeshConfig, Normalization, OutboundMode, ProxyConfig, Time,
};
use weft_meshconfig::{Problem, validate_config_map, validate_mesh_config};

pub(crate) use live::LiveMesh;

/// What the ConfigMap says; without one, what a mesh has whose operator says nothing.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn read(config_map: Option<&Value>) -> Result<MeshConfig, Vec<Problem>> {
    let Some(object) = config_map else { return Ok(defaults()) };
    let (mut mesh, _networks, mut problems) = validate_config_map(object);
    problems.retain(Problem::is_error);
    // Identities are in small letters only.
    mesh.trust_domain.make_ascii_lowercase();
    if problems.is_empty() { Ok(mesh) } else { Err(problems) }
}

/// The settings of translation that objects say: those of the last IstioOperator, or ConfigMap of the mesh, among them.
///
/// # Errors
/// Everything that is wrong with it.
pub fn settings_of(objects: &[Value]) -> Result<ctl_snapshot::MeshSettings, Vec<Problem>> {
    mesh_of(objects).map(|mesh| for_translation(&mesh))
}

/// What proxies are started with where their pods say nothing: `defaultConfig`, as far as it is not at its defaults.
///
/// # Errors
/// Everything that is wrong with the settings.
pub fn proxy_defaults_of(objects: &[Value]) -> Result<Map<String, Value>, Vec<Problem>> {
    mesh_of(objects).map(|mesh| set_by_operator(&mesh.default_config.unwrap_or_default()))
}

fn mesh_of(objects: &[Value]) -> Result<MeshConfig, Vec<Problem>> {
    let config_map = objects.iter().rev().find_map(|object| {
        if weft_meshconfig::is_istio_operator(object) {
            return Some(weft_meshconfig::config_map_of(object));
        }
        weft_meshconfig::is_mesh_config_map(object).then(|| object.clone())
    });
    read(config_map.as_ref())
}

fn defaults() -> MeshConfig {
    validate_mesh_config(&Value::Object(Map::new())).0
}

/// What translation reads.
pub(crate) fn for_translation(mesh: &MeshConfig) -> ctl_snapshot::MeshSettings {
    let time = |time: Option<Time>| time.unwrap_or_default().duration();
    let traffic = mesh.default_traffic_policy.clone().unwrap_or_default();
    ctl_snapshot::MeshSettings {
        root_namespace: mesh.root_namespace.clone(),
        trust_domain: mesh.trust_domain.clone(),
        trust_domain_aliases: mesh.trust_domain_aliases.clone(),
        discovery: mesh.discovery_selectors.clone(),
        access_log: access_log(mesh),
        unknown: unknown(mesh),
        unknown_tls: mesh.outbound_traffic_policy.as_ref().and_then(|policy| policy.tls.clone()),
        auto_mtls: mesh.enable_auto_mtls.unwrap_or(true),
        exports: ctl_snapshot::Exports {
            services: mesh.default_service_export_to.clone(),
            virtual_services: mesh.default_virtual_service_export_to.clone(),
            destination_rules: mesh.default_destination_rule_export_to.clone(),
        },
        paths: paths(mesh),
        detection_timeout: time(mesh.protocol_detection_timeout),
        connect_timeout: time(mesh.connect_timeout),
        tcp_keepalive: mesh.tcp_keepalive.clone(),
        h2_upgrade: mesh.h2_upgrade_policy == H2UpgradePolicy::Upgrade,
        connection_pool: traffic.connection_pool,
        outlier_detection: traffic.outlier_detection,
        locality: mesh.locality_lb_setting.clone(),
        retries: mesh.default_http_retry_policy.clone(),
        inbound_retries: mesh.default_inbound_http_retry_policy.clone(),
        authorizers: authorizers(mesh),
        ..ctl_snapshot::MeshSettings::default()
    }
}

/// The file of a default provider, or, where there are none, the older setting.
fn access_log(mesh: &MeshConfig) -> Option<String> {
    let defaults = mesh.default_providers.as_ref().map(|defaults| &defaults.access_logging);
    let Some(named) = defaults.filter(|named| !named.is_empty()) else {
        return Some(mesh.access_log_file.clone()).filter(|file| !file.is_empty());
    };
    let providers = mesh.extension_providers.iter().filter(|one| named.contains(&one.name));
    let file = providers.filter_map(|provider| provider.envoy_file_access_log.as_ref()).next()?;
    let path = Some(file.path.clone()).filter(|path| !path.is_empty());
    Some(path.unwrap_or_else(|| "/dev/stdout".to_owned()))
}

fn authorizers(mesh: &MeshConfig) -> Vec<ExtensionProvider> {
    let asks = |provider: &&ExtensionProvider| {
        provider.envoy_ext_authz_http.is_some() || provider.envoy_ext_authz_grpc.is_some()
    };
    mesh.extension_providers.iter().filter(asks).cloned().collect()
}

fn unknown(mesh: &MeshConfig) -> ctl_snapshot::UnknownDestinations {
    match mesh.outbound_traffic_policy.as_ref().map(|policy| policy.mode) {
        Some(OutboundMode::RegistryOnly) => ctl_snapshot::UnknownDestinations::Refused,
        Some(OutboundMode::AllowAnyDynamicDns) => ctl_snapshot::UnknownDestinations::Called,
        Some(OutboundMode::AllowAny) | None => ctl_snapshot::UnknownDestinations::Allowed,
    }
}

fn paths(mesh: &MeshConfig) -> ctl_snapshot::PathNormalization {
    use ctl_snapshot::PathNormalization as Paths;
    match mesh.path_normalization.as_ref().map(|paths| paths.normalization) {
        None | Some(Normalization::Default | Normalization::Base) => Paths::Base,
        Some(Normalization::None) => Paths::None,
        Some(Normalization::MergeSlashes) => Paths::MergeSlashes,
        Some(Normalization::DecodeAndMergeSlashes) => Paths::DecodeAndMergeSlashes,
    }
}

/// What injection reads; `base` has what this control plane knows of itself.
pub(crate) fn for_injection(
    mesh: &MeshConfig,
    base: &ctl_admission::MeshSettings,
) -> ctl_admission::MeshSettings {
    let proxy = mesh.default_config.clone().unwrap_or_default();
    let mesh_id = Some(proxy.mesh_id.clone()).filter(|id| !id.is_empty());
    ctl_admission::MeshSettings {
        trust_domain: mesh.trust_domain.clone(),
        mesh_id: mesh_id.unwrap_or_else(|| mesh.trust_domain.clone()),
        access_log_file: mesh.access_log_file.clone(),
        proxy: set_by_operator(&proxy),
        prometheus_merge: mesh.enable_prometheus_merge.unwrap_or(true),
        ..base.clone()
    }
}

/// The fields that are not at their default. Where the control plane is, proxies are told by the control plane itself.
fn set_by_operator(proxy: &ProxyConfig) -> Map<String, Value> {
    let json = |proxy: &ProxyConfig| match serde_json::to_value(proxy) {
        Ok(Value::Object(fields)) => fields,
        Ok(_) | Err(_) => Map::new(),
    };
    let usual = json(&defaults().default_config.unwrap_or_default());
    let mut set = json(proxy);
    set.retain(|name, value| name != "discoveryAddress" && usual.get(name) != Some(value));
    set
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn mesh(config: &Value) -> MeshConfig {
        let (mesh, problems) = validate_mesh_config(config);
        assert!(!problems.iter().any(Problem::is_error), "{problems:?}");
        mesh
    }

    #[test]
    fn a_mesh_whose_operator_says_nothing_has_the_defaults_of_translation() {
        let mut usual = ctl_snapshot::MeshSettings::default();
        let everybody = || vec!["*".to_owned()];
        usual.exports.services = everybody();
        usual.exports.virtual_services = everybody();
        usual.exports.destination_rules = everybody();
        assert_eq!(for_translation(&defaults()), usual);
        let base = ctl_admission::MeshSettings::default();
        let injection = for_injection(&defaults(), &base);
        assert_eq!((injection.proxy.len(), injection.trust_domain), (0, base.trust_domain));
    }

    #[test]
    fn what_an_operator_says_reaches_translation() {
        let found = for_translation(&mesh(&json!({
            "accessLogFile": "/dev/stdout", "trustDomain": "mesh.example", "rootNamespace": "root",
            "outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"}, "enableAutoMtls": false,
            "pathNormalization": {"normalization": "MERGE_SLASHES"}, "connectTimeout": "3s",
            "protocolDetectionTimeout": "100ms", "h2UpgradePolicy": "UPGRADE",
            "defaultServiceExportTo": ["."], "defaultHttpRetryPolicy": {"attempts": 5},
            "defaultTrafficPolicy": {"connectionPool": {"tcp": {"maxConnections": 7}}},
        })));
        assert_eq!(found.access_log.as_deref(), Some("/dev/stdout"));
        assert_eq!(
            (found.trust_domain.as_str(), found.root_namespace.as_str()),
            ("mesh.example", "root")
        );
        assert_eq!(found.unknown, ctl_snapshot::UnknownDestinations::Refused);
        assert_eq!(found.paths, ctl_snapshot::PathNormalization::MergeSlashes);
        assert_eq!(found.connect_timeout, std::time::Duration::from_secs(3));
        assert_eq!(found.detection_timeout, std::time::Duration::from_millis(100));
        assert!(!found.auto_mtls && found.h2_upgrade);
        assert_eq!(found.exports.services, ["."]);
        assert_eq!(found.retries.unwrap().attempts, 5);
        assert_eq!(found.connection_pool.unwrap().tcp.unwrap().max_connections, 7);
    }

    #[test]
    fn a_default_provider_of_access_logs_goes_before_the_older_setting() {
        let log = |config: Value| for_translation(&mesh(&config)).access_log;
        let provider = |name: &str| json!({"accessLogFile": "/old", "defaultProviders": {"accessLogging": [name]}});
        assert_eq!(log(provider("envoy")).as_deref(), Some("/dev/stdout"));
        assert_eq!(log(provider("prometheus")), None);
        let mut own = provider("mine");
        own["extensionProviders"] =
            json!([{"name": "mine", "envoyFileAccessLog": {"path": "/mine"}}]);
        assert_eq!(log(own).as_deref(), Some("/mine"));
        assert_eq!(log(json!({"accessLogFile": "/old"})).as_deref(), Some("/old"));
    }

    #[test]
    fn who_can_be_asked_reaches_translation() {
        let found = for_translation(&mesh(&json!({"extensionProviders": [
            {"name": "a", "envoyExtAuthzHttp": {"service": "a.b.svc", "port": 80}},
            {"name": "b", "zipkin": {"service": "a.b.svc", "port": 80}},
            {"name": "c", "envoyExtAuthzGrpc": {"service": "a.b.svc", "port": 80, "failOpen": true}},
        ]})));
        let names: Vec<&str> = found.authorizers.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["a", "c"]);
    }

    #[test]
    fn an_object_without_a_mode_means_known_destinations_only() {
        let found = for_translation(&mesh(&json!({"outboundTrafficPolicy": {}})));
        assert_eq!(found.unknown, ctl_snapshot::UnknownDestinations::Refused);
    }

    #[test]
    fn what_an_operator_says_reaches_proxies() {
        let found = for_injection(
            &mesh(
                &json!({"trustDomain": "mesh.example", "enablePrometheusMerge": false, "defaultConfig": {
                    "concurrency": 0, "terminationDrainDuration": "20s", "drainDuration": "45s",
                    "discoveryAddress": "elsewhere:15012", "proxyMetadata": {"A": "1"},
                }}),
            ),
            &ctl_admission::MeshSettings::default(),
        );
        let proxy = json!({
            "concurrency": 0, "terminationDrainDuration": "20s", "proxyMetadata": {"A": "1"},
        });
        assert_eq!(Value::Object(found.proxy), proxy);
        assert_eq!((found.mesh_id.as_str(), found.prometheus_merge), ("mesh.example", false));
    }
}
