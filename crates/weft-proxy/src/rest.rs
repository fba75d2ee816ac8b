//! Gives memory back once a new configuration has settled.
//!
//! In: word of each published configuration. Out: a smaller process. Runs for as long as the proxy.
//! Holds: once in an interval at most; not while configuration keeps coming, short of an interval of it.
//! Why not after each: what comes back costs about a hundred page faults, a tenth of a millisecond in all.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use weft_rt::Clock;

use crate::running::Running;

/// Nothing new for so long is rest.
const QUIET: Duration = Duration::from_secs(2);
/// Nothing is given back twice within this time, and nothing waits longer for quiet.
const INTERVAL: Duration = Duration::from_secs(10);

/// Shrinks the process after configuration that was published has settled.
pub(crate) async fn keep_small(running: Arc<Running>, clock: Clock) {
    loop {
        running.published.notified().await;
        let _either = clock.timeout(INTERVAL, settled(&running.published, &clock)).await;
        if let Err(why) = weft_resident::shrink() {
            tracing::debug!(%why, "no memory was given back");
        }
        clock.sleep(INTERVAL).await;
    }
}

async fn settled(changed: &Notify, clock: &Clock) {
    while clock.timeout(QUIET, changed.notified()).await.is_ok() {}
}
