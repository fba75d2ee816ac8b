//! Rules of access: what they say of a request or a connection, who counts it, and who is told why.
//!
//! In: rules, facts. Out: go on, or the answer of a denial.
//! Holds: rules that are only watched decide nothing; a denial names its rule to whom the settings allow.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use proxy_config::ConnectionFacts;
use proxy_config::rbac::Rbac;
use proxy_filter::ext_authz::{Note, asks};
use proxy_filter::{Verdict, rbac};
use smallvec::SmallVec;
use weft_telemetry::{Flag, Sink, WatchedRecord};

use crate::connection::{Bound, Facts};
use crate::decide::Head;
use crate::denied::{Denial, TellDenials};
use crate::explained::Explained;
use crate::ext_authz;
use crate::plan::{Guard, TcpAction};
use crate::reply::Reply;
use crate::worker::Worker;

/// What rules that are only watched have found and who counts it, and who is told of the others.
pub(crate) struct Watch<'w, 'r> {
    sink: &'w dyn Sink,
    /// The manager of HTTP whose rules these are.
    pub(crate) manager: Option<&'w str>,
    pub(crate) notes: SmallVec<[Note<'r>; 2]>,
    tell: TellDenials,
    pub(crate) explained: Option<&'w mut Explained>,
}

impl<'w, 'r> Watch<'w, 'r> {
    pub(crate) fn new(worker: &'w Worker, explained: Option<&'w mut Explained>) -> Self {
        let tell = worker.shared.denials;
        Self { sink: &*worker.sink, manager: None, notes: SmallVec::new(), tell, explained }
    }

    fn rules(&mut self, rules: &'r Rbac, asked: &rbac::Facts<'_>) {
        let Some(found) = rbac::shadow(rules, asked) else { return };
        let prefix = &rules.shadow_prefix;
        let (manager, allowed) = (self.manager, found.allowed);
        self.sink.watched(&WatchedRecord { manager, rules: prefix, allowed });
        if let Some(policy) = found.policy {
            tracing::debug!(allowed, policy, "watched rules match");
            self.notes.push(Note { prefix, policy });
        }
    }
}

/// Asks rules, about a connection where there is no request.
pub(crate) fn enforce<'r>(
    rules: &'r Rbac,
    (facts, client): (&Facts, IpAddr),
    request: Option<Head<'_>>,
    watch: &mut Watch<'_, 'r>,
) -> Result<(), Box<Reply>> {
    let asked = rbac::Facts {
        connection: connection(facts, client),
        request: request.as_ref().map(|head| head as _),
    };
    watch.rules(rules, &asked);
    let decision = rbac::decide(rules, &asked);
    if let (Some(explained), Some(rules)) = (&mut watch.explained, &rules.rules) {
        explained.judged(rules, &asked);
    }
    match rbac::verdict(decision) {
        Verdict::Continue => Ok(()),
        Verdict::Respond { status, body, details } => {
            let mut reply = Reply::new(status, body, Flag::None, "");
            reply.details = details.into();
            let denial = Denial::of(rules, decision, &asked, watch.tell);
            if let Some(why) = denial.why.as_deref().filter(|_| watch.tell.body) {
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

/// Asks rules about a connection.
pub(crate) fn network<'r>(
    rules: &'r [Arc<Rbac>],
    facts: &Facts,
    watch: &mut Watch<'_, 'r>,
) -> Result<(), Reply> {
    let who = (facts, facts.remote.ip());
    let mut one = |rules: &'r Arc<Rbac>| enforce(rules, who, None, watch);
    rules.iter().try_for_each(&mut one).map_err(|reply| *reply)
}

/// Decides on a connection that is not read as HTTP; the reply only says why not.
pub(crate) async fn tcp(
    worker: &Rc<Worker>,
    bound: &Bound,
    action: &TcpAction,
    facts: &Facts,
) -> Result<(), Reply> {
    let mut watch = Watch::new(worker, None);
    for guard in &action.guards {
        match guard {
            Guard::Rbac(rules) => network(std::slice::from_ref(rules), facts, &mut watch)?,
            Guard::Ask(filter) if asks(filter, &watch.notes) => {
                Box::pin(ext_authz::connection(worker, bound, facts, filter)).await?;
            }
            Guard::Ask(_) => {}
        }
    }
    Ok(())
}
