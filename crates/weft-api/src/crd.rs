//! CustomResourceDefinitions of the kinds that users write, made of their types.
//!
//! In: nothing. Out: one definition per kind, as a Kubernetes API server takes it.
//! Holds: every served version has the same schema, so that conversion only changes `apiVersion`.

use serde_json::{Value, json};

use crate::Describe;
use crate::{authorization_policy, destination_rule, envoy_filter, extension, gateway};
use crate::{peer_authentication, proxy_config, request_authentication, service_entry, sidecar};
use crate::{telemetry, virtual_service, workload};

/// A kind that users write.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// API group.
    pub group: &'static str,
    /// Served versions, the one that is stored first.
    pub versions: &'static [&'static str],
    /// CamelCase name.
    pub kind: &'static str,
    /// Name in URLs.
    pub plural: &'static str,
    /// Short names for kubectl.
    pub short: &'static [&'static str],
    /// Columns of `kubectl get`: title, JSON path, description. The age comes last by itself.
    pub columns: &'static [(&'static str, &'static str, &'static str)],
    /// Schema of `spec`.
    pub spec: fn() -> Value,
}

const NETWORKING: &str = "networking.istio.io";
const SECURITY: &str = "security.istio.io";
const EXTENSIONS: &str = "extensions.istio.io";
const NETWORKING_VERSIONS: &[&str] = &["v1", "v1beta1", "v1alpha3"];
const SECURITY_VERSIONS: &[&str] = &["v1", "v1beta1"];

/// Every kind of Istio's API, by group and name.
pub const KINDS: &[Kind] = &[
    Kind {
        group: NETWORKING,
        versions: NETWORKING_VERSIONS,
        kind: "VirtualService",
        plural: "virtualservices",
        short: &["vs"],
        columns: &[
            ("Gateways", ".spec.gateways", "Where the routes hold."),
            ("Hosts", ".spec.hosts", "Hosts that the routes hold for."),
        ],
        spec: virtual_service::VirtualService::describe,
    },
    Kind {
        group: NETWORKING,
        versions: NETWORKING_VERSIONS,
        kind: "DestinationRule",
        plural: "destinationrules",
        short: &["dr"],
        columns: &[("Host", ".spec.host", "The service that is called.")],
        spec: destination_rule::DestinationRule::describe,
    },
    Kind {
        group: NETWORKING,
        versions: NETWORKING_VERSIONS,
        kind: "Gateway",
        plural: "gateways",
        short: &["gw"],
        columns: &[],
        spec: gateway::Gateway::describe,
    },
    Kind {
        group: NETWORKING,
        versions: NETWORKING_VERSIONS,
        kind: "ServiceEntry",
        plural: "serviceentries",
        short: &["se"],
        columns: &[
            ("Hosts", ".spec.hosts", "Names of the service."),
            ("Location", ".spec.location", "Inside or outside of the mesh."),
            ("Resolution", ".spec.resolution", "How addresses are found."),
        ],
        spec: service_entry::ServiceEntry::describe,
    },
    Kind {
        group: NETWORKING,
        versions: NETWORKING_VERSIONS,
        kind: "Sidecar",
        plural: "sidecars",
        short: &[],
        columns: &[],
        spec: sidecar::Sidecar::describe,
    },
    Kind {
        group: NETWORKING,
        versions: NETWORKING_VERSIONS,
        kind: "WorkloadEntry",
        plural: "workloadentries",
        short: &["we"],
        columns: &[("Address", ".spec.address", "Address of the endpoint.")],
        spec: workload::WorkloadEntry::describe,
    },
    Kind {
        group: NETWORKING,
        versions: NETWORKING_VERSIONS,
        kind: "WorkloadGroup",
        plural: "workloadgroups",
        short: &["wg"],
        columns: &[],
        spec: workload::WorkloadGroup::describe,
    },
    Kind {
        group: NETWORKING,
        versions: &["v1alpha3"],
        kind: "EnvoyFilter",
        plural: "envoyfilters",
        short: &[],
        columns: &[],
        spec: envoy_filter::EnvoyFilter::describe,
    },
    Kind {
        group: NETWORKING,
        versions: &["v1beta1"],
        kind: "ProxyConfig",
        plural: "proxyconfigs",
        short: &[],
        columns: &[],
        spec: proxy_config::ProxyConfig::describe,
    },
    Kind {
        group: SECURITY,
        versions: SECURITY_VERSIONS,
        kind: "PeerAuthentication",
        plural: "peerauthentications",
        short: &["pa"],
        columns: &[("Mode", ".spec.mtls.mode", "What workloads accept.")],
        spec: peer_authentication::PeerAuthentication::describe,
    },
    Kind {
        group: SECURITY,
        versions: SECURITY_VERSIONS,
        kind: "RequestAuthentication",
        plural: "requestauthentications",
        short: &["ra"],
        columns: &[],
        spec: request_authentication::RequestAuthentication::describe,
    },
    Kind {
        group: SECURITY,
        versions: SECURITY_VERSIONS,
        kind: "AuthorizationPolicy",
        plural: "authorizationpolicies",
        short: &["ap"],
        columns: &[("Action", ".spec.action", "What happens to requests that match.")],
        spec: authorization_policy::AuthorizationPolicy::describe,
    },
    Kind {
        group: "telemetry.istio.io",
        versions: &["v1", "v1alpha1"],
        kind: "Telemetry",
        plural: "telemetries",
        short: &["telemetry"],
        columns: &[],
        spec: telemetry::Telemetry::describe,
    },
    Kind {
        group: EXTENSIONS,
        versions: &["v1alpha1"],
        kind: "WasmPlugin",
        plural: "wasmplugins",
        short: &[],
        columns: &[],
        spec: extension::WasmPlugin::describe,
    },
    Kind {
        group: EXTENSIONS,
        versions: &["v1alpha1"],
        kind: "TrafficExtension",
        plural: "trafficextensions",
        short: &[],
        columns: &[],
        spec: extension::TrafficExtension::describe,
    },
];

