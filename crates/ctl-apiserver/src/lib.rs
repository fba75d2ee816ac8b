//! The Kubernetes REST protocol over the embedded store, for the real `kubectl`.
//!
//! In: HTTP requests, and calls of the process itself. Out: objects of the store, watches, tables; pods' logs and terminals
//! by way of the node.
//! Holds: [`Registry`] is the one walk to the store; REST adds only protocol and authentication.
//! Never: the meaning of mesh objects (that comes through [`Admission`]) or running anything.

pub mod admission;
mod conform;
mod core_schema;
mod defaults;
mod definition;
mod fault;
pub mod kind;
mod managed;
mod moment;
mod patch;
pub mod pki;
mod protobuf;
mod registry;
mod scale;
mod select;
mod serve;
mod strict;
mod table;
pub mod tokens;
mod twice;
mod user;
mod webhook;

pub use admission::{
    Admission, AdmissionContext, AdmitAll, Denied, FieldValidation, Operation, Warning,
};
pub use definition::{defined, table_definitions};
pub use fault::Fault;
pub use kind::Kind;
pub use pki::{Credential, Pki, PkiError};
pub use registry::{DeleteOptions, Kinds, Part, Propagation, Registry, WriteOptions, Written};
pub use serve::{Extra, Server};
pub use strict::{SchemaFault, metadata_faults, schema_faults};
