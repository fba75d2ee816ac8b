//! Takes the reports of proxies about who calls them in plaintext.
//! In: reports, each of the pod that its token proves. Out: the memory of callers, and what `/weft/debug/mtls` answers.

use std::collections::BTreeSet;

use ctl_callers::Callers;
use ctl_push::{PushServer, StreamAuth as _};
use tonic::{Request, Response, Status};
use weft_admin_api::mtls::MtlsReport;
use weft_proto::async_trait;
use weft_proto::callers::{ReportCallers, ReportCallersRequest, ReportCallersResponse};
use weft_proto::grpc::Serve;

use crate::tokens::Tokens;
use crate::world::MeshWorld;

/// The service of port 15012.
pub(crate) struct CallerReports {
    pub(crate) callers: Callers,
    pub(crate) push: PushServer<MeshWorld>,
    pub(crate) tokens: Tokens,
}

#[async_trait]
impl Serve<ReportCallers> for CallerReports {
    async fn answer(
        &self,
        request: Request<ReportCallersRequest>,
    ) -> Result<Response<ReportCallersResponse>, Status> {
        let who = self.tokens.authenticate(request.metadata()).await?;
        let from = request.remote_addr().map(|peer| peer.ip());
        let report = request.into_inner();
        // Of whoever is not proven to be that very pod nothing is believed: silence is what a workload is made STRICT for.
        if who.namespace != report.namespace || who.pod.as_ref() != Some(&report.pod) {
            return Err(Status::permission_denied("a pod may report of itself only"));
        }
        let world = self.push.world().ok_or_else(|| Status::unavailable("no mesh is known yet"))?;
        if !self.callers.take(world.snapshot(), from, &report) {
            return Err(Status::unavailable("the pod is not known yet"));
        }
        Ok(Response::new(ReportCallersResponse {}))
    }
}

/// The report of now; `None` before the first mesh.
pub(crate) fn report(callers: &Callers, push: &PushServer<MeshWorld>) -> Option<MtlsReport> {
    let proxies = push.ledger().report().proxies;
    let gateways = proxies.into_iter().filter(|proxy| proxy.proxy_type == "router");
    let gateways: BTreeSet<String> = gateways.map(|proxy| proxy.name).collect();
    Some(callers.report(push.world()?.snapshot(), &gateways))
}
