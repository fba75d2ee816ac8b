//! A question of our own to a server: one small request, and its whole answer.
//!
//! In: a cluster, a head, a body. Out: the answer's head, body and trailers, or why there is none.
//! Holds: an answer has a bound; a pooled connection that turns out stale is given up for a fresh one, once.
//! Never: time limits; whoever asks has one. Records: the server tells of it.

use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use proxy_http::{BodyKind, Fields, Frame, RequestHead, ResponseHead};
use proxy_upstream::pool::Budget;
use proxy_upstream::{Acquired, Exchange as Server, Slot};

use crate::connection::Facts;
use crate::peers::{METADATA, METADATA_ID};
use crate::pick::{self, Wish};
use crate::plan::Cluster;
use crate::worker::Worker;

/// Longest answer.
const LONGEST: usize = 1 << 20;

/// A whole answer.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) head: ResponseHead,
    pub(crate) body: Bytes,
    pub(crate) trailers: Option<Fields>,
}

/// Why there is no answer.
enum Unanswered {
    /// The connection had gone stale, so that nobody has heard the question.
    Stale,
    /// Anything else.
    For(String),
}

/// Asks a server of the cluster.
pub(crate) async fn ask(
    worker: &Rc<Worker>,
    cluster: &Arc<Cluster>,
    facts: &Facts,
    (head, body): (&mut RequestHead, Bytes),
) -> Result<Answer, String> {
    let load = Arc::clone(&cluster.load);
    let slot = Slot::take(&load.requests, cluster.limits.max_requests);
    let Some(_slot) = slot else { return Err("overflow".into()) };
    head.body = match body.len() {
        0 => BodyKind::Empty,
        length => BodyKind::Length(length as u64),
    };
    for fresh in [false, true] {
        match once(worker, cluster, facts, (head, &body), fresh).await {
            Ok(answer) => return Ok(answer),
            Err(Unanswered::Stale) if !fresh => {}
            Err(Unanswered::Stale) => break,
            Err(Unanswered::For(why)) => return Err(why),
        }
    }
    Err("connection closed".into())
}

async fn once(
    worker: &Rc<Worker>,
    cluster: &Arc<Cluster>,
    facts: &Facts,
    (head, body): (&mut RequestHead, &Bytes),
    fresh: bool,
) -> Result<Answer, Unanswered> {
    let no = |why: &str| Unanswered::For(why.to_owned());
    let clock = &worker.shared.clock;
    let called = worker.called.of_request(clock, cluster, &head.authority).await;
    let called = called.map_err(|_unknown| no("DNS resolution failure"))?;
    let wish = Wish { called: &called, ..Wish::default() };
    let picked = pick::pick(worker, cluster, facts, Some(head), wish);
    let picked = picked.ok_or_else(|| no("no healthy upstream"))?;
    if !picked.usable {
        return Err(no("TLS settings of the cluster cannot be used"));
    }
    if picked.target.is_in_mesh() {
        let own = &worker.shared.exchange;
        head.fields.set(METADATA, own.metadata.as_bytes());
        head.fields.set(METADATA_ID, own.id.as_bytes());
    }
    let budget = Budget { load: &cluster.load, limits: cluster.limits, fresh };
    let started = worker.pools.start(&cluster.name, &picked.target, head, budget);
    let mut server = match started.await {
        Acquired::Exchange(server) => server,
        Acquired::Failed(error) => return Err(Unanswered::For(error.to_string())),
        Acquired::Broken(_) => return Err(Unanswered::Stale),
    };
    if !body.is_empty() {
        server.send_frame(Frame::Data(body.clone()));
        server.send_end();
    }
    let stale = server.reused();
    let mut heard = Heard::default();
    match poll_fn(|cx| heard.poll(&mut server, cx)).await {
        Ok(()) => {
            server.finish();
            Ok(heard.whole())
        }
        Err(why) => {
            server.abort();
            Err(if stale && !heard.begun { Unanswered::Stale } else { Unanswered::For(why) })
        }
    }
}

/// What of an answer is here.
#[derive(Default)]
struct Heard {
    begun: bool,
    head: ResponseHead,
    body: BytesMut,
    trailers: Option<Fields>,
}

impl Heard {
    fn poll(&mut self, server: &mut Server, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        // A server that refuses the question may still have said why.
        let _unsent = server.poll_flush(cx);
        while !self.begun {
            match ready!(server.poll_head(&mut self.head, cx)) {
                Ok(()) => self.begun = self.head.status >= 200,
                Err(error) => return Poll::Ready(Err(error.to_string())),
            }
        }
        loop {
            match ready!(server.poll_frame(cx)) {
                Ok(None) => return Poll::Ready(Ok(())),
                Ok(Some(Frame::Data(data))) if self.body.len() + data.len() <= LONGEST => {
                    self.body.extend_from_slice(&data);
                }
                Ok(Some(Frame::Data(_))) => return Poll::Ready(Err("answer is too long".into())),
                Ok(Some(Frame::Trailers(fields))) => self.trailers = Some(fields),
                Err(error) => return Poll::Ready(Err(error.to_string())),
            }
        }
    }

    fn whole(self) -> Answer {
        let Self { begun: _, mut head, body, trailers } = self;
        head.fields.remove(METADATA);
        head.fields.remove(METADATA_ID);
        Answer { head, body: body.freeze(), trailers }
    }
}
