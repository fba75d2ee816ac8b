//! Where and how finished exchanges are logged.
//! In: nothing. Out: types.

use std::sync::Arc;

/// One access log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessLog {
    /// Where lines go.
    pub sink: Sink,
    /// Envoy's text format with `%…%` operators; empty means Envoy's default.
    pub format: Arc<str>,
    /// Log only exchanges whose response flag is one of these; empty logs all.
    pub only_flags: Vec<Arc<str>>,
}

/// Where lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sink {
    /// Standard output (`/dev/stdout` too).
    Stdout,
    /// Standard error.
    Stderr,
    /// A file, appended.
    File(Arc<str>),
}
