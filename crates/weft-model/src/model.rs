//! The mesh after validation.
//!
//! Holds: every object in it is free of errors; configuration stands oldest first, which is the order of precedence.

use std::cmp::Ordering;
use std::sync::Arc;

use weft_api::authorization_policy::AuthorizationPolicy;
use weft_api::core::{EndpointSlice, Pod, Service};
use weft_api::destination_rule::DestinationRule;
use weft_api::envoy_filter::EnvoyFilter;
use weft_api::gateway::Gateway;
use weft_api::meta::Metadata;
use weft_api::peer_authentication::PeerAuthentication;
use weft_api::request_authentication::RequestAuthentication;
use weft_api::secret::Credential;
use weft_api::service_entry::ServiceEntry;
use weft_api::sidecar::Sidecar;
use weft_api::virtual_service::VirtualService;
use weft_api::workload::WorkloadEntry;

/// An object of one kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Object<T> {
    /// Name, labels, age.
    pub meta: Metadata,
    /// What it says.
    pub spec: T,
}

impl<T> Object<T> {
    /// Older first, then by name, then by namespace. One without a time, which only files have, is the oldest, as in Istio.
    #[must_use]
    pub fn precedence(&self, other: &Self) -> Ordering {
        fn age(meta: &Metadata) -> (&str, &str, &str) {
            (&meta.created, &meta.name, &meta.namespace)
        }
        age(&self.meta).cmp(&age(&other.meta))
    }
}

/// Objects of one kind.
pub type Objects<T> = Vec<Arc<Object<T>>>;

/// Every object of the mesh that passed validation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MeshModel {
    /// Services.
    pub services: Objects<Service>,
    /// EndpointSlices.
    pub slices: Objects<EndpointSlice>,
    /// Pods.
    pub pods: Objects<Pod>,
    /// Namespaces; what counts are their labels.
    pub namespaces: Objects<()>,
    /// Nodes; what counts are their labels, which say where they are.
    pub nodes: Objects<()>,
    /// ServiceAccounts.
    pub accounts: Objects<()>,
    /// VirtualServices.
    pub virtual_services: Objects<VirtualService>,
    /// DestinationRules.
    pub destination_rules: Objects<DestinationRule>,
    /// Gateways.
    pub gateways: Objects<Gateway>,
    /// PeerAuthentications.
    pub peer_authentications: Objects<PeerAuthentication>,
    /// AuthorizationPolicies.
    pub authorization_policies: Objects<AuthorizationPolicy>,
    /// RequestAuthentications.
    pub request_authentications: Objects<RequestAuthentication>,
    /// ServiceEntries.
    pub service_entries: Objects<ServiceEntry>,
    /// WorkloadEntries.
    pub workload_entries: Objects<WorkloadEntry>,
    /// Sidecars.
    pub sidecars: Objects<Sidecar>,
    /// EnvoyFilters of which something acts.
    pub envoy_filters: Objects<EnvoyFilter>,
    /// Secrets that hold certificates or authorities.
    pub secrets: Objects<Credential>,
    /// ConfigMaps that hold authorities.
    pub config_maps: Objects<Credential>,
}
