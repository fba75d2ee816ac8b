//! The filters of a chain, in their order, with what the route says about them.
//!
//! In: a request that has found its route. Out: go on, or an answer.
//! Holds: a rule that cannot be decided does not match; only injected delays and questions to others wait; claims are those of
//! a token that was verified for this request.

use std::time::SystemTime;

use proxy_config::http::{Abort, Fault, HttpFilter};
use proxy_config::route::FilterOverrides;
use proxy_config::tokens::Tokens;
use proxy_filter::cors::{self, Cross};
use proxy_filter::ext_authz::{Change, asks};
use proxy_filter::fault;
use proxy_filter::grpc_web::is_grpc;
use proxy_filter::path::{self, Normal};
use proxy_filter::tokens::{self, Claimed, Judged};
use proxy_http::{Fields, RequestHead};
use proxy_listen::Exchange as Client;
use proxy_route::Found;
use weft_telemetry::Flag;

use crate::access::{Watch, enforce, network};
use crate::connection::Facts;
use crate::decide::{self, Head};
use crate::explained::Explained;
use crate::ext_authz;
use crate::limits::{self, Asker};
use crate::plan::HttpAction;
use crate::reply::Reply;
use crate::request::Run;
use crate::worker::Worker;

/// What filters change of the answer.
pub(crate) type Extra = Vec<Change>;

/// Brings the path into its normal form, or answers.
pub(crate) fn normalize(http: &HttpAction, head: &mut RequestHead) -> Result<(), Box<Reply>> {
    let manager = &http.manager;
    let options = path::Options {
        normalize: manager.normalize_path,
        merge_slashes: manager.merge_slashes,
        escaped_slashes: manager.escaped_slashes,
    };
    match path::normalize(&head.path, options) {
        Normal::Path(std::borrow::Cow::Borrowed(same)) if same.len() == head.path.len() => Ok(()),
        Normal::Path(normal) => {
            head.path = normal.into_owned();
            Ok(())
        }
        Normal::Redirect(to) => {
            let mut reply = Reply::new(307, "", Flag::None, "path_normalization_failed");
            reply.fields.push(("location".into(), to));
            Err(Box::new(reply))
        }
        Normal::Refused => Err(Box::new(Reply::unnormal())),
    }
}

/// Asks every filter. A token that is believed may lead to another route, which counts for the filters that follow.
pub(crate) async fn apply(
    run: &mut Run<'_>,
    head: &mut RequestHead,
    client: &mut Client<'_>,
) -> Result<(), Box<Reply>> {
    let mut explained = run.explained.take();
    let verdict = ask_all(run, head, client, explained.as_deref_mut()).await;
    run.explained = explained;
    verdict
}

async fn ask_all(
    run: &mut Run<'_>,
    head: &mut RequestHead,
    client: &mut Client<'_>,
    mut explained: Option<&mut Explained>,
) -> Result<(), Box<Reply>> {
    let (worker, http) = (run.worker, run.http);
    let who = (run.facts, run.client);
    let mut watch = Watch::new(worker, explained.as_deref_mut());
    network(&http.rbac, run.facts, &mut watch).map_err(Box::new)?;
    let mut watch = Watch::new(worker, explained);
    watch.manager = Some(&http.manager.stat_prefix);
    let mut claimed = None;
    for filter in &http.manager.filters {
        let found = run.matched.map(|matched| matched.found);
        match filter {
            HttpFilter::Tokens(rules) => {
                let fields = head.fields.len();
                claimed = verify(rules, worker, run.facts, head)?;
                if let Some(explained) = &mut watch.explained {
                    explained.request_principal = claimed.as_ref().and_then(Claimed::principal);
                }
                // What a client says of claims itself has led to no route either.
                let changed = claimed.is_some() || head.fields.len() != fields;
                if rules.reroutes && changed {
                    reroute(run, head, claimed.as_ref())?;
                }
            }
            HttpFilter::Rbac(rules) => {
                let rules = overridden(found, |f| f.rbac.as_deref()).unwrap_or(rules);
                let asked = Head(head, run.facts, claimed.as_ref());
                enforce(rules, who, Some(asked), &mut watch)?;
            }
            HttpFilter::Ask(filter) if asks(filter, &watch.notes) => {
                Box::pin(ext_authz::request(run, filter, head, client)).await?;
            }
            HttpFilter::Ask(_) => {}
            HttpFilter::Limit(limit) => {
                let own = overridden(found, |f| f.limit.as_ref()).filter(|_| limit.by_route);
                let asker = Asker { worker, facts: run.facts, client: run.client };
                let limits = &run.bound.plan.limits;
                limits::ask(limits, own.unwrap_or(limit), &asker, head, &mut run.extra)?;
            }
            HttpFilter::Fault(config) => {
                let config = overridden(found, |f| f.fault.as_deref()).unwrap_or(config);
                inject(worker, config, head).await?;
            }
            HttpFilter::GrpcWeb => run.bridge(head),
            HttpFilter::Cors => {
                let Some(config) = overridden(found, |f| f.cors.as_deref()) else { continue };
                match cors::decide(config, &Head(head, run.facts, claimed.as_ref())) {
                    Cross::Nothing => {}
                    Cross::Response(fields) => {
                        let set = |(name, value): (&str, String)| Change::Set(name.into(), value);
                        run.extra.extend(fields.into_iter().map(set));
                    }
                    Cross::Preflight(fields) => return Err(Box::new(preflight(fields))),
                }
            }
        }
    }
    Ok(())
}

