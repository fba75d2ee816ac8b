//! The protobuf words of the contract between control plane and proxy.
//!
//! In: nothing. Out: Envoy's types (re-exported), the discovery messages, Istio's certificate service, our
//! services of withdrawals, of trust and of unknown keys, type URLs, and Envoy's canonical JSON of any of them.
//! Holds: field numbers are those of the public protocols; what a stock Envoy sends or reads fits.
//! Never: mesh policy, sockets, state.
//! Why own discovery messages: Envoy's generated ones hold `Vec<u8>`, and ours share one `Bytes` between all proxies.

pub mod ads;
pub mod ca;
pub mod grpc;
pub mod json;
pub mod names;
pub mod trust;
pub mod type_url;
pub mod unknown_key;
pub mod withdrawal;

/// For whoever implements one of the services.
pub use async_trait::async_trait;
pub use envoy_types::pb::envoy;
pub use envoy_types::pb::google;
