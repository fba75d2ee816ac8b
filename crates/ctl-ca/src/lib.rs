//! Certifies workloads: who may ask for which identity, and the signing.
//!
//! In: CSRs with service-account tokens, the `ca/` folder. Out: certificate chains, and counted, logged refusals.
//! Holds: a certificate names exactly the identity that the token proves; the CA key never leaves this room.
//! Never: judges tokens itself; the caller supplies a [`TokenVerifier`] (the API server's TokenReview).
//! Why files named as Istio's `cacerts`: an operator's own CA is put into place by copying four files.

mod authority;
mod files;
mod server_identity;
mod service;

pub use authority::{Ca, CaError, Refused};
pub use server_identity::{ServerIdentity, tls_incoming};
pub use service::{AUDIENCE, CaService, Caller, Counters, TokenError, TokenVerifier, bearer};
