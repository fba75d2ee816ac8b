//! The mesh after validation.
//!
//! Holds: every object in it is free of errors; configuration stands oldest first, which is the order of precedence.

use std::cmp::Ordering;
use std::sync::Arc;

use weft_api::authorization_policy::AuthorizationPolicy;
use weft_api::core::{EndpointSlice, Pod, Service};
use weft_api::destination_rule::DestinationRule;
use weft_api::gateway::Gateway;
use weft_api::meta::Metadata;
use weft_api::peer_authentication::PeerAuthentication;
use weft_api::virtual_service::VirtualService;

/// An object of one kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Object<T> {
    /// Name, labels, age.
    pub meta: Metadata,
    /// What it says.
    pub spec: T,
}

impl<T> Object<T> {
    /// Older first, then by name and namespace.
    #[must_use]
    pub fn precedence(&self, other: &Self) -> Ordering {
        // An object that is not created yet has no time, and is the youngest.
        let age = |meta: &Metadata| (meta.created.is_empty(), meta.created.clone());
        let name = |meta: &Metadata| (meta.name.clone(), meta.namespace.clone());
        age(&self.meta)
            .cmp(&age(&other.meta))
            .then_with(|| name(&self.meta).cmp(&name(&other.meta)))
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
}
