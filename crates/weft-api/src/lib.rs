//! What a user writes: the kinds of Istio and Kubernetes that Weft reads, as types.
//!
//! In: JSON of an object, or text of a YAML file. Out: typed objects, and an [`Issue`] for each thing that cannot be read.
//! Holds: a field that these types do not know is an issue, never dropped; every issue names its field.
//! Never: rules that span fields or objects; those are `weft-model`'s.
//! Why not a derive: it would stop at the first fault and could not say where that is.

pub mod argo;
pub mod authorization_policy;
pub mod core;
pub mod crd;
pub mod describe;
pub mod destination_rule;
pub mod envoy_filter;
pub mod extension;
pub mod flagger;
mod form;
pub mod gateway;
pub mod gateway_api;
pub mod ingress;
pub mod install;
mod int_or_string;
mod leaf;
pub mod mesh_config;
pub mod meta;
pub mod peer_authentication;
pub mod proxy_config;
mod read;
pub mod reference;
pub mod request_authentication;
mod rules;
pub mod secret;
pub mod selector;
pub mod service_entry;
pub mod sidecar;
pub mod telemetry;
pub mod traffic_policy;
pub mod virtual_service;
pub mod workload;
pub mod yaml;

pub use crd::crds;
pub use describe::Describe;
pub use int_or_string::IntOrString;
pub use leaf::{Any, Span};
pub use read::{Issue, Read, Reader, similar};
