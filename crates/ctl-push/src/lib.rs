//! Gives every connected proxy what it may see, once, in order, and keeps the book of what each has taken.
//!
//! In: published worlds (mesh snapshots), discovery streams. Out: resources on the streams, the ledger.
//! Holds: a slow proxy skips revisions, it never queues them; proxies of one view share one translation and its bytes;
//! clusters are taken away only after the routes that used them.
//! Never: writes or reads a resource; bytes pass through.
//! Why the seam [`World`]: the walk of a push is tested without a mesh, and the translator without a stream.

mod access;
mod ledger;
mod node;
mod publish;
mod registrar;
mod sleeper;
mod stream;
mod withdrawals;
mod world;

pub use access::{Access, Identity, StreamAuth};
pub use ledger::Ledger;
pub use node::ProxyNode;
pub use publish::{Debounce, PushServer};
pub use registrar::Registrar;
pub use withdrawals::Withdrawals;
pub use world::{Contradiction, Resources, World};
