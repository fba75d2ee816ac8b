//! Small, level-triggered controllers: what `kube-controller-manager` does, for the kinds that a mesh on one machine needs.
//!
//! In: watches of a `Source`. Out: writes to it, like a user's.
//! Holds: each `reconcile` is a pure function from the world to actions; doing it again when nothing changed does nothing.
//! Never: edge-triggered state. What was missed is found again at the next look.
//! Why one loop for all of them: what it writes it sees at once (write-through cache), so no controller acts on a stale
//! world and none needs Kubernetes' "expectations".

mod action;
mod deployment;
mod endpoints;
mod job;
mod namespace;
mod outline;
mod pods;
mod replicaset;
mod run;
pub mod system;
mod world;

pub use run::{Config, run};

#[cfg(test)]
mod tests;
