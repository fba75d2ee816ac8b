//! Network namespaces, links, capture rules and service addresses, spoken to the kernel over netlink.
//!
//! In: addresses, ports, file descriptors of namespaces. Out: namespaces that are wired, or one clear error.
//! Holds: a rule set is swapped in one transaction; a half-made namespace dies with its descriptor.
//! Never: `ip`, `nft` or `iptables` programs, Kubernetes objects, async.
//! Why an encoder of our own: the crates for nf_tables need C libraries, and we use a dozen messages.

pub mod capture;
pub mod error;
pub mod link;
pub mod namespace;
mod netlink;
pub mod nft;
pub mod services;
pub mod sysctl;
pub mod topology;

pub use capture::Capture;
pub use error::Error;
pub use namespace::NetNs;
pub use services::{ServicePort, ServiceTable, Transport};
pub use topology::{MeshNet, PodNet};

/// What every call of this room answers.
pub type Result<T> = std::result::Result<T, Error>;
