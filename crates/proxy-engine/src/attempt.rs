//! Tries of one request: pick an endpoint, connect, send, wait for the answer's head, perhaps again.
//!
//! In: a route. Out: a server whose answer begins, or the failure that the client is told.
//! Holds: nothing is repeated once bytes went to the client, nor when the request's body was not kept whole;
//! a pooled connection that turns out stale costs no try, and neither does a server that never saw the request;
//! where retries have no room left, the client gets what the last try brought.
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
use weft_rt::{Backoff, Clock};
use weft_telemetry::Flag;

use crate::called::Unknown;
use crate::decide::Forward;
use crate::elsewhere::{self, Elsewhere};
use crate::patience::Over;
use crate::peers::{METADATA, METADATA_ID};
use crate::pick;
use crate::plan::Cluster;
use crate::pump::{self, Broken, grpc_status};
use crate::reply::Reply;
use crate::request::Run;

const STALE_RETRIES: u32 = 3;
/// Tries after which other priorities are asked, where a policy wants that.
const TRIES_AT_HOME: usize = 2;
const BACKOFF_BASE: Duration = Duration::from_millis(25);
const BACKOFF_MAX: Duration = Duration::from_millis(250);

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The client left.
    Client,
    /// The client broke the protocol in its request's body.
    Malformed {
        /// Its trailers are larger than a head may be.
        too_large: bool,
    },
    NoEndpoint,
    Overflow,
    Connect,
    /// The connection was refused, or broken off before a request could be on it.
    Refused,
    /// The connection ended before the answer began.
    Ended {
        /// It was a pooled connection, which may have gone stale.
        stale: bool,
    },
    Reset(h2::Reason),
    Protocol,
    Timeout,
    /// The time that the client itself gave is over.
    Deadline,
    /// Nothing moved for too long.
    Silent {
        /// The whole request had arrived.
        arrived: bool,
    },
    /// The request did not arrive in time.
    Late,
    /// The called host has no address that we know.
    Unknown(Unknown),
}

impl Failure {
    pub(crate) fn reply(self, why: Option<&str>) -> Reply {
        match self {
            Self::NoEndpoint => Reply::no_healthy_upstream(),
            Self::Overflow => Reply::overflow(),
            Self::Connect | Self::Refused => {
                Reply::connect_failed(why.unwrap_or("connection refused"))
            }
            Self::Ended { .. } | Self::Client => Reply::connection_ended(),
            Self::Malformed { too_large } => Reply::malformed(too_large),
            Self::Reset(_) => Reply::upstream_reset(),
            Self::Protocol => Reply::upstream_protocol(),
            Self::Timeout => Reply::timeout(),
            Self::Deadline => Reply::deadline(),
            Self::Silent { arrived } => Reply::silent(arrived),
            Self::Late => Reply::late(),
            Self::Unknown(Unknown::NoAddress) => Reply::unresolved(),
            Self::Unknown(Unknown::Full) => Reply::too_many_hosts(),
        }
    }

    const fn is_stale(self) -> bool {
        matches!(self, Self::Ended { stale: true }) || self.is_refusal()
    }

    /// The server says that it did not process the request.
    const fn is_refusal(self) -> bool {
        matches!(self, Self::Reset(h2::Reason::REFUSED_STREAM))
    }

