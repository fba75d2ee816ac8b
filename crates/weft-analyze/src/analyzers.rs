//! Every analyzer, one file each.
//!
//! Holds: the names are those by which `istioctl analyze` knows them; ours begin with `weft.`.

mod alpha_annotations;
mod annotation_table;
mod annotation_value;
mod annotations;
mod application_uid;
mod authorization_policies;
mod blocked_cidrs;
mod ca_certificate;
mod certificate_duplicate;
mod conditions;
mod conflicting_gateways;
mod crd_version;
mod deprecation;
mod envoy_patch;
mod external_control_plane;
mod gateway_ports;
mod gateway_secrets;
mod gateway_selector;
mod image_auto;
mod image_mismatch;
mod injection;
mod jwt_claim_route;
mod label_selector;
mod match_overlap;
mod mesh_gateway_hosts;
mod mesh_networks;
mod multi_cluster_service;
mod multi_service;
mod ours;
mod port_name;
mod schema;
mod service_entry_addresses;
mod service_entry_protocols;
mod sidecar_selector;
mod subset_pods;
mod telemetry;
mod telemetry_selector;
mod unreachable_rules;
mod virtual_service_destinations;
mod virtual_service_gateways;
mod virtual_service_subsets;
mod webhook;

use crate::code::Code;
use crate::mesh::Mesh;
use crate::report::Report;

/// One kind of look at the mesh.
#[derive(Debug, Clone, Copy)]
pub struct Analyzer {
    /// What users name it by.
    pub name: &'static str,
    /// What it looks for, in one sentence.
    pub about: &'static str,
    /// What it may find.
    pub codes: &'static [Code],
    /// Whether it runs when none is named.
    pub is_default: bool,
    look: Look,
}

#[derive(Debug, Clone, Copy)]
enum Look {
    /// At one cluster at a time.
    Each(fn(&Mesh<'_>, &mut Report)),
    /// At all clusters together.
    Together(fn(&[(&str, &Mesh<'_>)], &mut Report)),
}

impl Analyzer {
    const fn new(
        name: &'static str,
        about: &'static str,
        codes: &'static [Code],
        look: fn(&Mesh<'_>, &mut Report),
    ) -> Self {
        Self { name, about, codes, is_default: true, look: Look::Each(look) }
    }

    pub(crate) fn run(&self, clusters: &[&str], meshes: &[Mesh<'_>], report: &mut Report) {
        match self.look {
            Look::Each(look) => meshes.iter().for_each(|mesh| look(mesh, report)),
            Look::Together(look) => {
                let named: Vec<_> = clusters.iter().copied().zip(meshes).collect();
                look(&named, report);
            }
        }
    }
}

/// All analyzers.
pub static ALL: &[Analyzer] = &[
    annotations::ANALYZER,
    alpha_annotations::ANALYZER,
    application_uid::ANALYZER,
    authorization_policies::ANALYZER,
    blocked_cidrs::ANALYZER,
    conditions::ANALYZER,
    multi_service::ANALYZER,
    ca_certificate::ANALYZER,
    subset_pods::ANALYZER,
    deprecation::ANALYZER,
    envoy_patch::ANALYZER,
    external_control_plane::ANALYZER,
    gateway_ports::ANALYZER,
    certificate_duplicate::ANALYZER,
    gateway_secrets::ANALYZER,
    conflicting_gateways::ANALYZER,
    injection::ANALYZER,
    image_mismatch::ANALYZER,
    image_auto::ANALYZER,
    gateway_selector::ANALYZER,
    crd_version::ANALYZER,
    mesh_networks::ANALYZER,
    multi_cluster_service::ANALYZER,
    port_name::ANALYZER,
    sidecar_selector::ANALYZER,
    mesh_gateway_hosts::ANALYZER,
    virtual_service_destinations::ANALYZER,
    virtual_service_subsets::ANALYZER,
    virtual_service_gateways::ANALYZER,
    jwt_claim_route::ANALYZER,
    service_entry_addresses::ANALYZER,
    service_entry_protocols::ANALYZER,
    webhook::ANALYZER,
    telemetry::PROVIDERS,
    telemetry::LIGHTSTEP,
    telemetry_selector::ANALYZER,
    telemetry_selector::DEFAULTS,
    schema::AUTHORIZATION_POLICY,
    schema::DESTINATION_RULE,
    schema::ENVOY_FILTER,
    schema::GATEWAY,
    schema::PEER_AUTHENTICATION,
    schema::PROXY_CONFIG,
    schema::REQUEST_AUTHENTICATION,
    schema::SERVICE_ENTRY,
    schema::SIDECAR,
    schema::TELEMETRY,
    schema::TRAFFIC_EXTENSION,
    schema::VIRTUAL_SERVICE,
    schema::WASM_PLUGIN,
    schema::WORKLOAD_ENTRY,
    schema::WORKLOAD_GROUP,
    ours::UNBOUND,
    ours::SHADOWED_ROUTES,
    ours::REDUNDANT_RULES,
    ours::NEVER_MATCHES,
    ours::NO_WORKLOAD,
    ours::HTTP_ON_TCP,
    ours::PRINCIPALS,
    ours::SAME_GATEWAY_HOST,
    ours::SUBSET_ENDPOINTS,
    ours::WAYPOINT_MISSING,
    ours::PEER_AUTHENTICATIONS,
    ours::PLAINTEXT_CALLERS,
    ours::RETRY_BUDGET,
    ours::CERTIFICATES,
    ours::CERTIFICATE_HOSTS,
    ours::GATEWAY_PORT_CONFLICT,
    ours::GATEWAY_CREDENTIALS,
    ours::TOKEN_NOT_REQUIRED,
    ours::CLIENT_TLS,
    ours::FAILOVER,
    ours::PORT_PROTOCOL,
    ours::HTTP_ROUTES_ON_TCP,
    ours::ROUTE_REFERENCES,
];

/// An analyzer by its name.
#[must_use]
pub fn analyzer(name: &str) -> Option<&'static Analyzer> {
    ALL.iter().find(|analyzer| analyzer.name == name)
}

/// A name that no analyzer has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no analyzer is called `{0}`; `weft analyze --list-analyzers` tells all names")]
pub struct UnknownAnalyzer(pub String);

/// Analyzers by their names.
///
/// # Errors
/// The first name that no analyzer has.
pub fn analyzers_by_name<'n>(
    names: impl IntoIterator<Item = &'n str>,
) -> Result<Vec<&'static Analyzer>, UnknownAnalyzer> {
    names
        .into_iter()
        .map(|name| analyzer(name).ok_or_else(|| UnknownAnalyzer(name.into())))
        .collect()
}
