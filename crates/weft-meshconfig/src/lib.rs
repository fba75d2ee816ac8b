//! The mesh's own settings: `MeshConfig` with its `ProxyConfig`, `MeshNetworks`, and the `IstioOperator` that holds them.
//!
//! In: JSON, as users of Istio have it. Out: typed settings with every default filled in, and [`Problem`]s.
//! Holds: what Istio refuses is an error here; a field that Weft does not act on yet is a warning, see [`effects`].
//! Never: I/O, clocks, environment.
//! Why apart from `weft-model`: these are no objects of the mesh; they say how all of those are read.

mod defaults;
mod document;
mod effects;
mod locality;
mod mesh;
mod networks;
mod normal;
mod operator;
mod provider;
mod proxy;
mod proxy_connection;
mod reference;
mod report;
pub mod scalar;
mod shared_rules;
mod tls;

pub use document::{
    EXTRA_ROOTS, NAME, NAMESPACE, config_map_of, is_istio_operator, is_mesh_config_map, judge,
    operator_of_mesh_config, validate_config_map,
};
pub use effects::{Effect, EffectState, effects};
pub use mesh::validate_mesh_config;
pub use networks::validate_mesh_networks;
pub use operator::egress::egress_gateways_of;
pub use operator::validate_istio_operator;
pub use proxy::validate_proxy_config;
pub use reference::reference;
pub use weft_model::Problem;
