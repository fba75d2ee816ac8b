//! The worker that owns one pod, from its binding to its deletion.
//!
//! In: the pod object as it changes, the order to stop. Out: what [`crate::pod`] says.
//! Holds: sidecars end after the containers that they serve; the network ends after the last process.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use ctl_source::{ObjectKey, SourceError};
use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use weft_netns::PodNet;

use crate::events::resource;
use crate::node::Shared;
use crate::pod::board::{Board, Phase};
use crate::pod::container::{self, Restart, Stop, kill_stragglers};
use crate::pod::status::{self, Facts, is_sidecar};
use crate::pod::volumes::{self, Tokens};
use crate::pod::{capture, fields, image};
use crate::signal::reached;

const REFRESH: Duration = Duration::from_secs(20);
const RETRY: Duration = Duration::from_millis(400);
const HURRY: Duration = Duration::from_secs(1);

/// What the API server says of the pod now.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) pod: Arc<Pod>,
    /// It is to end, with this grace.
    pub(crate) deleting: Option<Duration>,
    /// It is gone from the API server.
    pub(crate) gone: bool,
    /// Counts up when the status must be sent again whatever was sent before.
    pub(crate) resend: u64,
}

/// Everything that the parts of one pod share.
#[derive(Debug)]
pub(crate) struct PodCtx {
    pub(crate) node: Arc<Shared>,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) address: Ipv4Addr,
    pub(crate) folder: PathBuf,
    pub(crate) netns: PathBuf,
    pub(crate) board: Board,
    pub(crate) wanted: watch::Receiver<Wanted>,
}

impl PodCtx {
    pub(crate) fn pod(&self) -> Arc<Pod> {
        Arc::clone(&self.wanted.borrow().pod)
    }

    pub(crate) fn hostname(&self) -> String {
        let pod = self.pod();
        let own = pod.spec.as_ref().and_then(|s| s.hostname.clone()).filter(|h| !h.is_empty());
        let mut name = own.unwrap_or_else(|| self.name.clone());
        name.truncate(63);
        name
    }

    pub(crate) fn grace(&self) -> Duration {
        let seconds = self.pod().spec.as_ref().and_then(|s| s.termination_grace_period_seconds);
        Duration::from_secs(seconds.and_then(|s| u64::try_from(s).ok()).unwrap_or(30))
    }

    pub(crate) fn volume(&self, name: &str) -> PathBuf {
        self.folder.join("volumes").join(name)
    }

    pub(crate) fn logs(&self, container: &str) -> PathBuf {
        self.folder.join("logs").join(container)
    }

    pub(crate) fn about(&self) -> Value {
        json!({"apiVersion": "v1", "kind": "Pod", "namespace": self.namespace, "name": self.name, "uid": self.uid})
    }

    pub(crate) fn about_container(&self, name: &str) -> Value {
        let mut about = self.about();
        about["fieldPath"] = json!(format!("spec.containers{{{name}}}"));
        about
    }

    pub(crate) fn key(&self) -> ObjectKey {
        key("Pod", &self.namespace, &self.name)
    }

    /// The data of a ConfigMap or Secret; `None` when it is missing and optional.
    pub(crate) async fn data(
        &self,
        kind: &'static str,
        name: &str,
        optional: Option<bool>,
    ) -> Result<Option<BTreeMap<String, Vec<u8>>>, String> {
        let found = self.node.source.get(&key(kind, &self.namespace, name)).await;
        match found.map_err(|e| e.to_string())? {
            Some(object) => Ok(Some(data_of(&object, kind == "Secret"))),
            None if optional == Some(true) => Ok(None),
            None => Err(format!("{} {name:?} not found", kind.to_lowercase())),
        }
    }

