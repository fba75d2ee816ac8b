//! The filters of a chain, in their order, with what the route says about them.
//!
//! In: a request that has found its route. Out: go on, or an answer.
//! Holds: a rule that cannot be decided does not match; an injected delay is the only thing that waits; claims are those of a
//! token that was verified for this request.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use proxy_config::ConnectionFacts;
use proxy_config::http::{Abort, Fault, HttpFilter};
use proxy_config::rbac::Rbac;
use proxy_config::route::FilterOverrides;
use proxy_config::tokens::Tokens;
use proxy_filter::cors::{self, Cross};
use proxy_filter::path::{self, Normal};
use proxy_filter::tokens::{self, Change, Claimed, Judged};
use proxy_filter::{Verdict, fault, rbac};
use proxy_http::RequestHead;
use proxy_route::Found;
use weft_telemetry::Flag;

use crate::connection::{Bound, Facts};
use crate::decide::{self, Head, Matched};
use crate::denied::{Denial, TellDenials};
use crate::explained::Explained;
use crate::plan::{HttpAction, TcpAction};
use crate::reply::Reply;
use crate::worker::Worker;

/// Fields that a filter adds to the answer.
pub(crate) type Extra = Vec<(&'static str, String)>;

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

/// Where a request is served.
#[derive(Clone, Copy)]
pub(crate) struct On<'a> {
    pub(crate) worker: &'a Worker,
    pub(crate) bound: &'a Bound,
    pub(crate) http: &'a HttpAction,
    pub(crate) facts: &'a Facts,
}

/// Asks every filter. A token that is believed may lead to another route, which counts for the filters that follow.
pub(crate) async fn apply<'a>(
    on: &On<'a>,
    client: IpAddr,
    head: &mut RequestHead,
    matched: &mut Option<Matched<'a>>,
    mut explained: Option<&mut Explained>,
) -> Result<Extra, Box<Reply>> {
    let On { worker, http, facts, bound: _ } = *on;
    let tell = worker.shared.denials;
    network(&http.rbac, facts, tell, explained.as_deref_mut()).map_err(Box::new)?;
    let mut extra = Extra::new();
    let mut claimed = None;
    for filter in &http.manager.filters {
        let found = matched.as_ref().map(|matched| matched.found);
        match filter {
            HttpFilter::Tokens(rules) => {
                let fields = head.fields.len();
                claimed = verify(rules, worker, facts, head)?;
                if let Some(explained) = &mut explained {
                    explained.request_principal = claimed.as_ref().and_then(Claimed::principal);
                }
                // What a client says of claims itself has led to no route either.
                let changed = claimed.is_some() || head.fields.len() != fields;
                if rules.reroutes && changed {
                    *matched = reroute(on, head, claimed.as_ref())?;
                }
            }
            HttpFilter::Rbac(rules) => {
                let rules = overridden(found, |f| f.rbac.as_deref()).unwrap_or(rules);
                let asked = Head(head, facts, claimed.as_ref());
                let explained = explained.as_deref_mut();
                enforce(rules, (facts, client), Some(asked), tell, explained)?;
            }
            HttpFilter::Fault(config) => {
                let config = overridden(found, |f| f.fault.as_deref()).unwrap_or(config);
                inject(worker, config, head).await?;
            }
            HttpFilter::Cors => {
                let Some(config) = overridden(found, |f| f.cors.as_deref()) else { continue };
                match cors::decide(config, &Head(head, facts, claimed.as_ref())) {
                    Cross::Nothing => {}
                    Cross::Response(fields) => extra = fields,
                    Cross::Preflight(fields) => return Err(Box::new(preflight(fields))),
                }
            }
        }
    }
    Ok(extra)
}

fn overridden<'a, T: ?Sized>(
    found: Option<Found<'a>>,
    pick: impl Fn(&'a FilterOverrides) -> Option<&'a T>,
) -> Option<&'a T> {
    let Found { host, route } = found?;
    pick(&route.filters).or_else(|| pick(&host.filters))
}

fn preflight(fields: Extra) -> Reply {
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
            Change::Remove(name) => {
                head.fields.remove(name);
            }
            Change::RemoveParameter(name) => {
                head.path = tokens::without_parameter(&head.path, name);
            }
            Change::Add(name, value) => head.fields.append(name, value.as_bytes()),
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
fn reroute<'a>(
    on: &On<'a>,
    head: &RequestHead,
    claimed: Option<&Claimed<'_>>,
) -> Result<Option<Matched<'a>>, Box<Reply>> {
    let On { worker, bound, http, facts } = *on;
    let matched = decide::find(worker, bound, http, Head(head, facts, claimed));
    if decide::refuses_tunnel(http, head, matched) {
        return Err(Box::new(Reply::untunnelled()));
    }
    Ok(matched)
}

fn enforce(
    rules: &Rbac,
    (facts, client): (&Facts, IpAddr),
    request: Option<Head<'_>>,
    tell: TellDenials,
    explained: Option<&mut Explained>,
) -> Result<(), Box<Reply>> {
    let asked = rbac::Facts {
        connection: connection(facts, client),
        request: request.as_ref().map(|head| head as _),
    };
    let decision = rbac::decide(rules, &asked);
    if let (Some(explained), Some(rules)) = (explained, &rules.rules) {
        explained.judged(rules, &asked);
    }
    match rbac::verdict(decision) {
        Verdict::Continue => Ok(()),
        Verdict::Respond { status, body, details } => {
            let mut reply = Reply::new(status, body, Flag::None, "");
            reply.details = details.into();
            let denial = Denial::of(rules, decision, &asked, tell);
            if let Some(why) = denial.why.as_deref().filter(|_| tell.body) {
                reply.body = format!("{body}: {why}").into();
            }
            reply.denied = Some(Arc::new(denial));
            Err(Box::new(reply))
        }
    }
}

fn connection(facts: &Facts, client: IpAddr) -> ConnectionFacts<'_> {
    ConnectionFacts {
        direct_remote: facts.remote.ip(),
        remote: client,
        destination: facts.local,
        server_name: facts.hello.sni.as_deref(),
        peer_names: facts.peer.as_ref().map_or(&[], |peer| &peer.uris),
        peer_verified: facts.mutual_tls(),
    }
}

fn network(
    rules: &[Arc<Rbac>],
    facts: &Facts,
    tell: TellDenials,
    mut explained: Option<&mut Explained>,
) -> Result<(), Reply> {
    let client = facts.remote.ip();
    let one =
        |rules: &Arc<Rbac>| enforce(rules, (facts, client), None, tell, explained.as_deref_mut());
    rules.iter().try_for_each(one).map_err(|reply| *reply)
}

/// Decides on a connection that is not read as HTTP; the reply only says why not.
pub(crate) fn tcp(action: &TcpAction, facts: &Facts, tell: TellDenials) -> Result<(), Reply> {
    network(&action.rbac, facts, tell, None)
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
            let grpc = grpc.starts_with(b"application/grpc");
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
