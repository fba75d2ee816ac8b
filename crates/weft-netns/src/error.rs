//! One error: what was attempted, and what the kernel said.

use std::io;

/// Why the kernel could not be brought to the wanted state.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A system call failed.
    #[error("{what}: {source}")]
    System {
        /// What was attempted.
        what: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A netlink request was refused.
    #[error("the kernel refused to {what}: {source}{detail}")]
    Refused {
        /// What was attempted, in the imperative.
        what: String,
        /// The errno of the acknowledgement.
        source: io::Error,
        /// The kernel's own explanation, when it gave one.
        detail: String,
    },
    /// A message would not fit into netlink's length fields.
    #[error("too large for one netlink message: {0}")]
    TooLarge(String),
    /// The kernel's answer was not understood.
    #[error("{0}: the kernel's answer was cut short")]
    Garbled(String),
}

impl Error {
    pub(crate) fn system(what: impl Into<String>, source: impl Into<io::Error>) -> Self {
        Self::System { what: what.into(), source: source.into() }
    }

    /// The errno, when there is one.
    #[must_use]
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::System { source, .. } | Self::Refused { source, .. } => source.raw_os_error(),
            Self::TooLarge(_) | Self::Garbled(_) => None,
        }
    }
}
