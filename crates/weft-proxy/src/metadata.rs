//! Node and peer metadata: JSON to protobuf and back.
//!
//! In: settings. Out: the node for discovery, the text that peers are told, and a reader of what peers tell.
//! Holds: field names are Istio's, so that proxies of either kind understand each other.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use prost::Message as _;
use serde_json::{Map, Value, json};
use weft_proto::envoy::config::core::v3::Node;
use weft_proto::envoy::config::core::v3::node::UserAgentVersionType;
use weft_proto::google::protobuf::value::Kind;
use weft_proto::google::protobuf::{ListValue, Struct, Value as ProtoValue};
use weft_telemetry::Workload;
use weft_telemetry::workload::UNKNOWN;

use crate::settings::Settings;

const CANONICAL_NAME: &str = "service.istio.io/canonical-name";
const CANONICAL_REVISION: &str = "service.istio.io/canonical-revision";

/// The node that discovery sees.
pub(crate) fn node(settings: &Settings) -> Node {
    let app = settings.label("app").or_else(|| settings.meta("WORKLOAD_NAME")).unwrap_or("proxy");
    Node {
        id: settings.node_id(),
        cluster: format!("{app}.{}", settings.namespace),
        metadata: Some(structure(&settings.metadata)),
        user_agent_name: "weft".into(),
        user_agent_version_type: Some(UserAgentVersionType::UserAgentVersion(
            env!("CARGO_PKG_VERSION").into(),
        )),
        ..Node::default()
    }
}

fn structure(map: &Map<String, Value>) -> Struct {
    Struct { fields: map.iter().map(|(name, value)| (name.clone(), proto(value))).collect() }
}

fn proto(value: &Value) -> ProtoValue {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(b) => Kind::BoolValue(*b),
        Value::Number(n) => Kind::NumberValue(n.as_f64().unwrap_or_default()),
        Value::String(s) => Kind::StringValue(s.clone()),
        Value::Array(list) => {
            Kind::ListValue(ListValue { values: list.iter().map(proto).collect() })
        }
        Value::Object(map) => Kind::StructValue(structure(map)),
    };
    ProtoValue { kind: Some(kind) }
}

/// Our own workload, for metrics.
pub(crate) fn own_workload(settings: &Settings) -> Workload {
    let name = settings.meta("WORKLOAD_NAME").unwrap_or(UNKNOWN);
    let label = |key: &str| settings.label(key);
    Workload {
        name: name.into(),
        namespace: settings.namespace.as_str().into(),
        canonical_service: label(CANONICAL_NAME).or_else(|| label("app")).unwrap_or(name).into(),
        canonical_revision: label(CANONICAL_REVISION)
            .or_else(|| label("version"))
            .unwrap_or("latest")
            .into(),
        app: label("app").unwrap_or(UNKNOWN).into(),
        version: label("version").unwrap_or(UNKNOWN).into(),
        cluster: settings.meta("CLUSTER_ID").unwrap_or(UNKNOWN).into(),
    }
}

/// What peers are told of us.
pub(crate) fn peer_metadata(settings: &Settings) -> String {
    let own = own_workload(settings);
    let mut labels = Map::new();
    for key in ["app", "version"] {
        if let Some(value) = settings.label(key) {
            labels.insert(key.into(), value.into());
        }
    }
    labels.insert(CANONICAL_NAME.into(), own.canonical_service.as_ref().into());
    labels.insert(CANONICAL_REVISION.into(), own.canonical_revision.as_ref().into());
    let text = json!({
        "NAME": settings.pod,
        "NAMESPACE": settings.namespace,
        "WORKLOAD_NAME": own.name.as_ref(),
        "CLUSTER_ID": own.cluster.as_ref(),
        "OWNER": settings.meta("OWNER").unwrap_or_default(),
        "LABELS": labels,
    });
    let Value::Object(map) = text else { return String::new() };
    STANDARD.encode(structure(&map).encode_to_vec())
}

/// Reads what a peer tells of itself.
pub(crate) fn read_peer(text: &[u8]) -> Option<Workload> {
    let trimmed = text.strip_suffix(b"==").or_else(|| text.strip_suffix(b"=")).unwrap_or(text);
    let bytes = STANDARD_NO_PAD.decode(trimmed).ok()?;
    let all = Struct::decode(bytes.as_slice()).ok()?;
    let labels = match all.fields.get("LABELS").and_then(|v| v.kind.as_ref()) {
        Some(Kind::StructValue(labels)) => labels.clone(),
        _ => Struct::default(),
    };
    let get = |from: &Struct, key: &str| match from.fields.get(key)?.kind.as_ref()? {
        Kind::StringValue(text) if !text.is_empty() => Some(Arc::<str>::from(text.as_str())),
        _ => None,
    };
    let or = |value: Option<Arc<str>>, default: &str| value.unwrap_or_else(|| default.into());
    let name = or(get(&all, "WORKLOAD_NAME"), UNKNOWN);
    Some(Workload {
        namespace: or(get(&all, "NAMESPACE"), UNKNOWN),
        canonical_service: get(&labels, CANONICAL_NAME).unwrap_or_else(|| Arc::clone(&name)),
        canonical_revision: or(get(&labels, CANONICAL_REVISION), "latest"),
        app: or(get(&labels, "app"), UNKNOWN),
        version: or(get(&labels, "version"), UNKNOWN),
        cluster: or(get(&all, "CLUSTER_ID"), UNKNOWN),
        name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Role;

    #[test]
    fn a_peer_reads_what_we_tell() {
        let labels = r#"{"app":"a","version":"v2","service.istio.io/canonical-name":"can"}"#;
        let env = [
            ("POD_NAMESPACE", "ns"),
            ("ISTIO_META_WORKLOAD_NAME", "w"),
            ("ISTIO_METAJSON_LABELS", labels),
        ];
        let env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let settings = Settings::read(Role::Sidecar, &env).unwrap();
        let told = peer_metadata(&settings);
        assert_eq!(read_peer(told.as_bytes()), Some(own_workload(&settings)));
        assert_eq!(read_peer(b"not base64!"), None);
    }
}
