//! JSON web tokens of users: whether one is genuine, whose it is, and what it claims.
//!
//! In: the text of a token, a set of public keys, what is accepted, the time. Out: claims, or why it is refused.
//! Holds: a token is believed only after its signature was verified by a key that is meant for its algorithm; `none` and
//! every algorithm with a shared secret are refused before any key is looked at. Text and keys are bounded.
//! Never: a clock, a fetch, where a token stands in a request.
//! Why not `jsonwebtoken`: it has no ES512, which Envoy accepts; what it would save over aws-lc-rs is base64 and JSON.
//! Sources: RFC 7515, 7517, 7518, 7519, 8037; the limits of time are Envoy's.

mod algorithm;
mod claims;
mod key;
mod refusal;
mod token;

pub use algorithm::Algorithm;
pub use claims::{Claim, Claims};
pub use key::{BadKeySet, KeySet};
pub use refusal::Refusal;
pub use token::{Accepted, Token};