/// Makes one change of fields.
pub(crate) fn change(fields: &mut Fields, change: &Change) {
    match change {
        Change::Set(name, value) => fields.set(name, value.as_bytes()),
        Change::Add(name, value) => fields.append(name, value.as_bytes()),
        Change::Extend(name, value) => {
            if let Some(known) = fields.joined(name) {
                fields.set(name, format!("{known},{value}").as_bytes());
            }
        }
        Change::Remove(name) => {
            fields.remove(name);
        }
    }
}

fn overridden<'a, T: ?Sized>(
    found: Option<Found<'a>>,
    pick: impl Fn(&'a FilterOverrides) -> Option<&'a T>,
) -> Option<&'a T> {
    let Found { host, route } = found?;
    pick(&route.filters).or_else(|| pick(&host.filters))
}

fn preflight(fields: Vec<(&'static str, String)>) -> Reply {
    let mut reply = Reply::new(200, "", Flag::None, "cors_response");
    reply.fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    reply
}

/// Asks for the tokens that a request needs, and changes it as their rules say.
fn verify<'a>(
    rules: &'a Tokens,
    worker: &Worker,
    facts: &Facts,
    head: &mut RequestHead,
) -> Result<Option<Claimed<'a>>, Box<Reply>> {
    let now = worker.shared.clock.wall().duration_since(SystemTime::UNIX_EPOCH);
    // A clock before 1970 knows no token that is still valid, and none that is valid already.
    let now = now.map_or(0, |since| since.as_secs());
    let Judged { changes, verdict, unknown } = tokens::decide(rules, &Head(head, facts, None), now);
    unknown.into_iter().for_each(|issuer| worker.shared.unknown_key(issuer));
    for change in changes {
        match change {
            tokens::Change::Remove(name) => {
                head.fields.remove(name);
            }
            tokens::Change::RemoveParameter(name) => {
                head.path = tokens::without_parameter(&head.path, name);
            }
            tokens::Change::Add(name, value) => head.fields.append(name, value.as_bytes()),
        }
    }
    verdict.map_err(|denied| {
        let mut reply = Reply::new(denied.status(), denied.why.words(), Flag::None, "");
        reply.details = denied.details().into();
        reply.fields.push(("www-authenticate".into(), denied.challenge));
        Box::new(reply)
    })
}

/// The route of a request whose token is believed, which may ask for claims, and for fields that tell of them.
fn reroute(
    run: &mut Run<'_>,
    head: &RequestHead,
    claimed: Option<&Claimed<'_>>,
) -> Result<(), Box<Reply>> {
    let asked = Head(head, run.facts, claimed);
    run.matched = decide::find(run.worker, run.bound, run.http, asked);
    match decide::refuses_tunnel(run.http, head, run.matched) {
        true => Err(Box::new(Reply::untunnelled())),
        false => Ok(()),
    }
}

async fn inject(worker: &Worker, config: &Fault, head: &RequestHead) -> Result<(), Box<Reply>> {
    let random = worker.rng.borrow_mut().next_u64();
    let injected = fault::decide(config, random);
    if let Some(delay) = injected.delay {
        worker.shared.clock.sleep(delay).await;
    }
    let body = "fault filter abort";
    match injected.abort {
        None => Ok(()),
        Some(Abort::Http(status)) => {
            Err(Box::new(Reply::new(status, body, Flag::FaultInjected, "fault_filter_abort")))
        }
        Some(Abort::Grpc(status)) => {
            let grpc = head.fields.get("content-type").unwrap_or_default();
            let grpc = is_grpc(grpc);
            let mut reply = Reply::new(
                200,
                if grpc { "" } else { body },
                Flag::FaultInjected,
                "fault_filter_abort",
            );
            reply.fields.push(("grpc-status".into(), status.to_string()));
            reply.fields.push(("grpc-message".into(), body.into()));
            if grpc {
                reply.fields.push(("content-type".into(), "application/grpc".into()));
            }
            Err(Box::new(reply))
        }
    }
}
