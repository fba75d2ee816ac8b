//! What is kept of resources for the dump.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::time::SystemTime;

use bytes::Bytes;
use prost::Message;
use proxy_discovery::Accepted;
use weft_proto::ads::{Any, DeltaDiscoveryResponse, Resource};
use weft_proto::envoy::config::core::v3::Node;
use weft_proto::envoy::config::endpoint::v3::ClusterLoadAssignment;
use weft_proto::type_url;
use weft_xds::DeltaClient;

#[test]
fn a_body_does_not_hold_the_buffer_that_it_came_in() {
    let cluster = ClusterLoadAssignment { cluster_name: "c".into(), ..Default::default() };
    let encoded = cluster.encode_to_vec();
    let length = encoded.len();
    let buffer = Bytes::from([encoded, vec![0; 1 << 20]].concat());
    let value = buffer.slice(..length);
    let any = Any { type_url: type_url::ENDPOINTS.into(), value };
    let (version, name) = ("1".into(), "c".into());
    let update = DeltaClient::new(Node::default()).receive(DeltaDiscoveryResponse {
        resources: vec![Resource { version, resource: Some(any), name }],
        type_url: type_url::ENDPOINTS.into(),
        ..Default::default()
    });
    let mut accepted = Accepted::default();
    assert!(accepted.take(&update, SystemTime::UNIX_EPOCH).is_empty());
    drop(update);
    assert!(buffer.is_unique());
    let (_, kept) = accepted.bodies(type_url::ENDPOINTS).next().unwrap();
    assert_eq!(kept.bytes.len(), length);
}
