//! JSON of the admin and debug ports.
//!
//! In: nothing. Out: one module per answer, used by whoever serves it and whoever reads it.
//! Holds: both ends share the type, so a field cannot mean two things.
//! Never: how the answer comes about.

pub mod ca;
pub mod issuers;
pub mod mtls;
pub mod sync;
