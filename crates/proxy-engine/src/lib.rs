//! The life of a connection and of a request, as named phases over one immutable plan.
//!
//! In: a `ProxyConfig`. Out: served traffic, and one record per exchange to a `Sink`.
//! Holds: a request sees one plan from start to end; publishing a plan cuts no connection that it still allows.
//! Never: protobuf, arguments, environment, files.
//!
//! A request walks: `worker` (accept) → `connection` (destination, detection, chain, TLS) → `http1`/`http2` →
//! `request` (normalise, receive, route, filter) → `attempt` (pick, connect, send, retry) → `pump` (bodies) → record.

mod attempt;
mod chains;
mod compile;
mod connection;
mod decide;
mod engine;
mod filter;
mod forwarded;
mod health;
mod http1;
mod http2;
mod mirror;
mod patience;
mod peers;
pub mod plan;
mod publish;
mod pump;
mod reply;
mod request;
mod resolve;
mod tcp;
mod unserved;
mod worker;

pub use engine::{BoundBoard, Engine, Options};
pub use peers::PeerExchange;
pub use worker::Activity;
