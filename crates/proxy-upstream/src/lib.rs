//! The connecting side: dialling, TLS, pools per endpoint, breakers, and client HTTP.
//!
//! In: a [`Target`] that the engine has picked. Out: an [`Exchange`] with a server, or why there is none.
//! Holds: pools belong to one worker and outlive plans; a connection that a peer closed is not handed out knowingly.
//! Never: choosing endpoints or routes, deciding retries.

pub mod dial;
pub mod exchange;
pub mod load;
pub mod pool;
pub mod target;

pub use dial::{ConnectError, dial};
pub use exchange::Exchange;
pub use load::{Limits, Load, Slot};
pub use pool::{Acquired, Pools};
pub use target::{Dial, Keepalive, Protocol, Target, TlsTarget};
