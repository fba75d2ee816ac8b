//! A proxy's side of discovery: what it asks for, takes, refuses, and can serve.
//!
//! In: updates of the control plane. Out: configurations for the engine, and verdicts.
//! Holds: an update is acknowledged only after what came of it is in force; a refused resource keeps its last good version.
//! Never: sockets, the environment, the engine.
//! Why a room: the simulator's proxies follow the control plane by the same code as weft-proxy.

mod accepted;
mod alike;
mod bodies;
mod follow;

pub use accepted::{Accepted, is_file};
pub use bodies::Body;
pub use follow::{Follower, follow};
