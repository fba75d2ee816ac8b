//! Waiting for signals, and for watched values without holding their locks.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Turns true at the first SIGTERM or SIGINT. Pid 1 ignores both unless it asks for them.
///
/// # Errors
/// When the handlers cannot be installed.
pub fn stop_on_signals() -> io::Result<watch::Receiver<bool>> {
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let (sender, receiver) = watch::channel(false);
    // Ends with the first signal, or with the runtime.
    tokio::spawn(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        sender.send_replace(true);
        sender.closed().await;
    });
    Ok(receiver)
}

/// Resolves when the value answers `wanted`, or when nobody can change it any more.
pub(crate) async fn reached<T>(value: &mut watch::Receiver<T>, wanted: impl FnMut(&T) -> bool) {
    value.wait_for(wanted).await.map(drop).ok();
}
