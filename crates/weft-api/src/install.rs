//! `IstioOperator` of `install.istio.io`: what an operator installs, with the mesh's settings in it.
//!
//! In: JSON of the document. Out: typed values, and an issue for each thing that cannot be read.
//! Holds: every field of the document and of the chart values is here, in the same words as [`crate::mesh_config`].

mod components;
mod operator;
pub mod values;

pub use components::{
    BaseComponent, Component, Components, GatewayComponent, KubernetesResources, Overlay, Patch,
};
pub use operator::{IstioOperator, OperatorSpec};
