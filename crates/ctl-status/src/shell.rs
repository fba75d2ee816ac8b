//! Watches facts and ledger, and writes.
//!
//! Holds: changes are gathered for a moment, so that a push makes one write per object and not one per proxy. A status that
//! another controller keeps changing is written at a bounded pace; an object that its owner keeps changing is not held up.

use std::sync::Arc;
use std::time::Duration;

use ctl_source::{ObjectKey, Source, SourceError};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use weft_admin_api::sync::SyncReport;

use crate::budget::{Budgets, Pace};
use crate::notes::Note;
use crate::tracker::Due;
use crate::{Observed, Tracker, events};

/// How long changes are gathered.
const GATHER: Duration = Duration::from_millis(40);
/// The share of one processor that looking at the ledger may take is one in this; a fleet of thousands answers all the time.
const SHARE: u32 = 10;
/// When a write failed, it is tried again after this.
const RETRY: Duration = Duration::from_secs(1);
/// Writes of the status of one content of an object.
const PACE: Pace = Pace { burst: 200, every: Duration::from_secs(5) };

/// What the writer needs. `wall` gives the time for `lastTransitionTime`, `report` the ledger's state.
pub struct StatusWriter {
    /// Where to write.
    pub source: Arc<dyn Source>,
    /// What the newest revision was made of.
    pub observed: watch::Receiver<Arc<Observed>>,
    /// Wakes when the ledger changed.
    pub ledger_changed: watch::Receiver<u64>,
    /// Reads the ledger.
    pub report: Box<dyn Fn() -> SyncReport + Send + Sync>,
    /// Wall-clock time.
    pub wall: fn() -> std::time::SystemTime,
}

impl std::fmt::Debug for StatusWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StatusWriter")
    }
}

/// Runs until the pipeline that feeds `observed` is gone.
pub async fn run(writer: StatusWriter) {
    let (told, notes) = mpsc::channel(events::QUEUE);
    let events = events::run(Arc::clone(&writer.source), writer.wall, notes);
    // The first ends when the facts do, and the second when the first lets go of the queue.
    tokio::join!(conditions(writer, told), events);
}

async fn conditions(mut writer: StatusWriter, told: mpsc::Sender<Note>) {
    let mut tracker = Tracker::default();
    let mut budgets = Budgets::new(PACE);
    writer.observed.mark_changed();
    let mut failed = false;
    let mut gather = GATHER;
    loop {
        tokio::select! {
            // Left unread here: it is taken below, together with what comes in the meantime.
            changed = news(&mut writer.observed) => if !changed { return },
            changed = writer.ledger_changed.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(RETRY), if failed => {}
        }
        tokio::time::sleep(gather).await;
        writer.ledger_changed.mark_unchanged();
        let began = Instant::now();
        // The book is read after the facts, so an acknowledgement can only be newer than what it is held against.
        if writer.observed.has_changed().unwrap_or(false) {
            let observed = Arc::clone(&writer.observed.borrow_and_update());
            tracker.observe(&observed);
        }
        let due = tracker.due(&(writer.report)(), &rfc3339((writer.wall)()));
        gather = GATHER.max(began.elapsed() * SHARE);
        failed = !write(&writer, due, &mut tracker, &mut budgets, &told).await;
    }
}

/// Waits for facts that were not taken yet; false when there will be none.
async fn news(observed: &mut watch::Receiver<Arc<Observed>>) -> bool {
    let changed = observed.changed().await.is_ok();
    if changed {
        observed.mark_changed();
    }
    changed
}

/// False when something has to be tried again.
async fn write(
    writer: &StatusWriter,
    due: Due,
    tracker: &mut Tracker,
    budgets: &mut Budgets<(ObjectKey, i64)>,
    told: &mpsc::Sender<Note>,
) -> bool {
    let wall = (writer.wall)();
    let Due { patches, mut notes } = due;
    let mut all = true;
    for patch in patches {
        if !budgets.take(&(patch.key.clone(), patch.generation), wall) {
            tracing::debug!(name = patch.key.name, "its status is written too often; it waits");
            all = false;
            continue;
        }
        match writer.source.merge_patch(&patch.key, Some("status"), patch.patch.clone()).await {
            Ok(_) => tracker.written(&patch),
            Err(SourceError::NotFound(_)) => {
                tracker.forget(&patch.key);
                notes.retain(|note| note.about.key != patch.key);
            }
            Err(error) => {
                tracing::warn!(%error, name = patch.key.name, "status not written");
                all = false;
            }
        }
    }
    for note in notes {
        if let Err(error) = told.try_send(note) {
            tracing::warn!(%error, "an event is lost");
        }
    }
    all
}

/// A time as Kubernetes writes it, without parts of seconds.
pub(crate) fn rfc3339(wall: std::time::SystemTime) -> String {
    let seconds = time::OffsetDateTime::from(wall).replace_nanosecond(0);
    let text = seconds.map(|t| t.format(&time::format_description::well_known::Rfc3339));
    text.ok().and_then(Result::ok).unwrap_or_default()
}
