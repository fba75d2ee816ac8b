//! An HTTP/1 connection: one request after the other.
//!
//! Holds: a request that waits in the buffer is served before the connection is closed for a drain.

use std::future::poll_fn;
use std::rc::Rc;

use proxy_http::h1::{Conn, Next};
use proxy_http::{RequestHead, Version, Wire};
use proxy_listen::Exchange;
use weft_rt::DrainWatch;

use crate::connection::{Bound, Facts};
use crate::plan::Action;
use crate::reply::Reply;
use crate::request::{self, After};
use crate::worker::Worker;

/// Serves until the client leaves, the plan forbids, or a drain ends it.
pub(crate) async fn serve(
    worker: Rc<Worker>,
    mut bound: Bound,
    facts: Facts,
    wire: Wire,
    watch: DrainWatch,
) {
    let mut conn = Conn::new(wire);
    let mut old_allowed = true;
    if let Action::Http(http) = &bound.chain.action {
        conn.max_head = usize::try_from(http.manager.max_request_headers_kb).unwrap_or(60) * 1024;
        old_allowed = http.manager.accept_http_10;
    }
    let mut head = RequestHead::default();
    loop {
        let next = tokio::select! {
            biased;
            next = poll_fn(|cx| conn.poll_request(cx, &mut head)) => next,
            () = removed(&watch, &worker) => break,
            () = idle(&worker, &bound) => break,
        };
        match next {
            Ok(Next::Request) if head.version == Version::Http10 && !old_allowed => {
                refuse(&mut conn, &Reply::refused(426, "low_version")).await;
                break;
            }
            Ok(Next::Request) => {}
            Ok(Next::Refused(refused)) => {
                refuse(&mut conn, &Reply::refused(refused.status, refused.why)).await;
                break;
            }
            Ok(Next::Closed) | Err(_) => return,
        }
        if !bound.refresh(&worker, &facts) {
            break;
        }
        let mut exchange = Exchange::h1(&mut conn, &head);
        if watch.started() || worker.shared.drain.started() {
            exchange.close_after();
        }
        match request::serve(&worker, &bound, &facts, &mut head, &mut exchange).await {
            After::Keep if keeps(&exchange) && conn.incoming_done() => conn.wire.rest(),
            After::Tunnel(server, silence) => {
                let wire = std::mem::replace(&mut conn.wire, crate::tcp::nowhere());
                crate::tcp::join(&worker, wire, *server, silence).await;
                return;
            }
            After::Keep => break,
            After::Abort => {
                conn.wire.cut();
                return;
            }
        }
    }
    linger(&mut conn).await;
}

const fn keeps(exchange: &Exchange<'_>) -> bool {
    match exchange {
        Exchange::H1(h1) => h1.answer.keep_alive,
        Exchange::H2(_) => false,
    }
}

/// The listener of this connection was removed, which is not the drain of the whole proxy.
async fn removed(watch: &DrainWatch, worker: &Worker) {
    watch.begun().await;
    if worker.shared.drain.started() {
        std::future::pending::<()>().await;
    }
}

/// No request for longer than the connection manager allows.
async fn idle(worker: &Worker, bound: &Bound) {
    match &bound.chain.action {
        Action::Http(http) if let Some(limit) = http.manager.idle_timeout => {
            worker.shared.clock.sleep(limit).await;
        }
        _ => std::future::pending().await,
    }
}

async fn refuse(conn: &mut Conn, reply: &Reply) {
    let head = RequestHead::default();
    let mut exchange = Exchange::h1(conn, &head);
    exchange.close_after();
    if exchange.send_head(&reply.head()).is_ok() {
        exchange.send_end();
        // The client broke the protocol; whether it still listens does not matter.
        poll_fn(|cx| exchange.poll_flush(cx)).await.ok();
    }
}

/// Closes so that the last answer is not lost: first our side, then whatever the client still sends is read
/// for a moment, because closing with unread bytes would reset the connection.
async fn linger(conn: &mut Conn) {
    if poll_fn(|cx| conn.wire.poll_shutdown(cx)).await.is_err() {
        return;
    }
    let drain = async {
        let mut left = 256usize;
        while left > 0 && matches!(poll_fn(|cx| conn.wire.poll_fill(cx)).await, Ok(true)) {
            conn.wire.read.clear();
            left -= 1;
        }
    };
    tokio::time::timeout(std::time::Duration::from_millis(500), drain).await.ok();
}
