//! Turns records into Istio's metrics and access log.
//!
//! In: records of each worker. Out: Prometheus text; log lines to a writer thread.
//! Holds: series are bounded; the log never makes a worker wait.
//! Never: deciding what is recorded.

pub mod access_log;
mod denials;
mod limited;
pub mod prometheus;
pub mod series;
mod watched;

pub use access_log::{AccessLog, LogWriter};
pub use prometheus::render;
pub use series::{Cells, Registry, WorkerSink};
