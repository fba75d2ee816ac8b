//! One pod: from its object to its processes, and back to its status.
//!
//! In: the Pod object as it changes. Out: namespaces, processes, status.
//! Holds: one worker owns one pod from binding to the last deletion call.

pub(crate) mod board;
pub(crate) mod capture;
pub(crate) mod container;
pub(crate) mod context;
pub(crate) mod env;
pub(crate) mod fields;
pub(crate) mod files;
pub(crate) mod hook;
pub(crate) mod image;
pub(crate) mod probe;
pub(crate) mod report;
pub(crate) mod runners;
pub(crate) mod sandbox;
pub(crate) mod status;
pub(crate) mod volumes;
pub(crate) mod worker;
