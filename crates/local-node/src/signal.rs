//! Waiting for a watched value without holding its lock.

use tokio::sync::watch;

/// Resolves when the value answers `wanted`, or when nobody can change it any more.
pub(crate) async fn reached<T>(value: &mut watch::Receiver<T>, wanted: impl FnMut(&T) -> bool) {
    value.wait_for(wanted).await.map(drop).ok();
}
