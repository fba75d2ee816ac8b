//! The worker that owns one pod, from its binding to its deletion.
//!
//! In: the pod object as it changes, the order to stop. Out: what [`crate::pod`] says.
//! Holds: sidecars end after the containers that they serve; the network ends after the last process.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ctl_source::SourceError;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::pod::container::Stop;
use crate::pod::context::{PodCtx, all_containers};
use crate::pod::files::{keep_fresh, until_written};
use crate::pod::report::send_status;
use crate::pod::runners::Runners;
use crate::pod::sandbox::{until_wired, unwire};
use crate::pod::volumes::Tokens;
use crate::pod::{capture, fields, image};
use crate::signal::reached;

const RETRY: Duration = Duration::from_millis(400);
const HURRY: Duration = Duration::from_secs(1);

/// Runs the pod to its end. `hurry` is the node's own end.
pub(crate) async fn run(ctx: Arc<PodCtx>, hurry: watch::Receiver<bool>) {
    let begun = ctx.node.clock.wall();
    bind(&ctx).await;
    let mut side = JoinSet::new();
    let wired = watch::Sender::new(false);
    side.spawn(send_status(Arc::clone(&ctx), wired.subscribe(), begun));
    let outcome = live(&ctx, &wired, hurry.clone()).await;
    if *hurry.borrow() {
        return;
    }
    if outcome == Outcome::Completed {
        // The object stays, with its last status and its logs, until it is deleted.
        let mut wanted = ctx.wanted.clone();
        let mut hurry = hurry.clone();
        tokio::select! {
            () = reached(&mut wanted, |w| w.gone || w.deleting.is_some()) => {}
            () = reached(&mut hurry, |hurry| *hurry) => return,
        }
    }
    side.shutdown().await;
    forget(&ctx).await;
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Completed,
    Deleted,
}

async fn live(
    ctx: &Arc<PodCtx>,
    wired: &watch::Sender<bool>,
    hurry: watch::Receiver<bool>,
) -> Outcome {
    let mut tokens = Tokens::default();
    let stopping = stop_order(Arc::clone(ctx), hurry);
    tokio::pin!(stopping);
    let ready = async {
        explain_fields(ctx);
        until_images_known(ctx).await;
        let net = until_wired(ctx).await;
        wired.send_replace(true);
        until_written(ctx, &mut tokens).await;
        net
    };
    let net = tokio::select! {
        net = ready => net,
        _ = &mut stopping => {
            unwire(ctx, None).await;
            return Outcome::Deleted;
        }
    };
    let mut containers = Runners::new(ctx);
    let refresh = keep_fresh(ctx, tokens);
    let outcome = tokio::select! {
        () = containers.run_to_completion(ctx) => Outcome::Completed,
        stop = &mut stopping => {
            containers.stop(ctx, stop).await;
            Outcome::Deleted
        }
        never = refresh => match never {},
    };
    if outcome == Outcome::Completed {
        containers.stop(ctx, Stop { grace: ctx.grace(), hurry: false }).await;
    }
    unwire(ctx, Some(net)).await;
    outcome
}

/// Waits for whatever ends the pod: deletion, or the end of the node.
async fn stop_order(ctx: Arc<PodCtx>, mut hurry: watch::Receiver<bool>) -> Stop {
    let mut wanted = ctx.wanted.clone();
    tokio::select! {
        () = reached(&mut hurry, |hurry| *hurry) => Stop { grace: HURRY, hurry: true },
        () = reached(&mut wanted, |w| w.gone || w.deleting.is_some()) => {
            let (gone, deleting) = (wanted.borrow().gone, wanted.borrow().deleting);
            let message = "Stopping the pod".to_owned();
            ctx.node.events.normal(&ctx.about(), "Killing", message);
            match (gone, deleting) {
                (false, Some(grace)) => Stop { grace, hurry: false },
                _ => Stop { grace: HURRY, hurry: true },
            }
        }
    }
}

async fn bind(ctx: &PodCtx) {
    let pod = ctx.pod();
    if pod.spec.as_ref().is_some_and(|s| s.node_name.is_some()) {
        return;
    }
    let node = &ctx.node.config.name;
    loop {
        let patch = json!({"spec": {"nodeName": node}});
        match ctx.node.source.merge_patch(&ctx.key(), None, patch).await {
            Ok(_) => break,
            Err(SourceError::NotFound(_)) => return,
            Err(error @ SourceError::Invalid(_)) => {
                tracing::error!(pod = ctx.name, %error, "the API refuses to bind the pod; it runs unbound");
                return;
            }
            Err(error) => tracing::debug!(pod = ctx.name, %error, "cannot bind the pod yet"),
        }
        if ctx.wanted.borrow().gone {
            return;
        }
        ctx.node.clock.sleep(RETRY).await;
    }
    let message = format!("Successfully assigned {}/{} to {node}", ctx.namespace, ctx.name);
    ctx.node.events.normal(&ctx.about(), "Scheduled", message);
}

fn explain_fields(ctx: &PodCtx) {
    let pod = ctx.pod();
    let mut found = fields::not_honoured(&pod);
    let none = BTreeMap::new();
    let annotations = pod.metadata.annotations.as_ref().unwrap_or(&none);
    found.extend(capture::rules(&ctx.node.config, annotations).1);
    if !found.is_empty() {
        let message = format!("the local node does not honour: {}", found.join(", "));
        ctx.node.events.warning(&ctx.about(), "FieldNotHonoured", message);
    }
}

/// A pod with an image that cannot run waits, and says so, until it is changed or deleted.
async fn until_images_known(ctx: &PodCtx) {
    let mut wanted = ctx.wanted.clone();
    loop {
        let pod = Arc::clone(&wanted.borrow_and_update().pod);
        let mut missing = false;
        for container in all_containers(&pod) {
            if let Err(why) = image::program(&ctx.node.config, container) {
                missing = true;
                ctx.board.change(&container.name, |s| s.wait("ImageUnavailable", why.clone()));
                ctx.node.events.warning(
                    &ctx.about_container(&container.name),
                    "ImageUnavailable",
                    why,
                );
            }
        }
        if !missing {
            return;
        }
        if wanted.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// The pod is over: its folder goes, and then the object.
async fn forget(ctx: &PodCtx) {
    if let Err(error) = std::fs::remove_dir_all(&ctx.folder)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(pod = ctx.name, %error, "cannot remove the pod's folder");
    }
    while !ctx.wanted.borrow().gone {
        match ctx.node.source.delete(&ctx.key(), Some(0)).await {
            Ok(()) | Err(SourceError::NotFound(_)) => return,
            Err(error) => tracing::debug!(pod = ctx.name, %error, "cannot delete the pod yet"),
        }
        ctx.node.clock.sleep(RETRY).await;
    }
}
