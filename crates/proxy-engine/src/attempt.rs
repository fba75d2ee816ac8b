//! Tries of one request: pick an endpoint, connect, send, wait for the answer's head, perhaps again.
//!
//! In: a route. Out: a server whose answer begins, or the failure that the client is told.
//! Holds: nothing is repeated once bytes went to the client, nor when the request's body was not kept whole;
//! a pooled connection that turns out stale costs no try.
//! Never: reading configuration.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use proxy_balance::OutlierVerdict;
use proxy_config::route::{Retry, RetryOn};
use proxy_http::{RequestHead, ResponseHead, StreamError};
use proxy_listen::Exchange as Client;
use proxy_upstream::pool::Budget;
use proxy_upstream::{Acquired, ConnectError, Exchange as Server, Slot};
use smallvec::SmallVec;
use weft_rt::Backoff;

use crate::decide::{self, Forward};
use crate::patience::Over;
use crate::peers::{METADATA, METADATA_ID};
use crate::plan::Cluster;
use crate::pump::{self, Broken, grpc_status};
use crate::reply::Reply;
use crate::request::Run;

const STALE_RETRIES: u32 = 3;
const BACKOFF_BASE: Duration = Duration::from_millis(25);
const BACKOFF_MAX: Duration = Duration::from_millis(250);

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The client left.
    Client,
    NoEndpoint,
    Overflow,
    Connect,
    /// The connection ended before the answer began.
    Ended {
        /// It was a pooled connection, which may have gone stale.
        stale: bool,
    },
    Reset(h2::Reason),
    Protocol,
    Timeout,
    /// Nothing moved for too long.
    Silent {
        /// The whole request had arrived.
        arrived: bool,
    },
    /// The request did not arrive in time.
    Late,
}

impl Failure {
    pub(crate) fn reply(self, why: Option<&str>) -> Reply {
        match self {
            Self::NoEndpoint => Reply::no_healthy_upstream(),
            Self::Overflow => Reply::overflow(),
            Self::Connect => Reply::connect_failed(why.unwrap_or("connection refused")),
            Self::Ended { .. } | Self::Client => Reply::connection_ended(),
            Self::Reset(_) => Reply::upstream_reset(),
            Self::Protocol => Reply::upstream_protocol(),
            Self::Timeout => Reply::timeout(),
            Self::Silent { arrived } => Reply::silent(arrived),
            Self::Late => Reply::late(),
        }
    }

    const fn is_stale(self) -> bool {
        matches!(self, Self::Ended { stale: true } | Self::Reset(h2::Reason::REFUSED_STREAM))
    }

    /// True when a policy with these conditions repeats the request after this failure.
    const fn retriable(self, on: RetryOn) -> bool {
        let any = on.any_5xx || on.reset;
        match self {
            Self::Client | Self::NoEndpoint | Self::Overflow | Self::Silent { .. } | Self::Late => {
                false
            }
            Self::Connect => any || on.connect_failure || on.gateway_error,
            Self::Ended { .. } | Self::Protocol => any || on.gateway_error,
            Self::Reset(h2::Reason::REFUSED_STREAM) => any || on.refused_stream,
            Self::Reset(_) => any,
            Self::Timeout => any || on.gateway_error,
        }
    }
}

/// True when the policy repeats the request after this answer.
fn wants(policy: &Retry, head: &ResponseHead) -> bool {
    let (on, status) = (policy.on, head.status);
    let grpc = grpc_status(&head.fields);
    (on.any_5xx && status >= 500)
        || (on.gateway_error && matches!(status, 502..=504))
        || (on.retriable_4xx && status == 409)
        || (on.status_codes && policy.status_codes.contains(&status))
        || grpc.is_some_and(|code| code < 32 && on.grpc & (1 << code) != 0)
}

/// A server whose answer has begun.
pub(crate) struct Answered {
    pub(crate) server: Server,
    pub(crate) head: ResponseHead,
    pub(crate) deadline: Option<Instant>,
    pub(crate) slot: Slot,
}

