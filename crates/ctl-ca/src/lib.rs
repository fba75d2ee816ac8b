//! Certifies workloads: who may ask for which identity, the signing, and the change of the authority itself.
//!
//! In: CSRs with service-account tokens or a certificate of the mesh, the `ca/` folder, the Secret `cacerts`, orders to rotate. Out: certificate chains,
//! the roots to trust, and counted, logged refusals.
//! Holds: a certificate names exactly the identity that the caller proves; the CA key never leaves this room; a root is
//! trusted everywhere before it signs (LIFE.md).
//! Never: judges tokens itself; the caller supplies a [`TokenVerifier`] (the API server's TokenReview).
//! Why files named as Istio's `cacerts`: an operator's own CA is put into place by copying four files.

mod authority;
mod files;
mod keeper;
mod kept;
mod leaf;
mod live;
mod material;
mod phase;
mod proof;
mod refusal;
mod report;
mod server_identity;
mod service;

pub use authority::{Ca, CaError, Holder, Refused, Serving};
pub use keeper::{SECRET, Seen};
pub use material::Material;
pub use refusal::Counters;
pub use server_identity::{ServerIdentity, tls_incoming};
pub use service::{AUDIENCE, CaService, Caller, TokenError, TokenVerifier, bearer};
