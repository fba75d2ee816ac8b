//! Copies of a request, sent to another cluster beside it.
//!
//! In: a head as the server gets it, then the frames of its body. Out: nothing; the answer is read and forgotten.
//! Holds: a copy never slows its request: one that cannot keep up, or whose request breaks off, is broken off itself.
//! Never: retries, records of its own; the copy's server tells of it.

use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use proxy_config::route::Mirror;
use proxy_http::{Frame, RequestHead, ResponseHead};
use proxy_upstream::pool::Budget;
use proxy_upstream::{Acquired, Exchange as Server, Slot};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::connection::Facts;
use crate::peers::{METADATA, METADATA_ID};
use crate::pick::{self, Wish};
use crate::plan::{Cluster, Plan};
use crate::worker::Worker;

/// Frames that may wait for a copy.
const QUEUE: usize = 64;
/// Longest life of a copy whose route has no timeout.
const LONGEST: Duration = Duration::from_secs(60);

/// The ends of the copies that a request feeds.
#[derive(Debug, Default)]
pub(crate) struct Copies(Vec<Sender<Piece>>);

#[derive(Debug)]
enum Piece {
    Frame(Frame),
    End,
}

impl Copies {
    /// A piece of the body.
    pub(crate) fn frame(&mut self, frame: &Frame) {
        self.0.retain(|copy| copy.try_send(Piece::Frame(frame.clone())).is_ok());
    }

    /// The end of the body; a copy that does not hear of it is broken off.
    pub(crate) fn end(&mut self) {
        for copy in self.0.drain(..) {
            // A copy that cannot take its end is broken off, which is what dropping means.
            copy.try_send(Piece::End).ok();
        }
    }
}

/// Starts the copies that the route asks for.
pub(crate) fn start(
    worker: &Rc<Worker>,
    plan: &Plan,
    facts: &Facts,
    head: &RequestHead,
    (mirrors, timeout): (&[Mirror], Option<Duration>),
) -> Copies {
    let mut copies = Copies::default();
    // A tunnel has no request to copy.
    if mirrors.is_empty() || head.tunnels() {
        return copies;
    }
    for mirror in mirrors {
        if !mirror.fraction.hits(worker.rng.borrow_mut().next_u64()) {
            continue;
        }
        let Some(cluster) = plan.clusters.get(&mirror.cluster) else { continue };
        let mut head = head.clone();
        let authority = head.authority.clone();
        if mirror.suffix {
            head.authority = shadow(&head.authority);
        }
        head.fields.remove("expect");
        let (send, receive) = channel(QUEUE);
        let copy = Copy {
            worker: Rc::clone(worker),
            cluster: Arc::clone(cluster),
            facts: facts.clone(),
            head,
            authority,
        };
        let clock = worker.shared.clock.clone();
        tokio::task::spawn_local(async move {
            // Nobody waits for it, so nobody hears that it took too long.
            clock.timeout(timeout.unwrap_or(LONGEST), Box::pin(copy.run(receive))).await.ok();
        });
        copies.0.push(send);
    }
    copies
}

/// `host:80` becomes `host-shadow:80`.
fn shadow(authority: &str) -> String {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => {
            format!("{host}-shadow:{port}")
        }
        _ => format!("{authority}-shadow"),
    }
}

struct Copy {
    worker: Rc<Worker>,
    cluster: Arc<Cluster>,
    facts: Facts,
    head: RequestHead,
    /// The host that is called; the copy's own name says that it is a copy.
    authority: String,
}

impl Copy {
    async fn run(mut self, mut pieces: Receiver<Piece>) {
        let limits = self.cluster.limits;
        let load = Arc::clone(&self.cluster.load);
        let Some(_slot) = Slot::take(&load.requests, limits.max_requests) else { return };
        let clock = &self.worker.shared.clock;
        let called = self.worker.called.of_request(clock, &self.cluster, &self.authority).await;
        let Ok(called) = called else { return };
        let wish = Wish { called: &called, ..Wish::default() };
        let picked = pick::pick(&self.worker, &self.cluster, &self.facts, Some(&self.head), wish);
        let Some(picked) = picked.filter(|picked| picked.usable) else { return };
        if picked.target.is_in_mesh() {
            let own = &self.worker.shared.exchange;
            self.head.fields.set(METADATA, own.metadata.as_bytes());
            self.head.fields.set(METADATA_ID, own.id.as_bytes());
        }
        let budget = Budget { load: &load, limits, fresh: false };
        let started =
            self.worker.pools.start(&self.cluster.name, &picked.target, &self.head, budget);
        let Acquired::Exchange(mut server) = started.await else { return };
        let mut state = State { ended: self.head.body.is_empty(), answered: false };
        match poll_fn(|cx| state.poll(&mut server, &mut pieces, cx)).await {
            Ok(()) => server.finish(),
            Err(()) => server.abort(),
        }
    }
}

struct State {
    ended: bool,
    answered: bool,
}

impl State {
    /// Feeds the server and reads its answer to the end.
    fn poll(
        &mut self,
        server: &mut Server,
        pieces: &mut Receiver<Piece>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), ()>> {
        loop {
            let mut starved = self.ended;
            while !self.ended && !server.is_full() {
                match pieces.poll_recv(cx) {
                    Poll::Pending => {
                        starved = true;
                        break;
                    }
                    Poll::Ready(None) => return Poll::Ready(Err(())),
                    Poll::Ready(Some(Piece::Frame(frame))) => server.send_frame(frame),
                    Poll::Ready(Some(Piece::End)) => {
                        server.send_end();
                        self.ended = true;
                        starved = true;
                    }
                }
            }
            match server.poll_flush(cx) {
                Poll::Ready(Err(_)) => return Poll::Ready(Err(())),
                Poll::Ready(Ok(())) if !starved => {}
                Poll::Ready(Ok(())) | Poll::Pending => break,
            }
        }
        let mut head = ResponseHead::default();
        while !self.answered {
            match server.poll_head(&mut head, cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(_)) => return Poll::Ready(Err(())),
                Poll::Ready(Ok(())) => self.answered = head.status >= 200,
            }
        }
        loop {
            match server.poll_frame(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(_)) => return Poll::Ready(Err(())),
                Poll::Ready(Ok(Some(_))) => {}
                Poll::Ready(Ok(None)) if self.ended => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(None)) => return Poll::Ready(Err(())),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shadow_keeps_its_port() {
        assert_eq!(shadow("a.b:80"), "a.b-shadow:80");
        assert_eq!(shadow("a.b"), "a.b-shadow");
    }
}