/// The tries of one request.
pub(crate) struct Tries<'a> {
    cluster: Arc<Cluster>,
    route: Forward<'a>,
    tried: SmallVec<[SocketAddr; 4]>,
}

impl<'a> Tries<'a> {
    pub(crate) fn new(cluster: Arc<Cluster>, route: Forward<'a>) -> Self {
        Self { cluster, route, tried: SmallVec::new() }
    }

    pub(crate) async fn run(
        mut self,
        run: &mut Run<'_>,
        head: &mut RequestHead,
        client: &mut Client<'_>,
    ) -> Result<Answered, Failure> {
        let clock = run.worker.shared.clock.clone();
        let deadline = self.route.timeout(head).map(|limit| clock.now() + limit);
        let limits = self.cluster.limits;
        let load = Arc::clone(&self.cluster.load);
        let slot = Slot::take(&load.requests, limits.max_requests).ok_or(Failure::Overflow)?;
        let (base, most) = self.route.retry().map_or((BACKOFF_BASE, BACKOFF_MAX), |p| p.back_off);
        let mut backoff = Backoff::new(base, most);
        let (mut retries, mut stale, mut fresh) = (0, 0, false);
        let mut _retry_slot = None;
        loop {
            if self.route.attempt_count() {
                head.fields.set("x-envoy-attempt-count", (retries + 1).to_string().as_bytes());
            }
            let result = self.limited(run, head, client, fresh, deadline).await;
            self.judge(run, &result);
            let policy = self.route.retry();
            let again = run.upload.repeatable()
                && policy.is_some_and(|p| retries < p.num_retries)
                && deadline.is_none_or(|at| clock.now() < at);
            match result {
                Ok((server, response)) => {
                    let wanted = policy.is_some_and(|p| wants(p, &response));
                    if !(again && wanted) {
                        return Ok(Answered { server, head: response, deadline, slot });
                    }
                    server.abort();
                }
                Err(failure)
                    if failure.is_stale() && run.upload.repeatable() && stale < STALE_RETRIES =>
                {
                    stale += 1;
                    fresh = true;
                    run.upload.rewind();
                    self.tried.pop();
                    continue;
                }
                Err(failure) if again && policy.is_some_and(|p| failure.retriable(p.on)) => {}
                Err(failure) => return Err(failure),
            }
            retries += 1;
            fresh = false;
            _retry_slot = Slot::take(&load.retries, limits.max_retries);
            if _retry_slot.is_none() {
                return Err(Failure::Overflow);
            }
            run.upload.rewind();
            let wait = backoff.next(&mut run.worker.rng.borrow_mut());
            clock.sleep(wait).await;
        }
    }

    /// Tells outlier detection how the try ended.
    fn judge(&self, run: &Run<'_>, result: &Result<(Server, ResponseHead), Failure>) {
        let (Some(outlier), Some(host)) = (&self.cluster.config.outlier, run.host) else { return };
        let verdict = match result {
            Ok((_, head)) => OutlierVerdict::Status(head.status),
            Err(
                Failure::Client
                | Failure::NoEndpoint
                | Failure::Overflow
                | Failure::Silent { .. }
                | Failure::Late,
            ) => return,
            Err(failure) if failure.is_stale() => return,
            Err(Failure::Timeout) => OutlierVerdict::Status(504),
            Err(_) => OutlierVerdict::LocalOrigin,
        };
        let (hosts, now) = (self.cluster.hosts.len(), run.worker.shared.clock.now());
        self.cluster.health.record(outlier, host, verdict, hosts, now);
    }

    async fn limited(
        &mut self,
        run: &mut Run<'_>,
        head: &mut RequestHead,
        client: &mut Client<'_>,
        fresh: bool,
        deadline: Option<Instant>,
    ) -> Result<(Server, ResponseHead), Failure> {
        let per_try = self.route.retry().and_then(|p| p.per_try_timeout);
        let per_try = per_try.map(|limit| run.worker.shared.clock.now() + limit);
        let limit = [deadline, per_try].into_iter().flatten().min();
        let one = self.one(run, head, client, fresh);
        match limit {
            None => one.await,
            Some(at) => {
                tokio::time::timeout_at(at.into(), one).await.unwrap_or(Err(Failure::Timeout))
            }
        }
    }

