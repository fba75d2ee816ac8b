//! An HTTP/1 connection: one request after the other.
//!
//! Holds: a request that waits in the buffer is served before the connection is closed for a drain; a connection at rest has
//! no memory of requests.

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Instant;

use proxy_config::http::HttpManager;
use proxy_http::h1::{Conn, Next};
use proxy_http::parse::Limits;
use proxy_http::{RequestHead, StreamError, Wire};
use proxy_listen::Exchange;
use weft_rt::DrainWatch;

use crate::connection::{Bound, Facts};
use crate::patience::{self, Over, Patience, Unused};
use crate::plan::Action;
use crate::reply::Reply;
use crate::request::{self, After};
use crate::worker::Worker;

/// Serves until the client leaves, the plan forbids, or a drain ends it.
pub(crate) fn serve(
    worker: Rc<Worker>,
    bound: Bound,
    facts: Facts,
    wire: Wire,
    watch: DrainWatch,
) -> impl Future<Output = ()> {
    let mut conn = Conn::new(wire);
    if let Action::Http(http) = &bound.chain.action {
        conn.limits = limits(&http.manager);
    }
    let since = worker.shared.clock.now();
    let mut client = Client { worker, bound, facts, conn, watch, since, asked: false };
    async move {
        // Who has not said a word yet is waited for without that box.
        let unsaid = client.conn.wire.read.is_empty();
        let mut now = if unsaid { Now::Rests } else { Now::Serves };
        loop {
            now = match now {
                // A box for as long as there are requests: their state is six kilobytes, which a connection at rest does
                // not keep, and which is not made anew for each of them. One request alone is no busy time: else a
                // thousand clients that ask once would leave a thousand holes in the heap.
                Now::Serves => Box::pin(client.serve()).await,
                Now::Rests => client.rest().await,
                Now::Leaves => return Box::pin(patience::linger(&mut client.conn.wire)).await,
                Now::Left => return,
            }
        }
    }
}

/// What a connection does.
enum Now {
    Serves,
    /// There was no request for a while.
    Rests,
    /// It ends, and the client should hear of it.
    Leaves,
    Left,
}

/// One connection.
struct Client {
    worker: Rc<Worker>,
    bound: Bound,
    facts: Facts,
    conn: Conn,
    watch: DrainWatch,
    /// When the last request ended, or the connection began.
    since: Instant,
    /// There was a request.
    asked: bool,
}

impl Client {
    async fn rest(&mut self) -> Now {
        let Self { worker, bound, conn, watch, since, .. } = self;
        tokio::select! {
            biased;
            begun = conn.wire.begun() => if begun { Now::Serves } else { Now::Left },
            () = removed(watch, worker) => Now::Leaves,
            () = patience::unused_since(worker, bound, *since) => Now::Leaves,
        }
    }

    async fn serve(&mut self) -> Now {
        let Self { worker, bound, facts, conn, watch, since, asked } = self;
        let (worker, watch) = (&*worker, &*watch);
        let busy = *asked && worker.shared.clock.now().duration_since(*since) < patience::REST;
        *asked = true;
        let mut patience = Patience::default();
        let unused = Unused::resting(worker, bound);
        let (mut over, mut removed) = (pin!(unused.over()), pin!(removed(watch, worker)));
        loop {
            let begun = tokio::select! {
                biased;
                begun = conn.wire.begun() => begun,
                () = &mut removed => return Now::Leaves,
                () = &mut over => {
                    *since = unused.since();
                    return Now::Rests;
                }
            };
            if !begun {
                return Now::Left;
            }
            // For as long as there is a request: a connection at rest has none.
            let mut head = worker.heads.take();
            let next = match conn.take_request(&mut head) {
                Some(next) => Ok(Ok(next)),
                None => tokio::select! {
                    biased;
                    next = arrives(conn, &mut head, bound) => next,
                    () = &mut removed => return Now::Leaves,
                    () = patience::unused_since(worker, bound, unused.since()) => return Now::Leaves,
                },
            };
            let refusal = match next {
                Ok(Ok(Next::Request)) => None,
                Ok(Ok(Next::Refused(refused))) => Some(Reply::refused(refused.status, refused.why)),
                Ok(Ok(Next::Closed) | Err(_)) => return Now::Left,
                Err(Over::Silent) => Some(Reply::silent(false)),
                Err(Over::Late) => Some(Reply::late()),
            };
            if let Some(reply) = refusal {
                refuse(worker, bound, facts, conn, &reply).await;
                return Now::Leaves;
            }
            if !bound.refresh(worker, facts) {
                return Now::Leaves;
            }
            let mut exchange = Exchange::h1(conn, &head);
            if watch.started() || worker.shared.drain.started() {
                exchange.close_after();
            }
            let after =
                request::serve(worker, bound, facts, &mut head, &mut exchange, &mut patience).await;
            if unused.again(bound) {
                over.set(unused.over());
            }
            match after {
                After::Keep if keeps(&exchange) && conn.incoming_done() => {
                    conn.wire.rest();
                    worker.heads.give_back(head);
                    if !busy && conn.wire.read.is_empty() {
                        *since = unused.since();
                        return Now::Rests;
                    }
                }
                After::Tunnel(server, silence) => {
                    let wire = std::mem::replace(&mut conn.wire, crate::tcp::nowhere());
                    crate::tcp::join(worker, wire, *server, silence).await;
                    return Now::Left;
                }
                After::Keep => return Now::Leaves,
                After::Abort => {
                    conn.wire.cut();
                    return Now::Left;
                }
            }
        }
    }
}

/// The next head, as long as there is patience with one that has begun.
async fn arrives(
    conn: &mut Conn,
    head: &mut RequestHead,
    bound: &Bound,
) -> Result<Result<Next, StreamError>, Over> {
    let (silence, arrival) = match &bound.chain.action {
        Action::Http(http) => (http.manager.stream_idle_timeout, http.manager.request_timeout),
        Action::Tcp(_) => (None, None),
    };
    let mut patience = Patience::new(silence, arrival);
    poll_fn(|cx| match conn.poll_request(cx, head) {
        Poll::Ready(next) => Poll::Ready(Ok(next)),
        Poll::Pending if conn.wire.read.is_empty() => Poll::Pending,
        Poll::Pending => match patience.over(conn.wire.read.len() as u64, false, cx) {
            None => Poll::Pending,
            Some(over) => Poll::Ready(Err(over)),
        },
    })
    .await
}

async fn refuse(worker: &Rc<Worker>, bound: &Bound, facts: &Facts, conn: &mut Conn, why: &Reply) {
    let mut exchange = Exchange::h1(conn, &RequestHead::default());
    request::refuse(worker, bound, facts, &mut exchange, why).await;
}

fn limits(manager: &HttpManager) -> Limits {
    let most = usize::try_from(manager.max_request_headers_kb).unwrap_or(60) * 1024;
    Limits { most, http_10: manager.accept_http_10, keep_case: manager.keep_case }
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
