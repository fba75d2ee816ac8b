//! Small protobuf values.
//!
//! Holds: maps are written in the order of their keys, so that the same content has the same bytes.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use prost::{Message, Name};
use weft_proto::envoy::config::core::v3 as core;
use weft_proto::google::protobuf::{self, Any, BoolValue, Struct, UInt32Value, Value, value::Kind};

/// Packs a message with its type.
pub(crate) fn any<M: Message + Name>(message: &M) -> Any {
    let type_url = format!("type.googleapis.com/{}", M::full_name());
    Any { type_url, value: message.encode_to_vec() }
}

pub(crate) fn seconds(seconds: i64) -> protobuf::Duration {
    protobuf::Duration { seconds, nanos: 0 }
}

pub(crate) fn duration(duration: Duration) -> protobuf::Duration {
    protobuf::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or(0),
    }
}

pub(crate) fn number(value: u32) -> Option<UInt32Value> {
    Some(UInt32Value { value })
}

pub(crate) fn truth(value: bool) -> Option<BoolValue> {
    Some(BoolValue { value })
}

pub(crate) fn socket(address: &str, port: u16) -> Option<core::Address> {
    let port = core::socket_address::PortSpecifier::PortValue(u32::from(port));
    let socket = core::SocketAddress {
        address: address.to_owned(),
        port_specifier: Some(port),
        ..core::SocketAddress::default()
    };
    Some(core::Address { address: Some(core::address::Address::SocketAddress(socket)) })
}

pub(crate) fn ip_socket(ip: IpAddr, port: u16) -> Option<core::Address> {
    socket(&ip.to_string(), port)
}

/// A range of addresses, or one address; `None` when the text is neither.
pub(crate) fn range(text: &str) -> Option<core::CidrRange> {
    let (address, length) = text.split_once('/').map_or((text, None), |(a, l)| (a, Some(l)));
    let ip: IpAddr = address.parse().ok()?;
    let most = if ip.is_ipv4() { 32 } else { 128 };
    let length = length.map_or(Some(most), |length| length.parse().ok())?;
    Some(core::CidrRange { address_prefix: ip.to_string(), prefix_len: number(length.min(most)) })
}

/// "Ask on the stream that you already have."
pub(crate) fn ads() -> core::ConfigSource {
    core::ConfigSource {
        config_source_specifier: Some(core::config_source::ConfigSourceSpecifier::Ads(
            core::AggregatedConfigSource {},
        )),
        initial_fetch_timeout: Some(seconds(0)),
        resource_api_version: core::ApiVersion::V3.into(),
        ..core::ConfigSource::default()
    }
}

/// A map that is walked in the order of its keys, hence encoded in that order.
///
/// The generated types use `HashMap`, whose order differs between equal maps. A map is made until its order is the wanted
/// one; the maps that we write have at most three entries, which takes six attempts on average.
pub(crate) fn ordered<V: Clone>(mut entries: Vec<(String, V)>) -> HashMap<String, V> {
    entries.sort_by(|(a, _), (b, _)| a.cmp(b));
    loop {
        let map: HashMap<String, V> = entries.iter().cloned().collect();
        if map.keys().is_sorted() {
            return map;
        }
    }
}

pub(crate) fn text(text: &str) -> Value {
    Value { kind: Some(Kind::StringValue(text.to_owned())) }
}

/// A text, or a list when there are more.
pub(crate) fn texts(texts: impl Iterator<Item = String>) -> Value {
    let mut values: Vec<Value> = texts.map(|text| self::text(&text)).collect();
    match values.len() {
        1 => values.remove(0),
        _ => Value { kind: Some(Kind::ListValue(protobuf::ListValue { values })) },
    }
}

pub(crate) fn fields(entries: &[(&str, &str)]) -> Struct {
    let entries = entries.iter().map(|(key, value)| ((*key).to_owned(), text(value)));
    Struct { fields: ordered(entries.collect()) }
}

/// Metadata that names the object that a resource was made from.
pub(crate) fn config(path: &str) -> core::Metadata {
    metadata("istio", fields(&[("config", path)]))
}

/// Metadata of one filter.
pub(crate) fn metadata(filter: &str, content: Struct) -> core::Metadata {
    core::Metadata {
        filter_metadata: HashMap::from([(filter.to_owned(), content)]),
        typed_filter_metadata: HashMap::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_alone_is_a_range_of_one() {
        let of =
            |text| range(text).map(|r| (r.address_prefix, r.prefix_len.map_or(0, |n| n.value)));
        assert_eq!(of("10.1.0.0/16"), Some(("10.1.0.0".to_owned(), 16)));
        assert_eq!(of("10.1.2.3"), Some(("10.1.2.3".to_owned(), 32)));
        assert_eq!(of("fd00::1"), Some(("fd00::1".to_owned(), 128)));
        assert_eq!(of("somewhere"), None);
    }

    #[test]
    fn equal_content_has_equal_bytes() {
        let one = || fields(&[("name", "a"), ("host", "b"), ("namespace", "c")]).encode_to_vec();
        let first = one();
        assert!((0..100).all(|_| one() == first));
    }
}
