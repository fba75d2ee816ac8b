//! The life of one request, as named phases.
//!
//! In: a head, the client's exchange, the plan it arrived under. Out: an answered exchange and one record.
//! Holds: one plan from start to end; every request is answered once or broken off, and told once.
//! Never: codecs, sockets, pools; those are the rooms below.

use std::borrow::Cow;
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use proxy_filter::grpc_web;
use proxy_http::parse::MAX_FIELDS;
use proxy_http::{BodyKind, RequestHead, ResponseHead, StreamError, Version};
use proxy_listen::Exchange as Client;
use proxy_upstream::{Exchange as Server, Slot};
use weft_telemetry::record::Reporter;
use weft_telemetry::{Flag, Workload};

use crate::attempt::{Answered, Failure, Tries};
use crate::change;
use crate::connection::{Bound, Facts};
use crate::decide::{self, Forward, Head, Matched, Routed};
use crate::denied::Denial;
use crate::elsewhere;
use crate::explained::Explained;
use crate::filter::{self, Extra};
use crate::forwarded::{self, Trust};
use crate::mirror;
use crate::patience::{Over, Patience};
use crate::peers::{METADATA, METADATA_ID};
use crate::pick;
use crate::plan::{Action, Cluster, HttpAction};
use crate::pump::{Broken, Download, Upload, grpc_status};
use crate::reply::Reply;
use crate::worker::{Counted, Worker};

mod answer;
mod browser;
mod explain;
mod tell;

pub(crate) use tell::logged;

/// What becomes of the client's connection.
pub(crate) enum After {
    /// It may carry the next request.
    Keep,
    /// It must end now, because the answer is not whole.
    Abort,
    /// It became a tunnel to this server, which may be silent for so long.
    Tunnel(Box<Server>, Option<Duration>),
}

/// How the bodies ended.
enum Ended {
    Moved(Result<(), Broken>),
    Silent,
    Late,
}

/// Serves one request.
pub(crate) async fn serve(
    worker: &Rc<Worker>,
    bound: &Bound,
    facts: &Facts,
    head: &mut RequestHead,
    client: &mut Client<'_>,
    patience: &mut Patience,
) -> After {
    let Action::Http(http) = &bound.chain.action else { return After::Abort };
    let activity = &worker.shared.activity;
    let _counted = Counted::one(&activity.requests);
    activity.begun.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let mut run = Run::new(worker, bound, facts, http, head);
    std::mem::swap(&mut run.patience, patience);
    let after = run.phases(head, client).await;
    std::mem::swap(&mut run.patience, patience);
    run.tell(head);
    after
}

/// Answers what could not be read as a request, and tells it.
pub(crate) async fn refuse(
    worker: &Rc<Worker>,
    bound: &Bound,
    facts: &Facts,
    client: &mut Client<'_>,
    reply: &Reply,
) {
    let Action::Http(http) = &bound.chain.action else { return };
    let head = RequestHead::default();
    let mut run = Run::new(worker, bound, facts, http, &head);
    run.unread = true;
    client.close_after();
    // The client broke the protocol; whether it still listens does not matter.
    drop(run.reply(&head, client, reply).await);
    run.tell(&head);
}

/// Tells of an HTTP/2 client that broke the protocol outside of any request that we have seen.
pub(crate) fn broken(
    worker: &Rc<Worker>,
    bound: &Bound,
    facts: &Facts,
    (status, why): (u16, String),
) {
    let Action::Http(http) = &bound.chain.action else { return };
    let head = RequestHead { version: Version::Http2, ..RequestHead::default() };
    let mut run = Run::new(worker, bound, facts, http, &head);
    run.unread = true;
    run.status = status;
    run.flag = Flag::DownstreamProtocol;
    run.details = Cow::Owned(why);
    run.tell(&head);
}

/// One request on its way, with what will be told of it.
pub(crate) struct Run<'a> {
    pub(crate) worker: &'a Rc<Worker>,
    pub(crate) bound: &'a Bound,
    pub(crate) facts: &'a Facts,
    pub(crate) http: &'a HttpAction,
    begun: Instant,
    path: String,
    head_bytes: u64,
    response_head_bytes: u64,
    is_grpc: bool,
    /// The client, by `x-forwarded-for` where that is trusted.
    pub(crate) client: IpAddr,
    pub(crate) patience: Patience,
    peer: Option<Arc<Workload>>,
    wants_peer: bool,
    pub(crate) cluster: Option<Arc<Cluster>>,
    pub(crate) host: Option<SocketAddr>,
    pub(crate) local: Option<SocketAddr>,
    pub(crate) upstream_tls: bool,
    pub(crate) server_principal: Option<Arc<str>>,
    pub(crate) failure: Option<String>,
    pub(crate) upload: Upload,
    download: Download,
    /// A browser asks, and wants to be answered so.
    browser: Option<grpc_web::Answer>,
    pub(crate) matched: Option<Matched<'a>>,
    pub(crate) extra: Extra,
    pub(crate) key: proxy_balance::Key,
    pub(crate) active: Option<Slot>,
    log: bool,
    /// There is no head: what came was not one.
    unread: bool,
    status: u16,
    flag: Flag,
    /// Why there was no further try, where one was wanted.
    pub(crate) untried: Flag,
    details: Cow<'static, str>,
    denied: Option<Arc<Denial>>,
    pub(crate) explained: Option<Box<Explained>>,
    upstream_millis: Option<u64>,
}

