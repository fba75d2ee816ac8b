//! The few mechanisms that every shell of Weft shares: time, chance, ending, supervision and back-off.
//!
//! In: nothing of the mesh. Out: [`Clock`], [`Rng`], [`Drain`], [`Tasks`], [`Backoff`].
//! Holds: time and randomness enter a program through here, so a test can own both.
//! Never: policy, configuration, protocols.
//! Why so small: each item replaces a call that clippy.toml bans, and nothing else.

pub mod backoff;
pub mod clock;
pub mod drain;
pub mod rng;
pub mod tasks;

pub use backoff::Backoff;
pub use clock::{Clock, Elapsed, FakeTime};
pub use drain::{Drain, DrainWatch};
pub use rng::Rng;
pub use tasks::{TaskEnd, Tasks};
