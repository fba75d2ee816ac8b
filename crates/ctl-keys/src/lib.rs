//! Public keys of issuers of tokens, fetched for the proxies, which only ever hold what was fetched here.
//!
//! In: where the keys are that some rule needs, and how long a fetch may take. Out: the last good keys of each place, and what is
//! wrong with a place.
//! Holds: each place is asked by itself, so that a slow, dead or hostile one delays no other; what is fetched is bounded in bytes,
//! time and redirects; keys are replaced by keys alone, and survive an end of the control plane; a place that nobody names any
//! more is not asked again.
//! Never: what a token says, which rule is for whom.
//! Why a state machine apart from the network ([`Web`]): what goes wrong at issuers is played in tests without any.

mod found;
mod http_web;
mod keeper;
mod memory;
mod obtain;
mod place;

pub use found::{Failure, Found, Held, KeyText};
pub use http_web::{Addresses, Authorities, Http};
pub use keeper::{Keys, Parts};
pub use obtain::{Answer, Web};
pub use place::{Place, Wanted, Wish};

#[cfg(test)]
mod tests;