impl<'a> Run<'a> {
    fn new(
        worker: &'a Rc<Worker>,
        bound: &'a Bound,
        facts: &'a Facts,
        http: &'a HttpAction,
        head: &RequestHead,
    ) -> Self {
        let log = !http.manager.access_logs.is_empty();
        let content_type = head.fields.get("content-type").unwrap_or_default();
        Self {
            worker,
            bound,
            facts,
            http,
            begun: worker.shared.clock.now(),
            path: if log { head.path.clone() } else { String::new() },
            head_bytes: head.fields.size() + (head.path.len() + head.authority.len()) as u64,
            response_head_bytes: 0,
            is_grpc: grpc_web::is_grpc(content_type),
            client: forwarded::client(head, &http.manager, facts.remote.ip()),
            patience: Patience::default(),
            peer: None,
            wants_peer: false,
            cluster: None,
            host: None,
            local: None,
            upstream_tls: false,
            server_principal: None,
            failure: None,
            upload: Upload::new(head.body.is_empty()),
            download: Download::default(),
            browser: None,
            matched: None,
            extra: Extra::new(),
            key: proxy_balance::Key::default(),
            active: None,
            log,
            unread: false,
            status: 0,
            flag: Flag::None,
            untried: Flag::None,
            details: Cow::Borrowed(""),
            denied: None,
            explained: None,
            upstream_millis: None,
        }
    }

    fn inbound(&self) -> bool {
        matches!(self.bound.listener.reporter, Reporter::Destination)
    }

    fn route_name(&self) -> Option<&str> {
        let name = self.matched.map(|matched| matched.found.route.name.as_ref());
        name.filter(|name| !name.is_empty())
    }

    async fn phases(&mut self, head: &mut RequestHead, client: &mut Client<'_>) -> After {
        if let Some(reply) = unfit(head) {
            return self.reply(head, client, &reply).await;
        }
        if let Err(reply) = filter::normalize(self.http, head) {
            return self.reply(head, client, &reply).await;
        }
        self.receive(head);
        let asked = Head(head, self.facts, None);
        self.matched = decide::find(self.worker, self.bound, self.http, asked);
        if decide::refuses_tunnel(self.http, head, self.matched) {
            return self.reply(head, client, &Reply::untunnelled()).await;
        }
        if let Err(reply) = filter::apply(self, head, client).await {
            return self.reply(head, client, &reply).await;
        }
        match decide::act(self.worker, self.facts, head, self.matched) {
            Routed::Forward(forward) => self.forward(head, client, forward).await,
            Routed::Reply(reply) => self.reply(head, client, &reply).await,
        }
    }

    /// What the connection tells about the client goes into the head; what is meant for us comes out.
    fn receive(&mut self, head: &mut RequestHead) {
        let trust = Trust {
            use_remote_address: self.http.manager.use_remote_address,
            request_id: self.http.manager.generate_request_id,
            keep_request_id: self.http.manager.preserve_external_request_id,
            trusted_hops: self.http.manager.trusted_hops,
            remote: self.facts.remote_text(),
            scheme: self.facts.scheme(),
        };
        if self.inbound() {
            let metadata = head.fields.get(METADATA).map(|m| self.worker.peers.find(m));
            self.wants_peer = metadata.is_some();
            self.peer = metadata;
            head.fields.remove(METADATA);
            head.fields.remove(METADATA_ID);
            let to = &self.worker.shared.explain_to;
            if !to.is_empty() {
                self.explained = Explained::asked(to, self.facts, head);
            }
        }
        forwarded::request(head, trust, &mut self.worker.rng.borrow_mut());
        change::client_cert(self.http, self.bound, self.facts, head);
    }

    async fn forward(
        &mut self,
        head: &mut RequestHead,
        client: &mut Client<'_>,
        route: Forward<'a>,
    ) -> After {
        self.matched = Some(route.matched);
        let Some(cluster) = self.bound.plan.clusters.get(&route.target.cluster) else {
            let reply = Reply::no_cluster(route.action.cluster_not_found);
            return self.reply(head, client, &reply).await;
        };
        self.cluster = Some(Arc::clone(cluster));
        if cluster.table.is_some() {
            self.key = pick::key(self.worker, &route, self.facts, head, self.client);
        }
        let manager = &self.http.manager;
        let silence = route.action.idle_timeout.or(manager.stream_idle_timeout);
        self.patience.again(silence, manager.request_timeout);
        if head.expect_continue && !manager.proxy_100_continue {
            head.fields.remove("expect");
            client.send_informational(&ResponseHead::new(100));
        }
        let limit = route.timeout(head).map(|limit| limit.after);
        let mirrors = (route.action.mirrors.as_slice(), limit);
        let plan = &self.bound.plan;
        self.upload.copies = mirror::start(self.worker, plan, self.facts, head, mirrors);
        let tries = Tries::new(Arc::clone(cluster), route);
        match tries.run(self, head, client).await {
            Ok(answered) => self.answer(answered, client, &route, head).await,
            Err(Failure::Client) => {
                self.flag = Flag::DownstreamClosed;
                self.details = Cow::Borrowed("downstream_remote_disconnect");
                client.abort(h2::Reason::CANCEL);
                After::Abort
            }
            Err(failure) => {
                let mut reply = failure.reply(self.failure.as_deref());
                if let Some(cluster) = &self.cluster {
                    let side = self.bound.listener.reporter;
                    elsewhere::tell(&mut reply, failure, cluster, side);
                }
                self.reply(head, client, &reply).await
            }
        }
    }

