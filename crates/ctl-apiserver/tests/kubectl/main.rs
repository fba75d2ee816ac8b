//! The real kubectl against a server in this process.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that fails panics"
)]

mod apply;
mod clients;
mod definitions;
mod events;
mod explain;
mod harness;
mod life;
mod node;
mod objects;
mod writes;
