//! The accepting side: sockets, original destinations, protocol detection, TLS, and server HTTP.
//!
//! In: addresses to bind, TLS settings. Out: connections with their facts, and exchanges to answer.
//! Holds: nothing that a client sent is lost by looking at it first.
//! Never: routing, policy, upstream connections.

pub mod accept;
pub mod exchange;
pub mod frames;
pub mod introduced;
pub mod prefixed;
pub mod sniff;
pub mod socket;

pub use accept::{Peer, Secured, accept_tls};
pub use exchange::{Exchange, H2Server};
pub use introduced::{Introduced, introduced};
pub use prefixed::Prefixed;
pub use sniff::{Hello, Sniffed, sniff};
pub use socket::{Accept, Arrived, Listen, Tcp, reset};
