//! What stands in certificates, as far as it can be read without cryptography.
//!
//! In: PEM. Out: certificates with their names, times and keys; the order of a chain; whether a key is that of a certificate;
//! what an authority took back.
//! Holds: what cannot be read is told with its place among the others, and never passed over.
//! Never: I/O, a clock, a judgement whether a signature is right: that is for who is shown the certificate.

mod chain;
mod key;
mod name;
mod pem;
mod revoked;
mod subject;

pub use chain::Chain;
pub use key::fits;
pub use name::{Name, covers};
pub use pem::{Malformed, has_key};
pub use revoked::Revoked;
pub use subject::Certificate;

/// The day of a time in seconds since 1970, as `2026-11-23`; of one that no calendar has, the seconds.
#[must_use]
pub fn date(seconds: i64) -> String {
    match x509_parser::time::ASN1Time::from_timestamp(seconds) {
        Ok(time) => time.to_datetime().date().to_string(),
        Err(_) => format!("second {seconds}"),
    }
}
