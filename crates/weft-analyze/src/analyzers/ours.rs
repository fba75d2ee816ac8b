//! What Istio's analyzers do not see. Each file has one of our codes, or two that need the same look.

mod certificates;
mod client_tls;
mod failover;
mod gateway_credentials;
mod http_on_tcp;
mod http_routes_on_tcp;
mod no_workload;
mod plaintext_callers;
mod port_protocol;
mod principals;
mod redundant_rules;
mod retry_budget;
mod same_gateway_host;
mod shadowed_routes;
mod subset_endpoints;
mod token_not_required;
mod unbound;
mod waypoint_missing;

pub(super) use certificates::ANALYZER as CERTIFICATES;
pub(super) use client_tls::ANALYZER as CLIENT_TLS;
pub(super) use failover::ANALYZER as FAILOVER;
pub(super) use gateway_credentials::ANALYZER as GATEWAY_CREDENTIALS;
pub(super) use http_on_tcp::ANALYZER as HTTP_ON_TCP;
pub(super) use http_routes_on_tcp::ANALYZER as HTTP_ROUTES_ON_TCP;
pub(super) use no_workload::ANALYZER as NO_WORKLOAD;
pub(super) use plaintext_callers::ANALYZER as PLAINTEXT_CALLERS;
pub(super) use port_protocol::ANALYZER as PORT_PROTOCOL;
pub(super) use principals::ANALYZER as PRINCIPALS;
pub(super) use redundant_rules::ANALYZER as REDUNDANT_RULES;
pub(super) use retry_budget::ANALYZER as RETRY_BUDGET;
pub(super) use same_gateway_host::ANALYZER as SAME_GATEWAY_HOST;
pub(super) use shadowed_routes::ANALYZER as SHADOWED_ROUTES;
pub(super) use subset_endpoints::ANALYZER as SUBSET_ENDPOINTS;
pub(super) use token_not_required::ANALYZER as TOKEN_NOT_REQUIRED;
pub(super) use unbound::ANALYZER as UNBOUND;
pub(super) use waypoint_missing::ANALYZER as WAYPOINT_MISSING;