    /// True when a policy with these conditions repeats the request after this failure.
    const fn retriable(self, on: RetryOn) -> bool {
        let any = on.any_5xx || on.reset;
        match self {
            Self::Client
            | Self::Malformed { .. }
            | Self::NoEndpoint
            | Self::Overflow
            | Self::Silent { .. }
            | Self::Late
            | Self::Deadline
            | Self::Unknown(_) => false,
            Self::Connect | Self::Refused => any || on.connect_failure || on.gateway_error,
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
    if head.fields.has("x-envoy-ratelimited") {
        // What a rate limit refused is asked again only where the policy names just that.
        return on.rate_limited;
    }
    (on.any_5xx && status >= 500)
        || (on.gateway_error && matches!(status, 502..=504))
        || (on.retriable_4xx && status == 409)
        || (on.status_codes && policy.status_codes.contains(&status))
        || grpc.is_some_and(|code| code < 32 && on.grpc & (1 << code) != 0)
}

/// A server whose answer has begun.
pub(crate) struct Answered {
    pub(crate) server: Server,
    pub(crate) head: Box<ResponseHead>,
    pub(crate) deadline: Option<Instant>,
    pub(crate) slot: Slot,
}

/// The tries of one request.
pub(crate) struct Tries<'a> {
    cluster: Arc<Cluster>,
    route: Forward<'a>,
    tried: SmallVec<[SocketAddr; 4]>,
    /// A server that was tried is going away.
    elsewhere: bool,
    /// The client itself named the time by which it wants the answer.
    own_deadline: bool,
}

impl<'a> Tries<'a> {
    pub(crate) fn new(cluster: Arc<Cluster>, route: Forward<'a>) -> Self {
        Self { cluster, route, tried: SmallVec::new(), elsewhere: false, own_deadline: false }
    }

    pub(crate) async fn run(
        mut self,
        run: &mut Run<'_>,
        head: &mut RequestHead,
        client: &mut Client<'_>,
    ) -> Result<Answered, Failure> {
        let clock = run.worker.shared.clock.clone();
        let limit = self.route.timeout(head);
        let deadline = limit.map(|limit| clock.now() + limit.after);
        self.own_deadline = limit.is_some_and(|limit| limit.own);
        let limits = self.cluster.limits;
        let load = Arc::clone(&self.cluster.load);
        let slot = Slot::take(&load.requests, limits.max_requests).ok_or(Failure::Overflow)?;
        self.begin(&clock);
        let (base, most) = self.route.retry().map_or((BACKOFF_BASE, BACKOFF_MAX), |p| p.back_off);
        let mut backoff = Backoff::new(base, most);
        let (mut retries, mut stale, mut fresh) = (0, 0, false);
        let mut elsewhere = Elsewhere::new(deadline);
        let mut retry_slot: Option<Slot> = None;
        let mut answer = run.worker.answers.take();
        loop {
            if self.route.attempt_count() {
                head.fields.set_number("x-envoy-attempt-count", u64::from(retries + 1));
            }
            let result = self.limited(run, (head, &mut answer), client, (fresh, deadline)).await;
            let heard = result.as_ref().map(|_| &*answer).map_err(|failure| *failure);
            self.judge(run, heard);
            let side = run.bound.listener.reporter;
            let unseen = elsewhere.unseen(heard, side, &self.cluster, run.host);
            if unseen && run.upload.repeatable() {
                let served = elsewhere::served(heard, &self.cluster);
                let wait = elsewhere.wait(clock.now(), served, &mut run.worker.rng.borrow_mut());
                if let Some(wait) = wait {
                    self.look_again(result, run);
                    clock.sleep(wait).await;
                    continue;
                }
            }
            let policy = self.route.retry();
            let may = run.upload.repeatable() && deadline.is_none_or(|at| clock.now() < at);
            let left = policy.is_some_and(|p| retries < p.num_retries);
            // A second retry counts once, as the first did.
            drop(retry_slot.take());
            match result {
                Ok(server) => {
                    let wanted = may && policy.is_some_and(|p| wants(p, &answer));
                    retry_slot = self.room(wanted, left, run);
                    if retry_slot.is_none() {
                        return Ok(Answered { server, head: answer, deadline, slot });
                    }
                    server.abort();
                }
                Err(failure) if self.is_free(failure, run) && stale < STALE_RETRIES => {
                    stale += 1;
                    fresh = true;
                    run.upload.rewind();
                    self.tried.pop();
                    continue;
                }
                Err(failure) => {
                    let wanted = may && policy.is_some_and(|p| failure.retriable(p.on));
                    retry_slot = self.room(wanted, left, run);
                    if retry_slot.is_none() {
                        return Err(failure);
                    }
                }
            }
            retries += 1;
            fresh = false;
            run.upload.rewind();
            let wait = backoff.next(&mut run.worker.rng.borrow_mut());
            clock.sleep(wait).await;
        }
    }

