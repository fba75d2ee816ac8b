//! Writes the proxy into a Pod.
//! In: a Pod that was decided to be injected. Out: container `istio-proxy`, volumes, labels, annotations; preStop hooks of applications.
//! Holds: the proxy starts first and ends last. A sidecar is a native one (an init container that goes on running), so that
//! the application never meets a network without its proxy and a Job ends when its own program ends; the annotation
//! `sidecar.istio.io/nativeSidecar: "false"` asks for an ordinary container, unless `holdApplicationUntilProxyStarts` is set.

use serde_json::{Map, Value, json};

use crate::decide::Template;
use crate::{Dataplane, MeshSettings, Refused, workload};

const PROXY: &str = "istio-proxy";
/// Annotation of pods whose applications are told to end at once.
const HOLD: &str = "weft.dev/hold-until-withdrawn";

/// Writes.
///
/// # Errors
/// When `proxy.istio.io/config` or `weft.dev/dataplane` cannot be read.
pub(crate) fn apply(
    pod: &mut Value,
    namespace: &str,
    template: Template,
    settings: &MeshSettings,
) -> Result<(), Refused> {
    let config = proxy_config(pod, settings)?;
    let dataplane = dataplane(pod, settings)?;
    let apps = container_names(pod);
    label(pod);
    let native = template == Template::Sidecar && wants_native(pod, &config);
    if template == Template::Sidecar {
        hold_applications(pod);
    }
    annotate(pod, &apps, (template, native), settings);
    let mut container = proxy_container(pod, namespace, (template, dataplane), &config, settings);
    remove_given(pod);
    if native {
        container["restartPolicy"] = json!("Always");
        container["startupProbe"] = startup_probe();
        put_first(pod, "initContainers", container);
    } else {
        put_first(pod, "containers", container);
    }
    add_volumes(pod);
    Ok(())
}

fn proxy_config(pod: &Value, settings: &MeshSettings) -> Result<Map<String, Value>, Refused> {
    let mut config = settings.proxy.clone();
    config.insert("discoveryAddress".to_owned(), json!(settings.discovery_address));
    if !settings.access_log_file.is_empty() {
        config.insert("accessLogFile".to_owned(), json!(settings.access_log_file));
    }
    let field = "metadata.annotations[proxy.istio.io/config]";
    if let Some(text) = pod["metadata"]["annotations"]["proxy.istio.io/config"].as_str() {
        let wish: Value = serde_yaml_ng::from_str(text).map_err(|why: serde_yaml_ng::Error| {
            Refused { field: field.to_owned(), why: format!("is not YAML: {why}") }
        })?;
        let Value::Object(wish) = wish else {
            let why = "must be a mapping such as `concurrency: 2`".to_owned();
            return Err(Refused { field: field.to_owned(), why });
        };
        over(&mut config, wish);
    }
    config.entry("terminationDrainDuration").or_insert_with(|| json!(drain(pod)));
    Ok(config)
}

/// Kubernetes' own, where the pod says nothing.
const USUAL_GRACE: u64 = 30;
/// What a proxy that has drained is left to end in; of a short grace the half.
const LAST_WORDS_MS: u64 = 5_000;

/// How long a proxy lets its connections end where nobody said: what the pod's grace period has room for.
fn drain(pod: &Value) -> String {
    let grace = grace_ms(pod);
    format!("{}ms", grace - LAST_WORDS_MS.min(grace / 2))
}

/// Longest time that an application is held for slow proxies.
const HELD_MS: u64 = 15_000;

/// Has Kubernetes ask the proxy before it tells an application to end: until no other proxy sends to the pod, for half
/// of the grace period at most. A container with a preStop hook of its own is left alone.
fn hold_applications(pod: &mut Value) {
    if pod["metadata"]["annotations"][HOLD] == "false" {
        return;
    }
    let within = (grace_ms(pod) / 2).min(HELD_MS);
    let hook = json!({"httpGet": {"path": format!("/withdrawn?within={within}ms"), "port": 15021, "scheme": "HTTP"}});
    let containers = pod["spec"]["containers"].as_array_mut();
    let applications = containers.into_iter().flatten().filter(|c| c["name"] != PROXY);
    for application in applications {
        if application["lifecycle"]["preStop"].is_null() {
            application["lifecycle"]["preStop"] = hook.clone();
        }
    }
}

fn grace_ms(pod: &Value) -> u64 {
    let seconds = pod["spec"]["terminationGracePeriodSeconds"].as_u64().unwrap_or(USUAL_GRACE);
    seconds.saturating_mul(1000)
}

