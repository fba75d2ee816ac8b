//! Filters between a connection and its route: each compiles its configuration once and then decides.
//!
//! In: facts of a request or connection. Out: a [`Verdict`].
//! Holds: a decision depends on its arguments alone; chance is a number that the caller drew.
//! Never: I/O, clocks, protocol bytes.

pub mod cors;
pub mod ext_authz;
pub mod fault;
pub mod forwarded;
pub mod grpc_web;
pub mod limit;
pub mod path;
pub mod rbac;
pub mod tokens;

/// What a filter wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Continue,
    /// Answer now.
    Respond {
        /// Status.
        status: u16,
        /// Body.
        body: &'static str,
        /// `%RESPONSE_CODE_DETAILS%`.
        details: String,
    },
}
