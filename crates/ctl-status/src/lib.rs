//! Tells users in their objects' status what became of them: `Accepted`, `Programmed` and `Effective`.
//!
//! In: what the newest revision was made of ([`Observed`]), the ledger's report. Out: status patches through a Source.
//! Holds: `Programmed` is true for a generation only once every proxy that the object concerns has answered a revision that
//! contains it, also those that serve traffic and are not connected now; then it stays true until the object changes or a
//! proxy refuses it.
//! Never: touches a spec, or conditions of others; writes nothing that the object says already.
//! Why it stays true: a pod that starts later takes the newest anyway, and must not make every object flap.

mod audience;
mod conditions;
mod shell;
mod tracker;

pub use audience::{Audience, Expected};
pub use shell::{StatusWriter, run};
pub use tracker::{Finding, ObjectFacts, Observed, Obstacle, Patch, Severity, Tracker};
