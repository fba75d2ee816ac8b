//! The local node: pods are processes in network namespaces of one machine.
//!
//! In: objects of a Kubernetes API, through [`ctl_source::Source`]. Out: running pods, their statuses, logs and names.
//! Holds: nothing is left on the host; everything ends with the node's process.
//! Never: a store, a controller, mesh policy.
//!
//! Three entry points for the `weft` binary, each called before it has threads: [`launch::launch`] (outer process),
//! [`init::prepare`] (pid 1), [`pod_exec::run`] (the step from the node to a container's program). Then [`node::run`].

pub mod addresses;
pub mod config;
pub(crate) mod directory;
pub(crate) mod dns;
pub(crate) mod earlier;
pub(crate) mod events;
pub mod init;
pub mod launch;
pub(crate) mod logs;
pub mod node;
pub(crate) mod pod;
pub mod pod_exec;
pub(crate) mod pods;
pub mod reaper;
pub mod record;
pub mod relay;
pub mod root;
pub(crate) mod services;
pub mod signal;
pub(crate) mod socket;
pub mod stamp;
pub mod supervise;

pub use config::NodeConfig;
pub use node::NodeParts;
pub use reaper::Reaper;
pub use relay::Relay;
pub use signal::stop_on_signals;
pub use socket::SERVICES_IN_FORCE;
pub use supervise::supervise;
