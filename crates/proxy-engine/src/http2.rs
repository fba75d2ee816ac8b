//! An HTTP/2 connection: many requests at once.
//!
//! Holds: streams share the connection's task set and end with it; a drain says GOAWAY and lets them finish;
//! a client that breaks the protocol is told of once for each request that nobody saw, and once for the connection;
//! what we said last reaches the client although it still talks.

use std::pin::pin;
use std::rc::Rc;

use proxy_http::Wire;
use proxy_listen::exchange::{H2Limits, H2Server, h2_handshake};
use proxy_listen::frames::{Framed, Seen};
use proxy_listen::{Exchange, Prefixed};
use tokio::task::JoinSet;
use weft_rt::DrainWatch;

use crate::connection::{Bound, Facts};
use crate::patience::{self, Patience, Unused};
use crate::plan::Action;
use crate::request::{self, After};
use crate::tunnel;
use crate::worker::Worker;

/// Serves until the client leaves or a drain ends it.
pub(crate) async fn serve(
    worker: Rc<Worker>,
    bound: Bound,
    facts: Facts,
    wire: Wire,
    watch: DrainWatch,
) {
    let (io, first) = wire.into_parts();
    let io = if first.is_empty() { io } else { Box::new(Prefixed::new(first, io)) };
    let (io, seen) = Framed::new(io);
    let greeting = tokio::select! {
        greeting = h2_handshake(Box::new(io), limits(&bound)) => greeting,
        () = patience::unused(&worker, &bound) => return,
    };
    let left = Rc::clone(&seen);
    let (facts, streams) = (Rc::new(facts), JoinSet::new());
    let mut client = Client { worker, bound, facts, seen, streams, leaving: false };
    match greeting {
        Ok(connection) => client.serve(connection, watch).await,
        Err(error) => client.tell(&error),
    }
    // The client is gone; what is still asked of servers is broken off with it.
    client.streams.shutdown().await;
    if let Some(io) = left.take_stream() {
        patience::linger(&mut Wire::new(io)).await;
    }
}

fn limits(bound: &Bound) -> H2Limits {
    let mut limits = H2Limits::default();
    if let Action::Http(http) = &bound.chain.action {
        limits.connect = http.manager.http2_connect;
        limits.head = http.manager.max_request_headers_kb.saturating_mul(1024);
        limits.streams = http.manager.max_concurrent_streams.unwrap_or(limits.streams);
    }
    limits
}

/// One connection and its streams.
struct Client {
    worker: Rc<Worker>,
    bound: Bound,
    facts: Rc<Facts>,
    seen: Rc<Seen>,
    streams: JoinSet<()>,
    leaving: bool,
}

impl Client {
    async fn serve(&mut self, mut connection: H2Server, watch: DrainWatch) {
        let (worker, seen) = (Rc::clone(&self.worker), Rc::clone(&self.seen));
        let unused = Unused::new(&worker, &self.bound);
        // Made once, not for each request.
        let (mut begun, mut over) = (pin!(watch.begun()), pin!(unused.over()));
        loop {
            if unused.again(&self.bound) {
                over.set(unused.over());
            }
            let accepted = tokio::select! {
                accepted = connection.accept() => accepted,
                () = &mut begun, if !self.leaving => {
                    self.leave(&mut connection);
                    continue;
                }
                Some(_) = self.streams.join_next(), if !self.streams.is_empty() => continue,
                () = seen.refused() => {
                    self.tell_refused();
                    continue;
                }
                () = &mut over, if self.streams.is_empty() => {
                    if self.leaving {
                        break;
                    }
                    over.set(unused.over());
                    self.leave(&mut connection);
                    continue;
                }
            };
            match accepted {
                Some(Ok((request, respond))) => {
                    self.seen.shown(respond.stream_id().as_u32());
                    if !self.bound.refresh(&self.worker, &self.facts) && !self.leaving {
                        self.leave(&mut connection);
                    }
                    self.start(request, respond);
                }
                Some(Err(error)) => return self.tell(&error),
                None => break,
            }
        }
        self.tell_refused();
    }

    fn leave(&mut self, connection: &mut H2Server) {
        self.leaving = true;
        connection.graceful_shutdown();
    }

    fn start(
        &mut self,
        request: http::Request<h2::RecvStream>,
        respond: h2::server::SendResponse<bytes::Bytes>,
    ) {
        match Exchange::h2(request, respond) {
            Ok((head, exchange)) => {
                let one = (Rc::clone(&self.worker), self.bound.clone(), Rc::clone(&self.facts));
                self.streams.spawn_local(Box::pin(stream(one, head, exchange)));
            }
            Err(_malformed) => self.broken(0, "http2.violation.of.messaging.rule".to_owned()),
        }
    }

    fn broken(&self, status: u16, why: String) {
        request::broken(&self.worker, &self.bound, &self.facts, (status, why));
    }

    fn tell_refused(&self) {
        let (malformed, oversized) = self.seen.take_refused();
        for _ in 0..malformed {
            self.broken(0, "http2.violation.of.messaging.rule".to_owned());
        }
        for _ in 0..oversized {
            self.broken(431, "http2.headers_too_large".to_owned());
        }
    }

    /// A client that only leaves, also in the middle of a frame, has broken nothing.
    fn tell(&self, error: &h2::Error) {
        self.tell_refused();
        let reason = error.reason().filter(|reason| *reason != h2::Reason::NO_ERROR);
        match (self.seen.flood(), reason) {
            (Some(flood), _) => self.broken(0, flood.to_owned()),
            (None, Some(reason)) if !error.is_remote() => {
                self.broken(0, format!("codec_error:{reason:?}"));
            }
            (None, _) => {}
        }
    }
}

type One = (Rc<Worker>, Bound, Rc<Facts>);

async fn stream(
    (worker, bound, facts): One,
    mut head: proxy_http::RequestHead,
    mut exchange: Exchange<'static>,
) {
    let mut patience = Patience::default();
    let served =
        request::serve(&worker, &bound, &facts, &mut head, &mut exchange, &mut patience).await;
    match served {
        After::Keep => {}
        After::Abort => exchange.abort(h2::Reason::INTERNAL_ERROR),
        After::Tunnel(server, silence) => {
            let client = tunnel::bytes_of(exchange);
            crate::tcp::join(&worker, client, *server, silence).await;
        }
    }
}