    /// Endpoints are looked at anew, unlike the route: the last ones may be gone.
    fn look_again(&mut self, result: Result<Server, Failure>, run: &mut Run<'_>) {
        if let Ok(server) = result {
            server.abort();
        }
        if let Some(newest) = run.worker.shared.plan.load().clusters.get(&self.cluster.name) {
            self.cluster = Arc::clone(newest);
            run.cluster = Some(Arc::clone(newest));
        }
        self.elsewhere = true;
        run.upload.rewind();
    }

    /// True for a failure that costs no try: a policy that asks for refused streams counts them itself.
    fn is_free(&self, failure: Failure, run: &Run<'_>) -> bool {
        let counted = || self.route.retry().is_some_and(|p| failure.retriable(p.on));
        let free = failure.is_stale() && !(failure.is_refusal() && counted());
        free && run.upload.repeatable()
    }

    /// Room for one more retry that the policy wants; says in the record why there is none.
    fn room(&self, wanted: bool, left: bool, run: &mut Run<'_>) -> Option<Slot> {
        let slot = (wanted && left).then(|| self.retry_slot(run.worker.shared.clock.now()));
        run.untried = match slot {
            _ if !wanted => Flag::None,
            None => Flag::RetryLimit,
            Some(None) => Flag::UpstreamOverflow,
            Some(Some(_)) => Flag::None,
        };
        slot.flatten()
    }

    fn retry_slot(&self, now: Instant) -> Option<Slot> {
        let load = &self.cluster.load;
        let most = match self.cluster.config.limits.retry_budget {
            None => self.cluster.limits.max_retries,
            Some(budget) => budget.allows(match budget.interval {
                None => load.busy(),
                Some(interval) => load.recent.within(now, interval),
            }),
        };
        Slot::take(&load.retries, most)
    }

    /// Counts the request where retries are a share of those that began lately.
    fn begin(&self, clock: &Clock) {
        let budget = self.cluster.config.limits.retry_budget;
        if let Some(interval) = budget.and_then(|budget| budget.interval) {
            self.cluster.load.recent.began(clock.now(), interval);
        }
    }

    /// Tells outlier detection how the try ended.
    fn judge(&self, run: &Run<'_>, heard: Result<&ResponseHead, Failure>) {
        let (Some(outlier), Some(host)) = (&self.cluster.config.outlier, run.host) else { return };
        let verdict = match heard {
            Ok(head) => OutlierVerdict::Status(head.status),
            Err(
                Failure::Client
                | Failure::Malformed { .. }
                | Failure::NoEndpoint
                | Failure::Overflow
                | Failure::Silent { .. }
                | Failure::Late
                | Failure::Unknown(_),
            ) => return,
            Err(failure) if failure.is_stale() => return,
            Err(Failure::Timeout | Failure::Deadline) => OutlierVerdict::Timeout,
            Err(_) => OutlierVerdict::LocalOrigin,
        };
        let (hosts, now) = (self.cluster.hosts.len(), run.worker.shared.clock.now());
        self.cluster.health.record(outlier, host, verdict, hosts, now);
    }

    async fn limited(
        &mut self,
        run: &mut Run<'_>,
        heads: (&mut RequestHead, &mut ResponseHead),
        client: &mut Client<'_>,
        (fresh, deadline): (bool, Option<Instant>),
    ) -> Result<Server, Failure> {
        let per_try = self.route.retry().and_then(|p| p.per_try_timeout);
        let per_try = per_try.map(|limit| run.worker.shared.clock.now() + limit);
        let limit = [deadline, per_try].into_iter().flatten().min();
        let own = self.own_deadline && limit == deadline;
        let Some(at) = limit else { return self.one(run, heads, client, fresh).await };
        let over = if own { Failure::Deadline } else { Failure::Timeout };
        let one = self.one(run, heads, client, fresh);
        tokio::time::timeout_at(at.into(), one).await.unwrap_or(Err(over))
    }

