//! What tests of several rooms share.
//!
//! In: the corpora of `fuzz/`. Out: runs over them. Holds: nothing random. Never: a dependency of what is shipped.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

pub mod corpus;
