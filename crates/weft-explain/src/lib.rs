//! What becomes of one call, and why: a request led through the pure rooms that serve it.
//!
//! In: objects and the settings of a mesh, then calls. Out: an [`Answer`] each, with the trace of every decision.
//! Holds: what decides here is the code that decides in a running mesh: ctl-translate writes what the proxy of the caller
//! would get, proxy-lower reads it, proxy-route and proxy-filter judge the call.
//! A call between two pods of the mesh is led through both their proxies.
//! Never: I/O, chance (a split by weight is told as it is), a rule of its own about traffic.
//! Why: "where does this request go?" has to be answered before a change reaches a cluster, and at night.

mod access;
mod answer;
pub mod around;
mod asked;
mod call;
mod complete;
mod describe;
mod destination;
mod facts;
mod limited;
mod mesh;
mod meshed;
mod onward;
mod peers;
mod proxies;
mod proxy;
mod request;
mod tokens;
mod trace;
mod walk;
mod workload;

pub use access::PolicyOfPod;
pub use answer::{Answer, NearestMiss, Outcome};
pub use call::{Call, Origin, Security, Spoken};
pub use ctl_translate::{Resource, Resources};
pub use mesh::Mesh;
pub use peers::{Peer, Peers};
pub use proxies::Proxies;
pub use proxy::Proxy;
pub use trace::Step;

/// Why a question has no answer: what is wrong with it, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unclear {
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub fix: String,
}

impl Unclear {
    pub(crate) fn new(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { what: what.into(), fix: fix.into() }
    }
}

impl std::fmt::Display for Unclear {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}; {}", self.what, self.fix)
    }
}

impl std::error::Error for Unclear {}
