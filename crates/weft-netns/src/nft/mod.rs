//! nf_tables rule sets as typed values, encoded and swapped in one transaction.
//!
//! In: tables, chains, maps, rules of [`Expr`]. Out: the kernel's acknowledgement of the whole batch.
//! Holds: either the whole batch is in force or nothing of it.
//! Never: reading rules back, other families than IPv4.

pub mod batch;
pub mod expr;

pub use batch::{Batch, ChainKind, Hook, MapValue};
pub use expr::{Compare, Expr, MapRef, Reg, Verdict};
