//! Gives memory back once work has settled.
//!
//! In: word of news, each time that there is some. Out: a smaller process. Runs until dropped.
//! Holds: once in an interval at most; not while news keep coming, short of an interval of it.
//! Why not after each: what comes back costs about a hundred page faults, a tenth of a millisecond in all.

use std::time::Duration;

use weft_rt::Clock;

use crate::shrink;

/// Nothing new for so long is rest.
const QUIET: Duration = Duration::from_secs(2);
/// Nothing is given back twice within this time, and nothing waits longer for quiet.
const INTERVAL: Duration = Duration::from_secs(10);
/// The share of one processor that giving back may take is one in this; a heap of a gigabyte takes long to walk.
const SHARE: u32 = 200;

/// Shrinks the process whenever news have settled. `news` waits for the next.
pub async fn keep_small(mut news: impl AsyncFnMut(), clock: Clock) {
    loop {
        news().await;
        let settled = async { while clock.timeout(QUIET, news()).await.is_ok() {} };
        let _either = clock.timeout(INTERVAL, settled).await;
        let began = clock.now();
        if let Err(why) = shrink() {
            tracing::debug!(%why, "no memory was given back");
        }
        clock.sleep(INTERVAL.max(clock.now().duration_since(began) * SHARE)).await;
    }
}
