//! Envoy's canonical JSON of its messages, for config dumps, and for what users write of them.
//!
//! In: a type URL and bytes. Out: JSON, with nested `Any` opened; or the other way round.
//! Holds: a message of a type that we do not know still shows, as base64 under its `@type`; it is not read.
//! Never: JSON towards a proxy; what that takes is protobuf.
//! Why lazily: the descriptors cost a proxy some megabytes, and most proxies are never asked for a dump.

use std::sync::LazyLock;

use prost::Message as _;
use prost_reflect::{DescriptorPool, DeserializeOptions, DynamicMessage, SerializeOptions};
use serde_json::{Value, json};

use crate::ads::Any;

static DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

static POOL: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(DESCRIPTORS).unwrap_or_else(|_| DescriptorPool::new()));

/// Writes one message; `@type` comes first.
#[must_use]
pub fn to_json(any: &Any) -> Value {
    match known(any) {
        Some(value) => value,
        None => json!({ "@type": any.type_url, "value": base64(&any.value) }),
    }
}

/// Reads one message of a name, as users write it. A field that we do not know is left out: a newer Envoy may have it.
///
/// # Errors
/// When the message is not known, or a value does not fit; says which.
pub fn from_json(name: &str, value: &Value) -> Result<Any, String> {
    let unknown = || format!("{name} is not known to this version of Weft");
    let descriptor = POOL.get_message_by_name(name).ok_or_else(unknown)?;
    let options = DeserializeOptions::new().deny_unknown_fields(false);
    let message = DynamicMessage::deserialize_with_options(descriptor, value, &options);
    let message = message.map_err(|error| error.to_string())?;
    let type_url = format!("type.googleapis.com/{name}");
    Ok(Any { type_url, value: message.encode_to_vec().into() })
}

fn known(any: &Any) -> Option<Value> {
    let name = any.type_url.rsplit('/').next()?;
    let descriptor = POOL.get_message_by_name(name)?;
    let message = DynamicMessage::decode(descriptor, any.value.clone()).ok()?;
    let options = SerializeOptions::new().use_proto_field_name(true);
    let value = message.serialize_with_options(serde_json::value::Serializer, &options).ok()?;
    let mut object = serde_json::Map::new();
    object.insert("@type".into(), Value::String(any.type_url.clone()));
    match value {
        Value::Object(fields) => object.extend(fields),
        other => drop(object.insert("value".into(), other)),
    }
    Some(Value::Object(object))
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let word = byte(0) << 16 | byte(1) << 8 | byte(2);
        for i in 0..4 {
            let six = (word >> (18 - 6 * i)) & 63;
            let letter = ALPHABET.get(six as usize).copied().unwrap_or(b'=');
            text.push(if i > chunk.len() { '=' } else { char::from(letter) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envoy::config::cluster::v3::Cluster;
    use crate::envoy::extensions::transport_sockets::tls::v3::UpstreamTlsContext;
    use crate::google::protobuf;
    use crate::type_url;

    #[test]
    fn a_nested_any_is_opened() {
        let tls = UpstreamTlsContext { sni: "a.b".into(), ..Default::default() };
        let socket = crate::envoy::config::core::v3::TransportSocket {
            name: "tls".into(),
            config_type: Some(
                crate::envoy::config::core::v3::transport_socket::ConfigType::TypedConfig(
                    protobuf::Any {
                        type_url: "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext".into(),
                        value: tls.encode_to_vec(),
                    },
                ),
            ),
        };
        let cluster = Cluster {
            name: "c".into(),
            connect_timeout: Some(protobuf::Duration { seconds: 10, nanos: 0 }),
            transport_socket: Some(socket),
            ..Default::default()
        };
        let any = Any { type_url: type_url::CLUSTER.into(), value: cluster.encode_to_vec().into() };
        let json = to_json(&any);
        assert_eq!(json["name"], "c");
        assert_eq!(json["connect_timeout"], "10s");
        assert_eq!(json["transport_socket"]["typed_config"]["sni"], "a.b");
    }

    #[test]
    fn an_unknown_type_shows_as_bytes() {
        let any = Any { type_url: "x/y.Z".into(), value: vec![1, 2, 3, 4].into() };
        assert_eq!(to_json(&any)["value"], "AQIDBA==");
    }

    #[test]
    fn what_a_user_writes_is_read_by_its_name() {
        let name = "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit";
        let written = json!({ "stat_prefix": "p", "new": 1,
            "token_bucket": { "max_tokens": 100, "fillInterval": "60s" } });
        let found = to_json(&from_json(name, &written).unwrap());
        assert_eq!(found["token_bucket"]["fill_interval"], "60s");
        assert_eq!(found["stat_prefix"], "p");
        assert!(from_json("x.Y", &written).unwrap_err().contains("x.Y"));
        assert!(from_json(name, &json!({ "stat_prefix": 1 })).is_err());
    }
}
