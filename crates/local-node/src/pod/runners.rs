//! The order among a pod's containers.
//!
//! In: the pod's spec, the order to stop. Out: one runner per container.
//! Holds: init containers run one by one; a sidecar has started before the next begins, and outlives the others.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::PodSpec;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::pod::board::Phase;
use crate::pod::container::{self, Restart, Stop};
use crate::pod::context::{PodCtx, all_containers};
use crate::pod::status::is_sidecar;

/// The runners of a pod's containers.
pub(crate) struct Runners {
    stop_main: watch::Sender<Option<Stop>>,
    main: JoinSet<()>,
    /// In the order of their start.
    sidecars: Vec<(watch::Sender<Option<Stop>>, JoinSet<()>)>,
}

impl Runners {
    pub(crate) fn new(ctx: &PodCtx) -> Self {
        for container in all_containers(&ctx.pod()) {
            ctx.board.change(&container.name, |s| s.wait("ContainerCreating", String::new()));
        }
        Self { stop_main: watch::Sender::new(None), main: JoinSet::new(), sidecars: Vec::new() }
    }

    /// Resolves when every main container is finished, or an init container has failed for good.
    pub(crate) async fn run_to_completion(&mut self, ctx: &Arc<PodCtx>) {
        let pod = ctx.pod();
        let Some(spec) = &pod.spec else { return };
        if !self.initialize(ctx, spec).await {
            return;
        }
        for container in &spec.containers {
            let (ctx, stop) = (Arc::clone(ctx), self.stop_main.subscribe());
            self.main.spawn(container::run(ctx, container.clone(), policy(spec), stop));
        }
        while self.main.join_next().await.is_some() {}
    }

    /// Runs the init containers in order; false when one has failed for good.
    async fn initialize(&mut self, ctx: &Arc<PodCtx>, spec: &PodSpec) -> bool {
        for container in spec.init_containers.iter().flatten() {
            let name = container.name.clone();
            if is_sidecar(container) {
                let (stop, mut task) = (watch::Sender::new(None), JoinSet::new());
                let (shared, order) = (Arc::clone(ctx), stop.subscribe());
                task.spawn(container::run(shared, container.clone(), Restart::Always, order));
                self.sidecars.push((stop, task));
                ctx.board.until(&name, |s| s.started).await;
                continue;
            }
            let restart = match policy(spec) {
                Restart::Never => Restart::Never,
                Restart::Always | Restart::OnFailure => Restart::OnFailure,
            };
            let (shared, order) = (Arc::clone(ctx), self.stop_main.subscribe());
            self.main.spawn(container::run(shared, container.clone(), restart, order));
            while self.main.join_next().await.is_some() {}
            let done =
                ctx.board.read(&name, |s| matches!(&s.phase, Phase::Ended(e) if e.code == 0));
            if done != Some(true) {
                return false;
            }
        }
        true
    }

    /// Main containers first, then the sidecars, last started first; in a hurry, all at once.
    pub(crate) async fn stop(&mut self, ctx: &PodCtx, order: Stop) {
        let deadline = ctx.node.clock.now() + order.grace;
        self.stop_main.send_replace(Some(order));
        if order.hurry {
            for (stop, _) in &self.sidecars {
                stop.send_replace(Some(order));
            }
        }
        while self.main.join_next().await.is_some() {}
        for (stop, task) in self.sidecars.iter_mut().rev() {
            let left = deadline.saturating_duration_since(ctx.node.clock.now());
            let grace = left.max(Duration::from_secs(2).min(order.grace));
            stop.send_if_modified(|now| {
                let first = now.is_none();
                *now = now.or(Some(Stop { grace, ..order }));
                first
            });
            while task.join_next().await.is_some() {}
        }
    }
}

fn policy(spec: &PodSpec) -> Restart {
    match spec.restart_policy.as_deref() {
        Some("Never") => Restart::Never,
        Some("OnFailure") => Restart::OnFailure,
        _ => Restart::Always,
    }
}
