//! An HTTP/2 connection: many requests at once.
//!
//! Holds: streams share the connection's task set and end with it; a drain says GOAWAY and lets them finish.

use std::rc::Rc;

use proxy_http::Wire;
use proxy_listen::exchange::{H2Limits, h2_handshake};
use proxy_listen::{Exchange, Prefixed};
use tokio::task::JoinSet;
use weft_rt::DrainWatch;

use crate::connection::{Bound, Facts};
use crate::plan::Action;
use crate::request::{self, After};
use crate::worker::Worker;

/// Serves until the client leaves or a drain ends it.
pub(crate) async fn serve(
    worker: Rc<Worker>,
    mut bound: Bound,
    facts: Facts,
    wire: Wire,
    watch: DrainWatch,
) {
    let (io, first) = wire.into_parts();
    let io = if first.is_empty() { io } else { Box::new(Prefixed::new(first, io)) };
    let Ok(mut connection) = h2_handshake(io, limits(&bound)).await else { return };
    let facts = Rc::new(facts);
    let mut streams = JoinSet::new();
    let mut leaving = false;
    loop {
        let accepted = tokio::select! {
            accepted = connection.accept() => accepted,
            () = watch.begun(), if !leaving => {
                leaving = true;
                connection.graceful_shutdown();
                continue;
            }
            Some(_) = streams.join_next(), if !streams.is_empty() => continue,
        };
        let Some(Ok((request, respond))) = accepted else { break };
        if !bound.refresh(&worker, &facts) && !leaving {
            leaving = true;
            connection.graceful_shutdown();
        }
        if let Ok((head, exchange)) = Exchange::h2(request, respond) {
            let one = (Rc::clone(&worker), bound.clone(), Rc::clone(&facts));
            streams.spawn_local(Box::pin(stream(one, head, exchange)));
        }
    }
    // The client is gone; what is still asked of servers is broken off with it.
    streams.shutdown().await;
}

fn limits(bound: &Bound) -> H2Limits {
    let mut limits = H2Limits::default();
    if let Action::Http(http) = &bound.chain.action {
        limits.head = http.manager.max_request_headers_kb.saturating_mul(1024);
        limits.streams = http.manager.max_concurrent_streams.unwrap_or(limits.streams);
    }
    limits
}

type One = (Rc<Worker>, Bound, Rc<Facts>);

async fn stream(
    (worker, bound, facts): One,
    mut head: proxy_http::RequestHead,
    mut exchange: Exchange<'static>,
) {
    match request::serve(&worker, &bound, &facts, &mut head, &mut exchange).await {
        After::Keep => {}
        After::Abort | After::Tunnel(..) => exchange.abort(h2::Reason::INTERNAL_ERROR),
    }
}