/// A pod's wish goes over the mesh's, field by field; so do the entries of `proxyMetadata`.
fn over(config: &mut Map<String, Value>, mut wish: Map<String, Value>) {
    if let (Some(Value::Object(base)), Some(Value::Object(own))) =
        (config.get("proxyMetadata"), wish.get_mut("proxyMetadata"))
    {
        let mut merged = base.clone();
        merged.append(own);
        *own = merged;
    }
    config.extend(wish);
}

fn dataplane(pod: &Value, settings: &MeshSettings) -> Result<Dataplane, Refused> {
    match pod["metadata"]["annotations"]["weft.dev/dataplane"].as_str() {
        None => Ok(settings.dataplane),
        Some("weft") => Ok(Dataplane::Weft),
        Some("envoy") => Ok(Dataplane::Envoy),
        Some(other) => Err(Refused {
            field: "metadata.annotations[weft.dev/dataplane]".to_owned(),
            why: format!("{other:?} is not a data plane: use weft or envoy"),
        }),
    }
}

fn container_names(pod: &Value) -> Vec<String> {
    let containers = pod["spec"]["containers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let names = containers.iter().filter_map(|c| c["name"].as_str());
    names.filter(|name| *name != PROXY).map(str::to_owned).collect()
}

fn label(pod: &mut Value) {
    let labels = pod["metadata"]["labels"].clone();
    let (owner, ..) = workload(pod);
    let first =
        |keys: &[&str]| keys.iter().find_map(|key| labels[*key].as_str().map(str::to_owned));
    let canonical = "service.istio.io/canonical-name";
    let name = first(&[canonical, "app.kubernetes.io/name", "app"]).unwrap_or(owner);
    let canonical_revision = "service.istio.io/canonical-revision";
    let revision = first(&[canonical_revision, "app.kubernetes.io/version", "version"]);
    set_default(pod, "labels", canonical, &name);
    set_default(pod, "labels", canonical_revision, revision.as_deref().unwrap_or("latest"));
    set_default(pod, "labels", "security.istio.io/tlsMode", "istio");
}

fn annotate(
    pod: &mut Value,
    apps: &[String],
    (template, native): (Template, bool),
    settings: &MeshSettings,
) {
    let lists = if native {
        ([PROXY].as_slice(), [].as_slice())
    } else {
        ([].as_slice(), [PROXY].as_slice())
    };
    let status = json!({
        "initContainers": lists.0,
        "containers": lists.1,
        "volumes": ["istio-token", "istiod-ca-cert", "workload-socket"],
        "revision": "default",
    });
    let key = match template {
        Template::Sidecar => "sidecar.istio.io/status",
        Template::Gateway => "gateway.istio.io/status",
    };
    set_default(pod, "annotations", key, &status.to_string());
    if let Some(app) = apps.first() {
        set_default(pod, "annotations", "kubectl.kubernetes.io/default-container", app);
    }
    if settings.prometheus_merge {
        set_default(pod, "annotations", "prometheus.io/scrape", "true");
        set_default(pod, "annotations", "prometheus.io/port", "15020");
        set_default(pod, "annotations", "prometheus.io/path", "/stats/prometheus");
    }
}

fn set_default(pod: &mut Value, group: &str, key: &str, value: &str) {
    let map = &mut pod["metadata"][group];
    if map.is_null() {
        *map = json!({});
    }
    if map[key].is_null() {
        map[key] = json!(value);
    }
}

fn proxy_container(
    pod: &Value,
    namespace: &str,
    (template, dataplane): (Template, Dataplane),
    config: &Map<String, Value>,
    settings: &MeshSettings,
) -> Value {
    let role = match template {
        Template::Sidecar => "sidecar",
        Template::Gateway => "router",
    };
    let args = match dataplane {
        Dataplane::Weft => json!([role]),
        Dataplane::Envoy => json!(["agent", role]),
    };
    let mut ports =
        vec![json!({"name": "http-envoy-prom", "containerPort": 15090, "protocol": "TCP"})];
    let given = given_container(pod);
    ports.extend(given["ports"].as_array().cloned().unwrap_or_default());
    let mut env = environment(pod, namespace, dataplane, config, settings);
    env.extend(given["env"].as_array().cloned().unwrap_or_default());
    json!({
        "name": PROXY,
        "image": "weft/proxy",
        "args": args,
        "ports": ports,
        "env": env,
        "readinessProbe": {
            "httpGet": {"path": "/healthz/ready", "port": 15021, "scheme": "HTTP"},
            "initialDelaySeconds": 0, "periodSeconds": 1, "timeoutSeconds": 3,
            "successThreshold": 1, "failureThreshold": 30,
        },
        "volumeMounts": [
            {"name": "workload-socket", "mountPath": "/var/run/secrets/workload-spiffe-uds"},
            {"name": "istiod-ca-cert", "mountPath": "/var/run/secrets/istio", "readOnly": true},
            {"name": "istio-token", "mountPath": "/var/run/secrets/tokens", "readOnly": true},
        ],
    })
}

/// A gateway's pod may name the container with image `auto`; what it sets there is kept.
fn given_container(pod: &Value) -> Value {
    let containers = pod["spec"]["containers"].as_array().map(Vec::as_slice).unwrap_or_default();
    containers.iter().find(|c| c["name"] == PROXY).cloned().unwrap_or(Value::Null)
}

fn environment(
    pod: &Value,
    namespace: &str,
    dataplane: Dataplane,
    config: &Map<String, Value>,
    settings: &MeshSettings,
) -> Vec<Value> {
    let (name, kind, version) = workload(pod);
    let owner = format!(
        "kubernetes://apis/{version}/namespaces/{namespace}/{}s/{name}",
        kind.to_ascii_lowercase()
    );
    let labels = pod["metadata"]["labels"].to_string();
    let plane = match dataplane {
        Dataplane::Weft => "weft",
        Dataplane::Envoy => "envoy",
    };
    let field = |name: &str, path: &str| json!({"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}});
    let text = |name: &str, value: &str| json!({"name": name, "value": value});
    let mut env = vec![
        field("POD_NAME", "metadata.name"),
        field("POD_NAMESPACE", "metadata.namespace"),
        field("INSTANCE_IP", "status.podIP"),
        field("SERVICE_ACCOUNT", "spec.serviceAccountName"),
        text("TRUST_DOMAIN", &settings.trust_domain),
        text("CA_ADDR", &settings.discovery_address),
        text("PROXY_CONFIG", &Value::Object(config.clone()).to_string()),
        text("ISTIO_META_WORKLOAD_NAME", &name),
        text("ISTIO_META_OWNER", &owner),
        text("ISTIO_META_APP_CONTAINERS", &container_names(pod).join(",")),
        text("ISTIO_META_CLUSTER_ID", &settings.cluster_id),
        text("ISTIO_META_MESH_ID", config_text(config, "meshId").unwrap_or(&settings.mesh_id)),
        text("ISTIO_METAJSON_LABELS", &labels),
        text("ISTIO_META_DATAPLANE", plane),
    ];
    if let Some(Value::Object(extra)) = config.get("proxyMetadata") {
        env.extend(extra.iter().map(|(name, value)| text(name, &plain(value))));
    }
    env
}

fn config_text<'a>(config: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    config.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Only a native sidecar holds the application until the proxy is ready, so whoever wants that gets one.
fn wants_native(pod: &Value, config: &Map<String, Value>) -> bool {
    let holds = config.get("holdApplicationUntilProxyStarts") == Some(&Value::Bool(true));
    holds || pod["metadata"]["annotations"]["sidecar.istio.io/nativeSidecar"] != "false"
}

/// Ten minutes, as Istio allows.
fn startup_probe() -> Value {
    json!({
        "httpGet": {"path": "/healthz/ready", "port": 15021, "scheme": "HTTP"},
        "initialDelaySeconds": 0, "periodSeconds": 1, "timeoutSeconds": 3, "failureThreshold": 600,
    })
}

fn remove_given(pod: &mut Value) {
    if let Some(containers) = pod["spec"]["containers"].as_array_mut() {
        containers.retain(|c| c["name"] != PROXY);
    }
}

fn put_first(pod: &mut Value, list: &str, container: Value) {
    match &mut pod["spec"][list] {
        Value::Array(containers) => containers.insert(0, container),
        empty => *empty = json!([container]),
    }
}

fn add_volumes(pod: &mut Value) {
    let token = json!({"name": "istio-token", "projected": {"sources": [
        {"serviceAccountToken": {"audience": "istio-ca", "expirationSeconds": 43200, "path": "istio-token"}},
    ]}});
    let root = json!({"name": "istiod-ca-cert", "configMap": {"name": "istio-ca-root-cert"}});
    let socket = json!({"name": "workload-socket", "emptyDir": {}});
    let mut volumes = match pod["spec"]["volumes"].take() {
        Value::Array(volumes) => volumes,
        _ => Vec::new(),
    };
    volumes.extend([token, root, socket]);
    pod["spec"]["volumes"] = Value::Array(volumes);
}
