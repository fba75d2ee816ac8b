//! `weft/sleep`: a pod that does nothing, so that people can `kubectl exec` into it.
//! In: nothing. Out: exit 0 at SIGTERM.

use std::process::ExitCode;

/// Waits to be stopped.
///
/// # Errors
/// When signal handlers cannot be installed.
pub(crate) async fn run() -> anyhow::Result<ExitCode> {
    crate::stop::requested().await?;
    Ok(ExitCode::SUCCESS)
}
