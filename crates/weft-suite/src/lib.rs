//! Expectations for calls on a mesh that is only written down: what a suite asks for, and whether the mesh does it.
//!
//! In: text of a suite, a [`Mesh`]. Out: a [`Verdict`] for each case; what no case reaches; changes of the mesh that no
//! case notices.
//! Holds: an answer is [`weft_explain`]'s, so a suite cannot expect something that a running mesh would not do; a word that
//! is not known is an error with its place, never an expectation that is not looked at.
//! Never: I/O, clocks, a rule of its own about traffic.
//! Why: a rule that nobody calls is a rule that nobody knows to work; it has to be found before it is applied.

mod asked;
mod calling;
mod coverage;
mod expect;
mod judge;
mod mutants;
mod mutation;
mod policies;
mod suite;
mod target;
mod verdict;
mod words;

pub use asked::Asked;
pub use coverage::{Coverage, Part, coverage};
pub use judge::Difference;
pub use mutants::{Mutant, mutants};
pub use mutation::Mutation;
pub use suite::{Case, Fault, Suite, is_suite};
pub use verdict::{Verdict, run};
