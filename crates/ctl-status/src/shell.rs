//! Watches facts and ledger, and writes.
//!
//! Holds: changes are gathered for a moment, so that a push makes one write per object and not one per proxy.

use std::sync::Arc;
use std::time::Duration;

use ctl_source::{Source, SourceError};
use tokio::sync::watch;
use weft_admin_api::sync::SyncReport;

use crate::{Observed, Tracker};

/// How long changes are gathered.
const GATHER: Duration = Duration::from_millis(40);
/// When a write failed, it is tried again after this.
const RETRY: Duration = Duration::from_secs(1);

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
pub async fn run(mut writer: StatusWriter) {
    let mut tracker = Tracker::default();
    writer.observed.mark_changed();
    let mut failed = false;
    loop {
        tokio::select! {
            // Left unread here: it is taken below, together with what comes in the meantime.
            changed = news(&mut writer.observed) => if !changed { return },
            changed = writer.ledger_changed.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(RETRY), if failed => {}
        }
        tokio::time::sleep(GATHER).await;
        writer.ledger_changed.mark_unchanged();
        // The book is read after the facts, so an acknowledgement can only be newer than what it is held against.
        if writer.observed.has_changed().unwrap_or(false) {
            let observed = Arc::clone(&writer.observed.borrow_and_update());
            tracker.observe(&observed);
        }
        failed = !write(&writer, &mut tracker).await;
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
async fn write(writer: &StatusWriter, tracker: &mut Tracker) -> bool {
    let now = rfc3339((writer.wall)());
    let mut all = true;
    for patch in tracker.patches(&(writer.report)(), &now) {
        match writer.source.merge_patch(&patch.key, Some("status"), patch.patch.clone()).await {
            Ok(_) => tracker.written(&patch),
            Err(SourceError::NotFound(_)) => tracker.forget(&patch.key),
            Err(error) => {
                tracing::warn!(%error, name = patch.key.name, "status not written");
                all = false;
            }
        }
    }
    all
}

fn rfc3339(wall: std::time::SystemTime) -> String {
    let seconds = time::OffsetDateTime::from(wall).replace_nanosecond(0);
    let text = seconds.map(|t| t.format(&time::format_description::well_known::Rfc3339));
    text.ok().and_then(Result::ok).unwrap_or_default()
}