/// The kind with this group and name.
#[must_use]
pub fn find(group: &str, kind: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|known| known.group == group && known.kind == kind)
}

/// Every definition.
#[must_use]
pub fn crds() -> Vec<Value> {
    KINDS.iter().map(Kind::crd).collect()
}

impl Kind {
    /// The definition of this kind.
    #[must_use]
    pub fn crd(&self) -> Value {
        let Self { group, versions, kind, plural, short, columns, spec } = *self;
        let schema = root(spec());
        let columns: Vec<Value> = columns
            .iter()
            .map(|(name, path, description)| {
                json!({"name": name, "type": "string", "jsonPath": path, "description": description})
            })
            .chain([json!({"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp",
                "description": "Time since the object was made."})])
            .collect();
        let version = |(index, name): (usize, &&str)| {
            json!({"name": name, "served": true, "storage": index == 0,
                "subresources": {"status": {}}, "additionalPrinterColumns": columns,
                "schema": {"openAPIV3Schema": schema}})
        };
        let versions: Vec<Value> = versions.iter().enumerate().map(version).collect();
        json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("{plural}.{group}"),
                "labels": {"app.kubernetes.io/part-of": "weft"}},
            "spec": {
                "group": group,
                "scope": "Namespaced",
                "names": {"kind": kind, "listKind": format!("{kind}List"), "plural": plural,
                    "singular": kind.to_lowercase(), "shortNames": short,
                    "categories": ["istio-io", group.replace('.', "-")]},
                "versions": versions,
            },
        })
    }
}

/// The schema of a whole object.
fn root(mut spec: Value) -> Value {
    let description = spec.get("description").cloned().unwrap_or(Value::Null);
    let hint = "What the object asks for.";
    spec["description"] = json!(match description.as_str() {
        Some(text) => text.to_owned(),
        None => hint.to_owned(),
    });
    json!({
        "type": "object",
        "description": description,
        "properties": {
            "apiVersion": {"type": "string", "description": "Group and version of the kind."},
            "kind": {"type": "string", "description": "Name of the kind."},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": status(),
        },
    })
}

fn status() -> Value {
    let text = |about: &str| json!({"type": "string", "description": about});
    json!({
        "type": "object",
        "description": "What became of the object; written by the mesh.",
        "x-kubernetes-preserve-unknown-fields": true,
        "properties": {
            "observedGeneration": {"type": "integer", "format": "int64",
                "description": "The generation of the object that the conditions are about."},
            "conditions": {
                "type": "array",
                "description": "Accepted, Programmed and Effective, each with its reason.",
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["type"],
                "items": {
                    "type": "object",
                    "required": ["type", "status"],
                    "x-kubernetes-preserve-unknown-fields": true,
                    "properties": {
                        "type": text("Name of the condition."),
                        "status": text("True, False or Unknown."),
                        "reason": text("Why, in one word."),
                        "message": text("Why, in a sentence, and what to do."),
                        "lastTransitionTime": {"type": "string", "format": "date-time",
                            "description": "When the status changed last."},
                        "observedGeneration": {"type": "integer", "format": "int64",
                            "description": "The generation of the object that the condition is about."},
                    },
                },
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls `visit` for each schema of a value's place.
    fn walk(schema: &Value, path: &str, visit: &mut impl FnMut(&Value, &str)) {
        visit(schema, path);
        for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
            walk(inner, &format!("{path}.{name}"), visit);
        }
        for name in ["items", "additionalProperties"] {
            if schema[name].is_object() {
                walk(&schema[name], &format!("{path}.{name}"), visit);
            }
        }
    }

    #[test]
    fn every_field_says_what_it_means() {
        let mut mute = Vec::new();
        for kind in KINDS {
            let spec = (kind.spec)();
            walk(&spec, kind.kind, &mut |schema, path| {
                let of_field =
                    !path.ends_with(".items") && !path.ends_with(".additionalProperties");
                if of_field && schema["description"].as_str().is_none_or(str::is_empty) {
                    mute.push(path.to_owned());
                }
            });
        }
        assert!(mute.is_empty(), "{mute:#?}");
    }

    #[test]
    fn definitions_name_their_plural_and_group() {
        for crd in crds() {
            let spec = &crd["spec"];
            let name = format!(
                "{}.{}",
                spec["names"]["plural"].as_str().unwrap(),
                spec["group"].as_str().unwrap()
            );
            assert_eq!(crd["metadata"]["name"], name);
            let stored =
                spec["versions"].as_array().unwrap().iter().filter(|v| v["storage"] == true);
            assert_eq!(stored.count(), 1);
        }
    }
}
