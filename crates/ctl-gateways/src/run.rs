//! The loop: takes in what changed, looks at all of it, writes what is wanted.
//!
//! In: a Source. Out: writes to it. Holds: nothing is written before every kind was told once; what fails is tried again
//! with growing delay. Why one look for all gateways: there are few, and a look costs less than the books about who is concerned.

use std::sync::Arc;
use std::time::Duration;

use ctl_source::{Source, SourceError};
use tokio_util::sync::CancellationToken;
use weft_rt::Clock;

use crate::reconcile::{Action, reconcile};
use crate::world::{World, watched};

const FIRST_DELAY: Duration = Duration::from_millis(100);
const LONGEST_DELAY: Duration = Duration::from_secs(30);
/// Failures in a row after which it is said aloud.
const WORTH_A_WORD: u32 = 5;

/// Makes what gateways need until `stop`.
///
/// # Errors
/// When the source cannot be watched at all.
pub async fn run(
    source: Arc<dyn Source>,
    clock: Clock,
    stop: CancellationToken,
) -> Result<(), SourceError> {
    let mut watch = source.watch(&watched()).await?;
    let mut world = World::new();
    let mut failures = 0_u32;
    loop {
        let due = if world.is_whole() { reconcile(&world) } else { Vec::new() };
        let mut failed = None;
        for action in due {
            if let Err(error) = carry_out(&*source, &mut world, action).await {
                failed = Some(error);
            }
        }
        failures = if failed.is_some() { failures.saturating_add(1) } else { 0 };
        if let Some(error) = failed.filter(|_| failures == WORTH_A_WORD) {
            tracing::warn!(%error, "cannot make what a Gateway needs; will try again");
        }
        let again = async {
            match failures {
                0 => std::future::pending().await,
                times => {
                    let delay = FIRST_DELAY.saturating_mul(1 << times.min(10)).min(LONGEST_DELAY);
                    clock.sleep_until(clock.now() + delay).await;
                }
            }
        };
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            batch = watch.recv() => match batch {
                Some(batch) => world.take(batch),
                None => return Err(SourceError::Unavailable("the watch ended".to_owned())),
            },
            () = again => {}
        }
        while let Ok(batch) = watch.try_recv() {
            world.take(batch);
        }
    }
}

async fn carry_out(
    source: &dyn Source,
    world: &mut World,
    action: Action,
) -> Result<(), SourceError> {
    match action {
        Action::Create(kind, object) => {
            let made = source.create(&kind, object).await?;
            world.put(&kind.kind, made);
        }
        Action::Patch(key, patch) => match source.merge_patch(&key, None, patch).await {
            Ok(patched) => world.put(&key.resource.kind, patched),
            // Gone: the watch tells, and it is made again if it is still wanted.
            Err(SourceError::NotFound(_)) => {}
            Err(error) => return Err(error),
        },
        Action::Delete(key) => match source.delete(&key, None).await {
            Ok(()) | Err(SourceError::NotFound(_)) => {}
            Err(error) => return Err(error),
        },
    }
    Ok(())
}
