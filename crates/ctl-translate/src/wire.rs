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

/// Whether an address is in one of the ranges; no range at all means every address.
pub(crate) fn in_ranges(address: &str, ranges: &[String]) -> bool {
    let number = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => (u128::from(u32::from(ip)) << 96, true),
        IpAddr::V6(ip) => (u128::from(ip), false),
    };
    let within = |range: &String| {
        let (start, length) = range.split_once('/').unwrap_or((range, "128"));
        let (start, old) = number(start.parse().ok()?);
        let (own, own_old) = number(address.parse().ok()?);
        let length = length.parse::<u32>().ok()?.min(if old { 32 } else { 128 });
        let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
        Some(old == own_old && start & mask == own & mask)
    };
    ranges.is_empty() || ranges.iter().any(|range| within(range) == Some(true))
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
    fn addresses_are_found_in_ranges() {
        let within = |address, range: &str| in_ranges(address, &[range.to_owned()]);
        assert!(within("10.1.2.3", "10.1.0.0/16") && !within("10.2.2.3", "10.1.0.0/16"));
        assert!(within("10.1.2.3", "10.1.2.3") && !within("10.1.2.4", "10.1.2.3"));
        assert!(within("10.1.2.3", "0.0.0.0/0") && !within("10.1.2.3", "::/0"));
        assert!(within("fd00::1", "fd00::/8") && in_ranges("10.0.0.1", &[]));
    }

    #[test]
    fn equal_content_has_equal_bytes() {
        let one = || fields(&[("name", "a"), ("host", "b"), ("namespace", "c")]).encode_to_vec();
        let first = one();
        assert!((0..100).all(|_| one() == first));
    }
}
