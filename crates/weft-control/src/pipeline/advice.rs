//! Analyzes the whole mesh beside the walk, after it has come to rest.
//!
//! In: the newest objects. Out: what keeps valid objects from taking effect.
//! Holds: the walk never waits for it; a mesh that takes long to analyze is analyzed the less often.

use std::sync::Arc;
use std::time::Duration;

use ctl_source::Object;
use serde_json::Value;
use tokio::sync::watch;
use weft_analyze::{Options, analyze};
use weft_model::Problem;
use weft_rt::Clock;

/// Shortest time between two analyses.
const GATHER: Duration = Duration::from_millis(500);
/// The share of one processor that analyses may take is one in this.
const SHARE: u32 = 10;

/// Every object of the mesh, as it is now.
pub(super) type Objects = Arc<Vec<Object>>;
/// What the last analysis found; nothing before the first.
pub(super) type Advice = Option<Arc<Vec<Problem>>>;

/// Runs until the walk is gone.
pub(super) async fn run(
    mut objects: watch::Receiver<Objects>,
    told: watch::Sender<Advice>,
    clock: Clock,
) {
    let mut pause = GATHER;
    while objects.changed().await.is_ok() {
        clock.sleep(pause).await;
        let newest = Arc::clone(&objects.borrow_and_update());
        let (began, options) = (clock.now(), Options::at(clock.wall()));
        let look = tokio::task::spawn_blocking(move || {
            let all: Vec<Value> = newest.iter().map(|object| object.as_ref().clone()).collect();
            analyze(&all, &options)
        });
        match look.await {
            Ok(problems) => drop(told.send_replace(Some(Arc::new(problems)))),
            Err(error) => tracing::error!(%error, "the mesh could not be analyzed"),
        }
        pause = GATHER.max(clock.now().duration_since(began) * SHARE);
    }
}
