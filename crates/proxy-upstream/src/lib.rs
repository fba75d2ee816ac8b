//! The connecting side: dialling, TLS, pools per endpoint, breakers, and client HTTP.
//!
//! In: a [`Target`] that the engine has picked. Out: an [`Exchange`] with a server, or why there is none.
//! Holds: pools belong to one worker and outlive plans; a connection that a peer closed is not handed out knowingly.
//! Never: choosing endpoints or routes, deciding retries.

pub mod dial;
pub mod exchange;
mod introduction;
pub mod load;
pub mod pool;
mod recent;
pub mod target;

pub use dial::{Connect, ConnectError, Tcp, dial};
pub use exchange::Exchange;
pub use load::{Limits, Load, Slot};
pub use pool::{Acquired, Pools};
pub use target::{Dial, Introduced, Keepalive, Pings, Protocol, Target, TlsTarget};
