//! Makes what a Gateway of the Gateway API stands for: a ServiceAccount, a Deployment of proxies, and a Service before them.
//!
//! In: watches of a `Source`. Out: writes to it, like a user's.
//! Holds: `reconcile` is a pure function from what is known to actions; doing it again when nothing changed does nothing.
//! What others wrote into our objects stays, as far as we did not write that field. What we did not make is never touched.
//! Never: configuration of proxies, and statuses; those are the walk's and `ctl-status`'s.
//! Why deletion is left to the owner references: it then happens while we are not there, too.

mod class;
mod merge;
mod reconcile;
mod run;
mod wanted;
mod world;

pub use run::run;

#[cfg(test)]
mod tests;
