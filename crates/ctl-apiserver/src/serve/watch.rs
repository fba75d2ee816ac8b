//! Watches over HTTP: one JSON object per line, until the client goes.
//!
//! In: a collection, a selector, a revision to start at. Out: ADDED, MODIFIED, DELETED, BOOKMARK, ERROR.
//! Holds: the reader's own pace: events are read from the history when it takes them; who falls behind the history gets 410.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use ctl_source::Object;
use ctl_store::{Event, EventKind};
use http::StatusCode;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::answer::{self, Answer};
use super::object;
use super::route::{Ask, Target};
use crate::fault::Fault;
use crate::registry;
use crate::select::Selector;

/// Lines that may wait for the client.
const WAITING: usize = 64;
/// How often a quiet watch tells its revision.
const BOOKMARK_EVERY: Duration = Duration::from_secs(30);
const LONGEST: Duration = Duration::from_secs(3600);

/// Watches a collection, or one object of it.
pub(crate) fn collection(ask: Ask, target: Target) -> Result<Answer, Fault> {
    let selector = target.selector(&ask.query)?;
    let from = ask.query.get("resourceVersion").unwrap_or_default();
    let from = match from {
        "" | "0" => None,
        text => Some(text.parse::<u64>().map_err(|_not_a_number| {
            Fault::bad(format!("resourceVersion {text:?} is not one of this server"))
        })?),
    };
    let initial = ask.query.is_on("sendInitialEvents");
    let span =
        ask.query.number("timeoutSeconds")?.map_or(LONGEST, Duration::from_secs).min(LONGEST);
    let (lines, stream) = mpsc::channel(WAITING);
    let watch = Watcher { ask, target, selector, lines };
    tokio::spawn(async move {
        // Ends when the client is gone, time is up or the server stops.
        let (clock, stop) =
            (watch.ask.shared.registry.clock().clone(), watch.ask.shared.stop.clone());
        let fed = clock.timeout(span, watch.feed(from, initial));
        tokio::select! {
            _ = fed => {}
            () = stop.cancelled() => {}
        }
    });
    let mut answer = answer::bytes(StatusCode::OK, "application/json", "");
    *answer.body_mut() = StreamBody::new(ReceiverStream::new(stream)).boxed_unsync();
    Ok(answer)
}

type Line = Result<Frame<Bytes>, io::Error>;

struct Watcher {
    ask: Ask,
    target: Target,
    selector: Selector,
    lines: mpsc::Sender<Line>,
}

impl Watcher {
    async fn feed(&self, from: Option<u64>, initial: bool) -> Option<()> {
        let store = self.ask.shared.registry.store();
        let mut revisions = store.revisions();
        let mut kinds = self.ask.shared.registry.follow_kinds();
        let mut at = match from.filter(|_| !initial) {
            Some(from) => from,
            None => self.begin(initial).await?,
        };
        loop {
            let (events, to) = match store.since(at) {
                Ok(found) => found,
                Err(compacted) => {
                    let fault = Fault::expired(compacted.to_string());
                    return self.send("ERROR", &fault.status()).await;
                }
            };
            at = to;
            for event in events {
                self.tell(&event).await?;
            }
            if !self.is_served() {
                return None;
            }
            tokio::select! {
                changed = revisions.changed() => changed.ok()?,
                changed = kinds.changed() => changed.ok()?,
                () = self.lines.closed() => return None,
                () = self.ask.shared.registry.clock().sleep(BOOKMARK_EVERY) => self.bookmark(at, false).await?,
            }
        }
    }

    /// Everything that is there, as if it had just been added.
    async fn begin(&self, mark_end: bool) -> Option<u64> {
        let collection = registry::collection(&self.target.kind);
        let store = self.ask.shared.registry.store();
        let listing = store.list(&collection, self.target.namespace.as_deref());
        for object in listing.objects.iter().filter(|o| self.wants(o)) {
            self.show("ADDED", object).await?;
        }
        if mark_end {
            self.bookmark(listing.revision, true).await?;
        }
        Some(listing.revision)
    }

    /// The definition of the kind may have gone.
    fn is_served(&self) -> bool {
        let kind = &self.target.kind;
        let kinds = self.ask.shared.registry.kinds();
        kinds
            .find_plural(&kind.group, &kind.plural)
            .is_some_and(|k| k.version(&self.target.version).is_some())
    }

    fn wants(&self, object: &Value) -> bool {
        let named = self.target.name.as_deref();
        named.is_none_or(|name| object["metadata"]["name"] == name) && self.selector.matches(object)
    }

    async fn tell(&self, event: &Event) -> Option<()> {
        let here = event.key.collection == registry::collection(&self.target.kind)
            && self.target.namespace.as_ref().is_none_or(|n| *n == event.key.namespace);
        if !here {
            return Some(());
        }
        let before = event.previous.as_ref().is_some_and(|o| self.wants(&o.open()));
        let object = event.object.open();
        let after = event.kind != EventKind::Deleted && self.wants(&object);
        match (before, after) {
            (false, true) => self.show("ADDED", &object).await,
            (true, true) => self.show("MODIFIED", &object).await,
            (true, false) => self.show("DELETED", &object).await,
            (false, false) => Some(()),
        }
    }

    async fn show(&self, kind: &str, object: &Object) -> Option<()> {
        let shown = object::shown(&self.ask, &self.target, object);
        self.send(kind, &shown).await
    }

    async fn bookmark(&self, revision: u64, end: bool) -> Option<()> {
        if !self.ask.query.is_on("allowWatchBookmarks") {
            return Some(());
        }
        let mut metadata =
            json!({ "resourceVersion": revision.to_string(), "creationTimestamp": null });
        if end {
            metadata["annotations"] = json!({ "k8s.io/initial-events-end": "true" });
        }
        let kind = &self.target.kind.kind;
        let mark = json!({ "apiVersion": object::api_version(&self.target), "kind": kind, "metadata": metadata });
        self.send("BOOKMARK", &mark).await
    }

    async fn send(&self, kind: &str, object: &Value) -> Option<()> {
        let line = format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n");
        self.lines.send(Ok(Frame::data(Bytes::from(line)))).await.ok()
    }
}
