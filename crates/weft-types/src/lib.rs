//! The smallest words of the mesh, each made only by parsing.
//!
//! In: text. Out: newtypes that cannot hold a wrong value.
//! Holds: whoever has the type need not check it again.
//! Never: I/O, async, clocks, mesh policy.
//! Why here and not where they are used: both sides of the mesh must read a name in the same way.

pub mod address;
pub mod domain;
pub mod duration;
pub mod re2;
mod similar;
mod spiffe;

pub use similar::similar;
pub use spiffe::{SpiffeError, SpiffeId, TrustDomain};
