//! What the analyzers see of an object.
//!
//! In: JSON as the user wrote it. Out: fields, borrowed; a field that is absent or of another type reads as empty.
//! Holds: nothing here fails, so that one broken object never hides what is wrong with another.
//! Why not the types of weft-api: those refuse an object as a whole, and analysis must still see the rest of it.

mod destination_rule;
mod duration;
mod gateway;
mod json;
mod labels;
mod object;
mod policy;
mod port;
mod virtual_service;
mod workload;

pub(crate) use destination_rule::{TrafficPolicy, traffic_policies};
pub(crate) use duration::nanoseconds;
pub(crate) use gateway::{Server, servers};
pub(crate) use json::Json;
pub(crate) use labels::Labels;
pub(crate) use object::{Kind, Object, kind};
pub(crate) use policy::{Rule, rules, target_refs};
pub(crate) use port::{Port, service_entry_ports, service_ports};
pub(crate) use virtual_service::{Destination, destinations, is_bound_to_mesh, mirrors};
pub(crate) use workload::Workload;