    async fn one(
        &mut self,
        run: &mut Run<'_>,
        head: &mut RequestHead,
        client: &mut Client<'_>,
        fresh: bool,
    ) -> Result<(Server, ResponseHead), Failure> {
        let avoid: &[SocketAddr] = match self.route.retry() {
            Some(policy) if policy.avoid_previous_hosts => &self.tried,
            _ => &[],
        };
        let wish = decide::Wish { avoid, hash: run.key.hash };
        let picked = decide::pick(run.worker, &self.cluster, run.facts, Some(head), wish)
            .ok_or(Failure::NoEndpoint)?;
        if !picked.usable {
            run.failure = Some("TLS settings of the cluster cannot be used".into());
            return Err(Failure::Connect);
        }
        run.active = picked.active;
        if let Some(name) = picked.hostname.filter(|_| self.route.takes_endpoint_name()) {
            head.authority = name.as_ref().to_owned();
        }
        let target = &picked.target;
        run.host = Some(target.address);
        run.upstream_tls = target.tls.is_some();
        self.tried.push(target.address);
        introduce(run, head, target.tls.is_some());
        let budget = Budget { load: &self.cluster.load, limits: self.cluster.limits, fresh };
        let started = run.worker.pools.start(&self.cluster.name, target, head, budget).await;
        let mut server = match started {
            Acquired::Exchange(server) => server,
            Acquired::Failed(ConnectError::Overflow) => return Err(Failure::Overflow),
            Acquired::Failed(error) => {
                run.failure = Some(error.to_string());
                return Err(Failure::Connect);
            }
            Acquired::Broken(error) => return Err(failure_of(error, true)),
        };
        run.local = server.local();
        run.server_principal = server.peer().map(Arc::clone);
        let stale = server.reused();
        loop {
            let (upload, patience) = (&mut run.upload, &mut run.patience);
            let next = poll_fn(|cx| match pump::poll_head(client, &mut server, upload, cx) {
                Poll::Ready(next) => Poll::Ready(Ok(next)),
                Poll::Pending => match patience.over(upload.moved(), upload.complete(), cx) {
                    None => Poll::Pending,
                    Some(Over::Late) => Poll::Ready(Err(Failure::Late)),
                    Some(Over::Silent) => {
                        Poll::Ready(Err(Failure::Silent { arrived: upload.complete() }))
                    }
                },
            });
            let next = match next.await {
                Ok(next) => next,
                Err(over) => {
                    server.abort();
                    return Err(over);
                }
            };
            match next {
                Ok(response) if response.status < 200 && response.status != 101 => {
                    client.send_informational(&response);
                }
                Ok(response) => return Ok((server, response)),
                Err(Broken::Client(_)) => {
                    server.abort();
                    return Err(Failure::Client);
                }
                Err(Broken::Server(error)) => return Err(failure_of(error, stale)),
            }
        }
    }
}

/// Tells a server of the mesh who asks.
fn introduce(run: &Run<'_>, head: &mut RequestHead, mesh: bool) {
    if run.bound.listener.reporter == weft_telemetry::Reporter::Source && mesh {
        let own = &run.worker.shared.exchange;
        head.fields.set(METADATA, own.metadata.as_bytes());
        head.fields.set(METADATA_ID, own.id.as_bytes());
    } else {
        head.fields.remove(METADATA);
        head.fields.remove(METADATA_ID);
    }
}

const fn failure_of(error: StreamError, stale: bool) -> Failure {
    match error {
        StreamError::Closed => Failure::Ended { stale },
        StreamError::Reset(reason) => Failure::Reset(reason),
        StreamError::Protocol(_) | StreamError::TooLarge => Failure::Protocol,
    }
}
