//! Analyzes the whole mesh beside the walk, after it has come to rest.
//!
//! In: the newest objects. Out: what keeps valid objects from taking effect.
//! Holds: the walk never waits for it; a mesh that takes long to analyze is analyzed the less often. It is known which
//! content of an object was looked at, so that nothing is said of a newer one.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ctl_source::Object;
use tokio::sync::watch;
use weft_analyze::{Options, analyze};
use weft_model::{ObjectRef, Problem};
use weft_rt::Clock;

use super::raw::Kept;
use super::{facts, kinds};

/// Shortest time between two analyses.
const GATHER: Duration = Duration::from_millis(500);
/// The share of one processor that analyses may take is one in this.
const SHARE: u32 = 10;

/// Every object of the mesh, as it is now.
pub(super) type Objects = Arc<Vec<Kept>>;
/// What the last analysis found; nothing before the first.
pub(super) type Advice = Option<Arc<Findings>>;

/// What an analysis found, and of what.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) problems: Vec<Problem>,
    /// The content of each object that is told of, as it was looked at.
    pub(super) seen: HashMap<ObjectRef, u64>,
}

impl Findings {
    fn of(objects: &[Kept], options: &Options) -> Self {
        let objects: Vec<Object> = objects.iter().map(Kept::open).collect();
        let told = objects.iter().filter(|object| kinds::is_told(object));
        let seen = told.map(|object| (ObjectRef::of(object), facts::content(object))).collect();
        Self { problems: analyze(&objects, options), seen }
    }
}

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
        let look = tokio::task::spawn_blocking(move || Findings::of(&newest, &options));
        match look.await {
            Ok(found) => drop(told.send_replace(Some(Arc::new(found)))),
            Err(error) => tracing::error!(%error, "the mesh could not be analyzed"),
        }
        pause = GATHER.max(clock.now().duration_since(began) * SHARE);
    }
}
