//! The settings of a mesh whose operator says nothing, and how what an operator says goes over them.
//!
//! In: what an operator wrote, in the usual spelling. Out: the settings that count, in the same form.
//! Holds: a field that is written replaces the default as a whole; fields of `defaultConfig` and `defaultProviders`, entries
//! of `proxyMetadata`, and extension providers by name are replaced one by one.

use serde_json::{Map, Value, json};

/// Settings of a proxy that nobody configured.
fn proxy() -> Value {
    json!({
        "configPath": "./etc/istio/proxy",
        "binaryPath": "/usr/local/bin/envoy",
        "serviceCluster": "istio-proxy",
        "drainDuration": "45s",
        "terminationDrainDuration": "5s",
        "proxyAdminPort": 15000,
        "controlPlaneAuthPolicy": "MUTUAL_TLS",
        "discoveryAddress": "istiod.istio-system.svc:15012",
        "tracing": {"zipkin": {"address": "zipkin.istio-system:9411"}},
        "statNameLength": 189,
        "statusPort": 15020,
    })
}

/// Settings of a mesh that nobody configured.
pub(crate) fn mesh() -> Map<String, Value> {
    let defaults = json!({
        "enableTracing": true,
        "protocolDetectionTimeout": "0s",
        "ingressService": "istio-ingressgateway",
        "ingressControllerMode": "STRICT",
        "ingressClass": "istio",
        "trustDomain": "cluster.local",
        "enableAutoMtls": true,
        "enablePrometheusMerge": true,
        "outboundTrafficPolicy": {"mode": "ALLOW_ANY"},
        "inboundTrafficPolicy": {},
        "localityLbSetting": {"enabled": true},
        "defaultConfig": proxy(),
        "rootNamespace": "istio-system",
        "proxyListenPort": 15001,
        "proxyInboundListenPort": 15006,
        "connectTimeout": "10s",
        "defaultServiceExportTo": ["*"],
        "defaultVirtualServiceExportTo": ["*"],
        "defaultDestinationRuleExportTo": ["*"],
        "dnsRefreshRate": "60s",
        "defaultProviders": {},
        "extensionProviders": [
            {"name": "prometheus", "prometheus": {}},
            {"name": "stackdriver", "stackdriver": {}},
            {"name": "envoy", "envoyFileAccessLog": {"path": "/dev/stdout"}},
        ],
    });
    match defaults {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// What counts when an operator wrote this.
pub(crate) fn under(written: &Value) -> Value {
    let mut effective = mesh();
    let nothing = Map::new();
    for (name, value) in written.as_object().unwrap_or(&nothing) {
        let before = effective.remove(name).unwrap_or(Value::Null);
        let merged = match name.as_str() {
            "defaultConfig" => proxy_over(before, value),
            "defaultProviders" => over(before, value),
            "extensionProviders" => providers_over(before, value),
            "trustDomainAliases" => sorted(value),
            _ => value.clone(),
        };
        effective.insert(name.clone(), merged);
    }
    Value::Object(effective)
}

fn over(before: Value, after: &Value) -> Value {
    match (before, after) {
        (Value::Object(mut fields), Value::Object(after)) => {
            fields.extend(after.clone());
            Value::Object(fields)
        }
        (_, after) => after.clone(),
    }
}

fn proxy_over(mut before: Value, after: &Value) -> Value {
    let metadata = over(before["proxyMetadata"].take(), &after["proxyMetadata"]);
    if let (Value::Object(fields), Some(_)) = (&mut before, after.get("tracingServiceName")) {
        fields.remove("serviceCluster");
    }
    let mut merged = over(before, after);
    merged["proxyMetadata"] = metadata;
    merged
}

fn providers_over(before: Value, after: &Value) -> Value {
    let (Value::Array(mut providers), Value::Array(after)) = (before, after) else {
        return after.clone();
    };
    for provider in after {
        match providers.iter_mut().find(|known| known["name"] == provider["name"]) {
            Some(known) => known.clone_from(provider),
            None => providers.push(provider.clone()),
        }
    }
    Value::Array(providers)
}

fn sorted(names: &Value) -> Value {
    let mut names = names.as_array().cloned().unwrap_or_default();
    names.sort_by(|one, other| one.as_str().cmp(&other.as_str()));
    names.dedup();
    Value::Array(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_goes_over_the_defaults_field_by_field() {
        let written = json!({
            "defaultConfig": {"concurrency": 1, "proxyMetadata": {"A": "1"}, "tracingServiceName": "CANONICAL_NAME_ONLY"},
            "localityLbSetting": {"failoverPriority": ["zone"]},
            "extensionProviders": [{"name": "envoy", "prometheus": {}}, {"name": "mine"}],
            "trustDomainAliases": ["b", "a", "b"],
        });
        let found = under(&written);
        assert_eq!(found["defaultConfig"]["concurrency"], 1);
        assert_eq!(found["defaultConfig"]["drainDuration"], "45s");
        assert_eq!(found["defaultConfig"].get("serviceCluster"), None);
        assert_eq!(found["defaultConfig"]["proxyMetadata"], json!({"A": "1"}));
        assert_eq!(found["localityLbSetting"], json!({"failoverPriority": ["zone"]}));
        let names: Vec<_> = found["extensionProviders"].as_array().unwrap().iter().collect();
        assert_eq!(names.len(), 4);
        assert_eq!(names[2], &json!({"name": "envoy", "prometheus": {}}));
        assert_eq!(found["trustDomainAliases"], json!(["a", "b"]));
        assert_eq!(found["connectTimeout"], "10s");
    }
}