    /// A token of the pod's service account, bound to the pod.
    pub(crate) async fn request_token(
        &self,
        audience: Option<&str>,
        seconds: i64,
    ) -> Result<String, String> {
        let pod = self.pod();
        let account = pod.spec.as_ref().and_then(|s| s.service_account_name.clone());
        let account = account.filter(|a| !a.is_empty()).unwrap_or_else(|| "default".into());
        let mut spec = json!({
            "expirationSeconds": seconds,
            "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": self.name, "uid": self.uid},
        });
        if let Some(audience) = audience {
            spec["audiences"] = json!([audience]);
        }
        let body =
            json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec});
        let key = key("ServiceAccount", &self.namespace, &account);
        let answer = self.node.source.create_subresource(&key, "token", body).await;
        let answer = answer.map_err(|e| format!("token of service account {account}: {e}"))?;
        let token = answer["status"]["token"].as_str().map(str::to_owned);
        token.ok_or_else(|| format!("token of service account {account}: the answer has none"))
    }
}

fn key(kind: &str, namespace: &str, name: &str) -> ObjectKey {
    ObjectKey { resource: resource("", kind), namespace: Some(namespace.into()), name: name.into() }
}

fn data_of(object: &Value, encoded: bool) -> BTreeMap<String, Vec<u8>> {
    let entries = |field: &str| object[field].as_object().into_iter().flatten();
    let decode = |text: &str| base64::engine::general_purpose::STANDARD.decode(text).ok();
    let mut data = BTreeMap::new();
    for (key, value) in entries("data") {
        let Some(text) = value.as_str() else { continue };
        let bytes = if encoded { decode(text) } else { Some(text.as_bytes().to_vec()) };
        data.extend(bytes.map(|bytes| (key.clone(), bytes)));
    }
    for (key, value) in entries("binaryData") {
        data.extend(value.as_str().and_then(decode).map(|bytes| (key.clone(), bytes)));
    }
    for (key, value) in entries("stringData") {
        data.extend(value.as_str().map(|text| (key.clone(), text.as_bytes().to_vec())));
    }
    data
}

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
    let mut containers = Containers::new(ctx);
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

fn all_containers(pod: &Pod) -> impl Iterator<Item = &Container> {
    pod.spec.iter().flat_map(|s| s.init_containers.iter().flatten().chain(&s.containers))
}

