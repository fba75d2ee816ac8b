//! Tells users what became of their objects: in their status, and by Events.
//!
//! In: what the newest revision was made of ([`Observed`]), the ledger's report. Out: status patches and Events through a
//! Source.
//! Holds: `Programmed` is true for a generation only once every proxy that the object concerns has answered a revision that
//! contains it, also those that serve traffic and are not connected now; then it stays true until the object changes or a
//! proxy refuses it.
//! Never: touches a spec, or conditions of others; writes nothing that the object says already.
//! Why it stays true: a pod that starts later takes the newest anyway, and must not make every object flap.

mod audience;
mod budget;
mod conditions;
mod events;
mod facts;
mod gateway_api;
mod notes;
mod own;
mod shell;
mod tracker;

pub use audience::{Audience, Expected};
pub use conditions::{Condition, Style};
pub use facts::{Finding, Manner, ObjectFacts, Observed, Obstacle, Remark, Severity};
pub use gateway_api::gateway_api;
pub use notes::{Line, Note, Subject};
pub use own::{Part, Parts, Wanted};
pub use shell::{StatusWriter, run};
pub use tracker::{Due, Patch, Tracker};
