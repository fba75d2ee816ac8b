//! Tells a pod that is to end when nobody sends to it any more.
//!
//! In: its name. Out: an answer, once the newest world does not list the pod and every connected proxy has taken that
//! world or a later one.
//! Holds: a proven caller asks for its own pod only. A pod that is listed again meanwhile waits again.
//! Never: a deadline of its own; who asks gives up when it must end.
//! Why: an application stops listening when it is told to, and every other proxy hears of it a moment later.

use std::net::SocketAddr;
use std::time::Duration;

use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};
use weft_proto::grpc::Serve;
use weft_proto::withdrawal::{AwaitWithdrawn, AwaitWithdrawnRequest, AwaitWithdrawnResponse};

use crate::access::speaks_for;
use crate::publish::Current;
use crate::{Access, PushServer, World};

/// The book changes with each answer of each proxy; nobody needs to look at it more often.
const GLANCE: Duration = Duration::from_millis(10);

/// The service of one port.
#[derive(Debug)]
pub struct Withdrawals<W: World> {
    server: PushServer<W>,
    access: Access,
}

impl<W: World> Withdrawals<W> {
    pub(crate) const fn new(server: PushServer<W>, access: Access) -> Self {
        Self { server, access }
    }

    async fn admit(
        &self,
        metadata: &MetadataMap,
        peer: Option<SocketAddr>,
        wanted: &AwaitWithdrawnRequest,
    ) -> Result<(), Status> {
        match self.access.open(metadata, peer).await? {
            Some(who) if !speaks_for(&who, &wanted.namespace, &wanted.pod) => {
                Err(Status::permission_denied("a pod may ask for itself only"))
            }
            _ => Ok(()),
        }
    }

    async fn gone(&self, pod: &AwaitWithdrawnRequest) -> Result<(), Status> {
        let ended = |_| Status::unavailable("the control plane ends");
        let (mut worlds, ledger) = (self.server.newest.subscribe(), self.server.ledger());
        let mut answers = ledger.changed();
        // The first revision without the pod: a busy mesh has newer ones before everybody has taken the newest.
        let mut without = None;
        loop {
            without = unlisted(&mut worlds, pod).map(|newest| without.unwrap_or(newest));
            match without {
                Some(revision) if ledger.taken(revision) => return Ok(()),
                Some(_) => {
                    tokio::select! {
                        changed = answers.changed() => changed.map_err(ended)?,
                        changed = worlds.changed() => changed.map_err(ended)?,
                    }
                    self.server.clock.sleep(GLANCE).await;
                }
                None => worlds.changed().await.map_err(ended)?,
            }
        }
    }
}

/// The newest revision, when the pod is not in it.
fn unlisted<W: World>(worlds: &mut Current<W>, pod: &AwaitWithdrawnRequest) -> Option<u64> {
    let newest = worlds.borrow_and_update().clone()?;
    (!newest.sends_to(&pod.namespace, &pod.pod)).then_some(newest.revision)
}

#[async_trait::async_trait]
impl<W: World> Serve<AwaitWithdrawn> for Withdrawals<W> {
    async fn answer(
        &self,
        request: Request<AwaitWithdrawnRequest>,
    ) -> Result<Response<AwaitWithdrawnResponse>, Status> {
        let (metadata, peer) = (request.metadata().clone(), request.remote_addr());
        let pod = request.into_inner();
        self.admit(&metadata, peer, &pod).await?;
        self.gone(&pod).await?;
        Ok(Response::new(AwaitWithdrawnResponse {}))
    }
}