    async fn one(
        &mut self,
        run: &mut Run<'_>,
        (head, answer): (&mut RequestHead, &mut ResponseHead),
        client: &mut Client<'_>,
        fresh: bool,
    ) -> Result<Server, Failure> {
        let avoid: &[SocketAddr] = match self.route.retry() {
            Some(policy) if policy.avoid_previous_hosts => &self.tried,
            _ if self.elsewhere => &self.tried,
            _ => &[],
        };
        let remote = self.route.retry().is_some_and(|policy| policy.remote)
            && self.tried.len() >= TRIES_AT_HOME;
        let shared = &run.worker.shared;
        let called = run.worker.called.of_request(&shared.clock, &self.cluster, &head.authority);
        let called = called.await.map_err(Failure::Unknown)?;
        let wish = pick::Wish {
            avoid: if remote { &self.tried } else { avoid },
            hash: run.key.hash,
            remote,
            called: &called,
        };
        let picked = pick::pick(run.worker, &self.cluster, run.facts, Some(head), wish)
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
        run.upstream_tls = target.is_in_mesh();
        self.tried.push(target.address);
        crate::websocket::key(head, target.protocol, &mut run.worker.rng.borrow_mut());
        introduce(run, head, target.is_in_mesh());
        let budget = Budget { load: &self.cluster.load, limits: self.cluster.limits, fresh };
        let (pools, name) = (&run.worker.pools, &self.cluster.name);
        let started = match pools.start_now(name, target, head, budget) {
            Some(server) => Acquired::Exchange(server),
            None => tokio::select! {
                biased;
                started = Box::pin(pools.start(name, target, head, budget)) => started,
                () = elsewhere::vanished(run.worker, &self.cluster, target.address) => {
                    run.failure = Some("endpoint removed".into());
                    return Err(Failure::Refused);
                }
            },
        };
        let mut server = match started {
            Acquired::Exchange(server) => server,
            Acquired::Failed(ConnectError::Overflow) => return Err(Failure::Overflow),
            Acquired::Failed(error) => {
                run.failure = Some(error.to_string());
                let refused = matches!(error, ConnectError::Refused(_));
                return Err(if refused { Failure::Refused } else { Failure::Connect });
            }
            Acquired::Broken(error) => return Err(failure_of(error, true)),
        };
        run.local = server.local();
        run.server_principal = server.peer().map(Arc::clone);
        let stale = server.reused();
        loop {
            let (upload, patience) = (&mut run.upload, &mut run.patience);
            let next = poll_fn(|cx| {
                match pump::poll_head(client, &mut server, (&mut *upload, &mut *answer), cx) {
                    Poll::Ready(next) => Poll::Ready(Ok(next)),
                    Poll::Pending => match patience.over(upload.moved(), upload.complete(), cx) {
                        None => Poll::Pending,
                        Some(Over::Late) => Poll::Ready(Err(Failure::Late)),
                        Some(Over::Silent) => {
                            Poll::Ready(Err(Failure::Silent { arrived: upload.complete() }))
                        }
                    },
                }
            });
            let next = match next.await {
                Ok(next) => next,
                Err(over) => {
                    server.abort();
                    return Err(over);
                }
            };
            match next {
                Ok(()) if answer.status < 200 && answer.status != 101 => {
                    client.send_informational(answer);
                }
                Ok(()) => return Ok(server),
                Err(Broken::Client(error)) => {
                    server.abort();
                    return Err(blame(error));
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

const fn blame(error: StreamError) -> Failure {
    match error {
        StreamError::Protocol(_) => Failure::Malformed { too_large: false },
        StreamError::TooLarge => Failure::Malformed { too_large: true },
        StreamError::Closed | StreamError::Reset(_) => Failure::Client,
    }
}

const fn failure_of(error: StreamError, stale: bool) -> Failure {
    match error {
        StreamError::Closed => Failure::Ended { stale },
        StreamError::Reset(reason) => Failure::Reset(reason),
        StreamError::Protocol(_) | StreamError::TooLarge => Failure::Protocol,
    }
}
