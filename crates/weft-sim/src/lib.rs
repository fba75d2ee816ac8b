//! The whole mesh in one thread: control plane, proxies, faults and load, from one seed and in virtual time.
//!
//! In: a seed. Out: what became of every request.
//! Holds: what decides is the real thing: controllers, snapshot, translation, push order, discovery over gRPC, lowering,
//! and the engine with its pools, retries and drains. Models are the network, the store of objects, the node that runs
//! pods, and the applications.
//! Never: the machine's clock, sockets, processes or files.
//! Why tokio's paused time: every timer of every room is in it, and a minute of the mesh costs what its events cost.
//! What a seed fixes: events, faults, latencies, the picks of every proxy. Which of two tasks runs first at the very same
//! moment is tokio's choice.

mod app;
mod control;
mod kinds;
mod load;
mod mesh;
mod net;
mod node;
mod proxy;
mod store;
mod story;
mod told;

pub use load::Failure;
pub use story::{Story, tell, tell_all};
pub use told::Told;
