//! Kernel settings of the calling thread's network namespace.

use std::io::ErrorKind;

use crate::{Error, Result};

/// Writes `/proc/sys/<path>`.
///
/// # Errors
/// When the kernel refuses the value or the file is read-only.
pub fn set(path: &str, value: &str) -> Result<()> {
    std::fs::write(format!("/proc/sys/{path}"), value)
        .map_err(|e| Error::system(format!("set sysctl {path} to {value}"), e))
}

/// Like [`set`], but a kernel without the setting (no IPv6, say) is fine.
///
/// # Errors
/// As [`set`].
pub fn set_if_known(path: &str, value: &str) -> Result<()> {
    match set(path, value) {
        Err(Error::System { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
