//! Remembers who calls in plaintext, so that a workload can be made STRICT when nobody does any more.
//!
//! In: reports of proxies, the mesh. Out: by workload and port: callers with first and last time, and since when they are known.
//! Holds: a file that outlives control planes and proxies; callers are named when they are reported, because an address is another pod's later.
//! At most `memory::CALLERS` of a port are kept, the latest. Never: a decision; `weft mtls` judges, and writes objects like a user.
//! Why in the control plane: a proxy ends with its pod, and a week of silence is longer than most pods live.

mod keeper;
mod memory;
mod origin;
mod report;

pub use keeper::Callers;