async fn until_wired(ctx: &PodCtx) -> PodNet {
    let pod = ctx.pod();
    let none = BTreeMap::new();
    let annotations = pod.metadata.annotations.as_ref().unwrap_or(&none);
    let net = PodNet {
        address: ctx.address,
        gateway: ctx.node.config.address,
        host_link: host_link(ctx.address),
        bridge: ctx.node.prepared.bridge,
        capture: capture::rules(&ctx.node.config, annotations).0,
    };
    loop {
        let (wire, file) = (net.clone(), ctx.netns.clone());
        let made = tokio::task::spawn_blocking(move || name_namespace(&wire, &file)).await;
        let error = match made {
            Ok(Ok(())) => return net,
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        let message = format!("cannot make the pod's network: {error}");
        tracing::error!(pod = ctx.name, message);
        ctx.node.events.warning(&ctx.about(), "FailedCreatePodSandBox", message);
        ctx.node.clock.sleep(RETRY * 5).await;
    }
}

fn host_link(address: Ipv4Addr) -> String {
    let [_, b, c, d] = address.octets();
    format!("weft{b:02x}{c:02x}{d:02x}")
}

/// Gives the namespace a name in the file tree, so that it lives without a process and can be entered.
fn name_namespace(net: &PodNet, file: &Path) -> std::io::Result<()> {
    use std::os::fd::{AsFd, AsRawFd};
    let namespace = net.create().map_err(std::io::Error::other)?;
    std::fs::File::create(file)?;
    let source = format!("/proc/self/fd/{}", namespace.as_fd().as_raw_fd());
    let flags = nix::mount::MsFlags::MS_BIND;
    nix::mount::mount(Some(source.as_str()), file, None::<&str>, flags, None::<&str>)?;
    Ok(())
}

async fn unwire(ctx: &PodCtx, net: Option<PodNet>) {
    let file = ctx.netns.clone();
    let gone = tokio::task::spawn_blocking(move || {
        kill_stragglers(&file);
        if let Some(net) = net
            && let Err(error) = net.delete()
        {
            tracing::debug!(%error, "the pod's link is gone already");
        }
        // Never wired, or not yet: then there is nothing to take away.
        nix::mount::umount2(&file, nix::mount::MntFlags::MNT_DETACH).ok();
        std::fs::remove_file(&file).ok();
    });
    if let Err(error) = gone.await {
        tracing::error!(pod = ctx.name, %error, "cannot take the pod's network away");
    }
}

async fn until_written(ctx: &PodCtx, tokens: &mut Tokens) {
    if let Err(error) = write_etc(ctx) {
        tracing::error!(pod = ctx.name, %error, "cannot write the pod's name resolution");
    }
    let mut said = String::new();
    while let Err(why) = volumes::write_all(ctx, tokens).await {
        if why != said {
            ctx.node.events.warning(&ctx.about(), "FailedMount", why.clone());
            said = why;
        }
        ctx.node.clock.sleep(RETRY).await;
    }
}

fn write_etc(ctx: &PodCtx) -> std::io::Result<()> {
    let folder = ctx.folder.join("etc");
    std::fs::create_dir_all(&folder)?;
    let (domain, namespace) = (&ctx.node.config.cluster_domain, &ctx.namespace);
    let resolv = format!(
        "search {namespace}.svc.{domain} svc.{domain} {domain}\nnameserver {}\noptions ndots:5\n",
        ctx.node.config.dns
    );
    std::fs::write(folder.join("resolv.conf"), resolv)?;
    let host = ctx.hostname();
    let pod = ctx.pod();
    let subdomain =
        pod.spec.as_ref().and_then(|s| s.subdomain.as_deref()).filter(|s| !s.is_empty());
    let full =
        subdomain.map(|s| format!("{host}.{s}.{namespace}.svc.{domain}\t")).unwrap_or_default();
    let mut hosts = format!(
        "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n{}\t{full}{host}\n",
        ctx.address
    );
    for alias in pod.spec.iter().flat_map(|s| s.host_aliases.iter().flatten()) {
        let names = alias.hostnames.clone().unwrap_or_default().join("\t");
        hosts.push_str(&format!("{}\t{names}\n", alias.ip));
    }
    std::fs::write(folder.join("hosts"), hosts)?;
    std::fs::write(folder.join("hostname"), format!("{host}\n"))
}

async fn keep_fresh(ctx: &PodCtx, mut tokens: Tokens) -> std::convert::Infallible {
    loop {
        ctx.node.clock.sleep(REFRESH).await;
        if let Err(error) = volumes::write_all(ctx, &mut tokens).await {
            tracing::warn!(pod = ctx.name, error, "cannot refresh the pod's volumes");
        }
    }
}

/// The runners of a pod's containers.
struct Containers {
    stop_main: watch::Sender<Option<Stop>>,
    main: JoinSet<()>,
    /// In the order of their start.
    sidecars: Vec<(watch::Sender<Option<Stop>>, JoinSet<()>)>,
}

impl Containers {
    fn new(ctx: &PodCtx) -> Self {
        for container in all_containers(&ctx.pod()) {
            ctx.board.change(&container.name, |s| s.wait("ContainerCreating", String::new()));
        }
        Self { stop_main: watch::Sender::new(None), main: JoinSet::new(), sidecars: Vec::new() }
    }

    async fn run_to_completion(&mut self, ctx: &Arc<PodCtx>) {
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
    async fn stop(&mut self, ctx: &PodCtx, order: Stop) {
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

/// Sends the status whenever it has changed.
async fn send_status(
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
