//! Tells the API server how the pod is.
//!
//! In: the board, the wish to be told again. Out: status patches, only when something has changed.
//! Holds: the last word is sent again until the server has it.

use std::sync::Arc;
use std::time::Duration;

use ctl_source::SourceError;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::pod::context::PodCtx;
use crate::pod::status::{self, Facts};

const RETRY: Duration = Duration::from_millis(400);

/// Sends the status whenever it has changed.
pub(crate) async fn send_status(
    ctx: Arc<PodCtx>,
    mut wired: watch::Receiver<bool>,
    begun: std::time::SystemTime,
) {
    let (mut board, mut wanted) = (ctx.board.watch(), ctx.wanted.clone());
    let (mut sent, mut resend) = (Value::Null, 0);
    loop {
        let asked = wanted.borrow_and_update().resend;
        let facts = Facts {
            uid: ctx.uid.clone(),
            host: ctx.node.config.address.to_string(),
            address: wired.borrow_and_update().then(|| ctx.address.to_string()),
            begun,
            now: ctx.node.clock.wall(),
        };
        let seen = board.borrow_and_update().clone();
        let fresh = status::status(&ctx.pod(), &seen, &facts, &sent);
        if fresh != sent || asked != resend {
            match ctx
                .node
                .source
                .merge_patch(&ctx.key(), Some("status"), json!({"status": fresh}))
                .await
            {
                Ok(_) => (sent, resend) = (fresh, asked),
                Err(SourceError::NotFound(_)) => {}
                Err(error @ SourceError::Invalid(_)) => {
                    tracing::error!(pod = ctx.name, %error, "the API refuses the pod's status");
                    (sent, resend) = (fresh, asked);
                }
                Err(error) => {
                    tracing::debug!(pod = ctx.name, %error, "cannot send the status yet");
                    ctx.node.clock.sleep(RETRY).await;
                    continue;
                }
            }
        }
        let changed = async {
            tokio::select! {
                more = board.changed() => more.is_ok(),
                more = wanted.changed() => more.is_ok(),
                more = wired.changed() => more.is_ok(),
            }
        };
        if !changed.await {
            return;
        }
    }
}
