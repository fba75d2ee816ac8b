//! Asks somebody else whether a request or a connection may pass.
//!
//! In: the filter, what is asked about. Out: it goes on, changed as the answer says, or a reply.
//! Holds: without an answer nothing passes, unless the filter says that it may; at most so much of a body is kept as is shown.
//! Never: what question and answer mean; that is `proxy-filter`.

use std::future::{pending, poll_fn};
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::Poll;

use bytes::Bytes;
use proxy_config::ext_authz::{ExtAuthz, Service, Shown};
use proxy_filter::ext_authz::{
    Answer, Change, Changes, Refusal, by_grpc, by_request, with_parameters,
};
use proxy_http::{BodyKind, RequestHead, ResponseHead, StreamError};
use proxy_listen::Exchange as Client;
use weft_telemetry::Flag;

use crate::ask::{self, ask};
use crate::connection::{Bound, Facts};
use crate::decide::{self, Head};
use crate::filter::change;
use crate::patience::Over;
use crate::pump::grpc_status;
use crate::reply::Reply;
use crate::request::Run;
use crate::worker::Worker;

mod told;

use told::{About, Part, grpc_head, listed, question, request_head};

/// Asks about a request.
pub(crate) async fn request(
    run: &mut Run<'_>,
    filter: &ExtAuthz,
    head: &mut RequestHead,
    client: &mut Client<'_>,
) -> Result<(), Box<Reply>> {
    let part = match filter.body.filter(|_| !head.tunnels()) {
        None => None,
        Some(shown) => Some(read(run, shown, head, client).await?),
    };
    let (worker, bound, facts) = (run.worker, run.bound, run.facts);
    let source = SocketAddr::new(run.client, facts.remote.port());
    let asked = About { head, part: part.as_ref(), source };
    let asking = within(worker, filter, answer(worker, bound, facts, filter, Some(&asked)));
    let arrived = run.upload.complete();
    let left = async {
        match arrived {
            true => poll_fn(|cx| client.poll_gone(cx)).await,
            false => pending().await,
        }
    };
    let answer = tokio::select! {
        biased;
        answer = asking => answer,
        () = left => return Err(Box::new(gone())),
    };
    match answer {
        Answer::Yes(changes) => passed(run, filter, head, changes),
        Answer::No(refusal) => Err(Box::new(refused(refusal))),
        Answer::Failed if filter.fail_open => Ok(()),
        Answer::Failed => Err(Box::new(Reply::unasked(filter.status_on_error))),
    }
}

/// Asks about a connection that is not read as HTTP; the reply only says why not.
pub(crate) async fn connection(
    worker: &Rc<Worker>,
    bound: &Bound,
    facts: &Facts,
    filter: &ExtAuthz,
) -> Result<(), Reply> {
    let asking = Box::pin(answer(worker, bound, facts, filter, None));
    match within(worker, filter, asking).await {
        Answer::Yes(_) => Ok(()),
        Answer::No(refusal) => Err(refused(refusal)),
        Answer::Failed if filter.fail_open => Ok(()),
        Answer::Failed => Err(Reply::unasked(filter.status_on_error)),
    }
}

/// The answer, or none when that takes too long.
async fn within(
    worker: &Worker,
    filter: &ExtAuthz,
    asking: impl Future<Output = Answer>,
) -> Answer {
    match filter.timeout {
        None => asking.await,
        Some(limit) => worker.shared.clock.timeout(limit, asking).await.unwrap_or(Answer::Failed),
    }
}

fn refused(Refusal { status, fields, body }: Refusal) -> Reply {
    let mut reply = Reply::new(status, "", Flag::ExternalDenied, "ext_authz_denied");
    (reply.body, reply.fields) = (Bytes::from(body), fields);
    reply
}

fn gone() -> Reply {
    Reply::new(400, "", Flag::DownstreamClosed, "downstream_remote_disconnect")
}