    async fn answer(
        &mut self,
        answered: Answered,
        client: &mut Client<'_>,
        route: &Forward<'_>,
        request: &RequestHead,
    ) -> After {
        let Answered { mut server, mut head, deadline, slot } = answered;
        if request.version == Version::Http2 && request.upgrade.is_some() && head.status / 100 == 2
        {
            // Passed on, it would say that the server has agreed.
            server.abort();
            return self.reply(request, client, &Reply::not_upgraded()).await;
        }
        let millis = u64::try_from((self.worker.shared.clock.now() - self.begun).as_millis());
        self.upstream_millis = millis.ok();
        self.status = head.status;
        self.details = Cow::Borrowed("via_upstream");
        self.download.grpc_status = grpc_status(&head.fields);
        self.respond(&mut head, route, request);
        self.download.browser = self.for_browser(&mut head);
        if head.status == 101 || (request.method == http::Method::CONNECT && head.status / 100 == 2)
        {
            head.body = BodyKind::Empty;
            head.fields.remove("content-length");
            return self.upgrade(server, &head, client, route).await;
        }
        if request.tunnels() {
            // What the client sends from here on need not be HTTP.
            client.close_after();
        }
        if client.send_head(&head).is_err() {
            self.flag = Flag::DownstreamClosed;
            return After::Abort;
        }
        let result = {
            let (download, upload) = (&mut self.download, &mut self.upload);
            let patience = &mut self.patience;
            let body = poll_fn(|cx| match download.poll(client, &mut server, upload, cx) {
                Poll::Ready(end) => Poll::Ready(Ended::Moved(end)),
                Poll::Pending => {
                    // The answer has begun, so that the request's arrival no longer matters.
                    let over = patience.over(upload.moved() + download.moved(), true, cx);
                    over.map_or(Poll::Pending, |_: Over| Poll::Ready(Ended::Silent))
                }
            });
            match deadline {
                None => body.await,
                Some(at) => tokio::time::timeout_at(at.into(), body).await.unwrap_or(Ended::Late),
            }
        };
        drop(slot);
        self.worker.answers.give_back(head);
        self.end(result, server, client)
    }

    fn end(&mut self, result: Ended, server: Server, client: &mut Client<'_>) -> After {
        match result {
            Ended::Moved(Ok(())) => {
                server.finish();
                if !self.upload.complete() {
                    client.close_after();
                }
                return After::Keep;
            }
            Ended::Moved(Err(Broken::Client(StreamError::Protocol(_) | StreamError::TooLarge))) => {
                self.flag = Flag::DownstreamProtocol;
                self.details = Cow::Borrowed("http1.codec_error");
            }
            Ended::Moved(Err(Broken::Client(_))) => {
                self.flag = Flag::DownstreamClosed;
                self.details = Cow::Borrowed("downstream_remote_disconnect");
            }
            Ended::Moved(Err(Broken::Server(_))) => {
                self.flag = Flag::UpstreamClosed;
                self.details =
                    Cow::Borrowed("upstream_reset_after_response_started{connection_termination}");
            }
            Ended::Silent => {
                self.flag = Flag::StreamIdle;
                self.details = Cow::Borrowed("stream_idle_timeout");
            }
            Ended::Late => {
                self.flag = Flag::UpstreamTimeout;
                self.details = Cow::Borrowed("response_timeout");
            }
        }
        server.abort();
        client.abort(h2::Reason::INTERNAL_ERROR);
        After::Abort
    }

    async fn upgrade(
        &mut self,
        server: Server,
        head: &ResponseHead,
        client: &mut Client<'_>,
        route: &Forward<'_>,
    ) -> After {
        let sent = client.send_head(head).is_ok();
        if !sent || poll_fn(|cx| client.poll_flush(cx)).await.is_err() {
            return After::Abort;
        }
        let silence = route.action.idle_timeout.or(self.http.manager.stream_idle_timeout);
        After::Tunnel(Box::new(server), silence.filter(|limit| !limit.is_zero()))
    }
}

/// What our HTTP/1 reader refuses itself, for requests that came in HTTP/2.
fn unfit(head: &RequestHead) -> Option<Reply> {
    if head.version != Version::Http2 {
        return None;
    }
    if head.authority.is_empty() {
        return Some(Reply::hostless());
    }
    let many = head.fields.len() > MAX_FIELDS;
    many.then(|| Reply::refused(431, "http2.too_many_headers"))
}
