//! The discovery protocol: what to send next, at both ends, in both of its forms.
//!
//! In: messages, resource sets, verdicts. Out: messages, updates, acknowledgements.
//! Holds: a refused resource is refused alone; a reconnect sends again only what changed.
//! Never: the meaning of a resource.
//! Why sans-IO: nonces, removals and reconnects are tested without a socket; the shells ([`client()`], [`connect`]) are thin.

mod client;
mod refusal;
mod server;
mod transport;

pub use client::shell::{Client, ClientOptions, Connect, Headers, client};
pub use client::{DeltaClient, Update, UpdateId, Upsert, Verdict};
pub use refusal::{Blame, Refusal, error_detail, read_error_detail};
pub use server::{
    Answer, Changes, Layer, Mode, Received, Request, Resource, ResourceSet, Response, Session,
};
pub use transport::{Target, connect};