/// Makes the changes of a yes; the route may be another one then.
fn passed(
    run: &mut Run<'_>,
    filter: &ExtAuthz,
    head: &mut RequestHead,
    changes: Changes,
) -> Result<(), Box<Reply>> {
    let touched = changes.touch_request();
    let Changes { request, parameters, response } = changes;
    for one in &request {
        match one {
            Change::Set(name, value) if name == ":path" => head.path.clone_from(value),
            Change::Set(name, value) if name == ":authority" => head.authority.clone_from(value),
            other => change(&mut head.fields, other),
        }
    }
    if !parameters.is_empty() {
        head.path = with_parameters(&head.path, &parameters);
    }
    run.extra.extend(response);
    if touched && filter.finds_route_again {
        run.matched = decide::find(run.worker, run.bound, run.http, Head(head, run.facts, None));
        if decide::refuses_tunnel(run.http, head, run.matched) {
            return Err(Box::new(Reply::untunnelled()));
        }
    }
    Ok(())
}

/// Reads what is shown of the body, and keeps it for the server.
async fn read(
    run: &mut Run<'_>,
    shown: Shown,
    head: &mut RequestHead,
    client: &mut Client<'_>,
) -> Result<Part, Box<Reply>> {
    let most = usize::try_from(shown.most).unwrap_or(usize::MAX);
    let known_too_long = matches!(head.body, BodyKind::Length(n) if n > u64::from(shown.most));
    if known_too_long && !shown.partial {
        return Err(Box::new(Reply::too_long()));
    }
    if head.expect_continue && !run.upload.complete() {
        head.expect_continue = false;
        head.fields.remove("expect");
        client.send_informational(&ResponseHead::new(100));
    }
    let manager = &run.http.manager;
    run.patience.again(manager.stream_idle_timeout, manager.request_timeout);
    let (upload, patience) = (&mut run.upload, &mut run.patience);
    // One byte more tells a body of just that length from a longer one.
    let wanted = if shown.partial { most } else { most.saturating_add(1) };
    let read = poll_fn(|cx| match upload.poll_ahead(client, wanted, cx) {
        Poll::Ready(read) => Poll::Ready(read.map_err(broken)),
        Poll::Pending => match patience.over(upload.moved(), upload.complete(), cx) {
            None => Poll::Pending,
            Some(Over::Late) => Poll::Ready(Err(Reply::late())),
            Some(Over::Silent) => Poll::Ready(Err(Reply::silent(false))),
        },
    });
    read.await.map_err(Box::new)?;
    let whole = upload.complete() && upload.ahead() <= most;
    if !whole && !shown.partial {
        return Err(Box::new(Reply::too_long()));
    }
    Ok(Part { bytes: upload.shown(most).into(), whole })
}

fn broken(error: StreamError) -> Reply {
    match error {
        StreamError::Protocol(_) => Reply::malformed(false),
        StreamError::TooLarge => Reply::malformed(true),
        StreamError::Closed | StreamError::Reset(_) => gone(),
    }
}

/// What the service says.
async fn answer(
    worker: &Rc<Worker>,
    bound: &Bound,
    facts: &Facts,
    filter: &ExtAuthz,
    about: Option<&About<'_>>,
) -> Answer {
    let Some(cluster) = bound.plan.clusters.get(filter.service.cluster()) else {
        tracing::debug!(cluster = %filter.service.cluster(), "nobody can be asked: no cluster");
        return Answer::Failed;
    };
    let question = match (&filter.service, about) {
        (Service::Grpc { authority, .. }, about) => {
            let as_bytes = filter.body.is_some_and(|shown| shown.as_bytes);
            let body = by_grpc::question(question(worker, &bound.plan, facts, about, as_bytes));
            Some((grpc_head(authority, filter.timeout), Bytes::from(body)))
        }
        (Service::Http(service), Some(about)) => {
            request_head(service, about).map(|head| (head, about.part()))
        }
        (Service::Http(_), None) => None,
    };
    let Some((mut head, body)) = question else { return Answer::Failed };
    match ask(worker, cluster, facts, (&mut head, body)).await {
        Ok(answer) => meaning(&filter.service, answer),
        Err(why) => {
            tracing::debug!(cluster = %cluster.name, why, "nobody could be asked");
            Answer::Failed
        }
    }
}

fn meaning(service: &Service, answer: ask::Answer) -> Answer {
    let ask::Answer { head, body, trailers } = answer;
    match service {
        Service::Grpc { .. } => {
            let status = trailers.as_ref().and_then(grpc_status).or(grpc_status(&head.fields));
            match (head.status, status) {
                (200, Some(0)) => by_grpc::answer(&body),
                _ => Answer::Failed,
            }
        }
        Service::Http(service) => {
            by_request::answer(service, head.status, listed(&head.fields), body.to_vec())
        }
    }
}
