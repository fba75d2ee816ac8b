//! What tests of several rooms share.
//!
//! In: the corpora of `fuzz/`, seeds of keys. Out: runs over them, signed tokens. Holds: nothing random. Never: a dependency of what is shipped.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

pub mod corpus;
pub mod issuer;
