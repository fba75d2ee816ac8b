//! The wiring of the control plane: who calls whom, and in which order things start and stop.
//!
//! In: options from a binary. Out: a running control plane until it is told to stop.
//! Holds: `pipeline.rs` reads from top to bottom as the configuration walk.
//! Never: a rule of the mesh; those live in the rooms that are wired here.

mod addresses;
mod admission;
mod authorities;
mod authority;
mod callers;
mod catalogue;
mod debug;
pub mod embedded;
mod issuer_keys;
mod mesh_settings;
mod pipeline;
mod preflight;
mod registration;
mod serve;
mod tokens;
mod unknown_keys;
mod webhook;
mod world;

use std::sync::Arc;

use ctl_source::Source;
use tokio_util::sync::CancellationToken;
use weft_rt::Clock;

pub use catalogue::Catalogue;
pub use issuer_keys::put_keys;
pub use mesh_settings::{proxy_defaults_of, settings_of};
pub use pipeline::{Feedback, Running as Walk};
pub use preflight::{resource_of, system_objects};
pub use webhook::objects as webhook_objects;

/// Starts the walk without a network: no keys of issuers are fetched.
///
/// # Errors
/// When the source cannot be watched.
pub async fn start_walk(
    source: Arc<dyn Source>,
    clock: Clock,
    stop: CancellationToken,
    feedback: Feedback,
) -> anyhow::Result<Walk> {
    pipeline::start(source, clock, stop, feedback, ctl_keys::Keys::none()).await
}

/// Which program runs as sidecar and gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dataplane {
    /// `weft-proxy`.
    #[default]
    Weft,
    /// A real Envoy under `weft-proxy agent`.
    Envoy,
}

impl std::str::FromStr for Dataplane {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "weft" => Ok(Self::Weft),
            "envoy" => Ok(Self::Envoy),
            other => Err(format!("unknown data plane {other:?}: use weft or envoy")),
        }
    }
}

impl std::fmt::Display for Dataplane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Weft => "weft",
            Self::Envoy => "envoy",
        })
    }
}
