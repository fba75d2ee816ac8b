//! The life of a connection and of a request, as named phases over one immutable plan.
//!
//! In: a `ProxyConfig`. Out: served traffic, and one record per exchange to a `Sink`.
//! Holds: a request sees one plan from start to end; publishing a plan cuts no connection that it still allows.
//! Never: protobuf, arguments, environment, files.
//!
//! A request walks: `worker` (accept) → `connection` (destination, detection, chain, TLS) → `http1`/`http2` →
//! `request` (normalise, receive, route, filter) → `attempt` (pick, connect, send, retry) → `pump` (bodies) → record.

mod access;
mod ask;
mod attempt;
mod called;
mod callers;
mod chains;
mod change;
mod compile;
mod connection;
mod decide;
mod denied;
mod elsewhere;
mod engine;
mod explained;
mod ext_authz;
mod filter;
mod forwarded;
mod heads;
mod health;
mod http1;
mod http2;
mod limits;
mod mirror;
mod patience;
mod peers;
mod pick;
pub mod plan;
mod publish;
mod pump;
mod reply;
mod request;
mod resolve;
mod secrets;
mod tcp;
mod tunnel;
mod unserved;
mod websocket;
mod worker;

pub use callers::{Callers, News, Secured, Seen};
pub use denied::TellDenials;
pub use engine::{BoundBoard, Engine, Network, Options};
pub use explained::ExplainTo;
pub use peers::PeerExchange;
pub use worker::Activity;
