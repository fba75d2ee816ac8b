//! What is told of one request when it is over.
//!
//! In: a finished run. Out: one record for metrics, and the fields of the log where somebody wants them.
//! Holds: texts are borrowed; nothing is made for a log that nobody reads.

use std::net::SocketAddr;
use std::sync::Arc;

use proxy_config::access_log::AccessLog;
use proxy_http::RequestHead;
use weft_telemetry::record::{Ends, LogFields};
use weft_telemetry::{ExchangeRecord, Flags, Protocol};

use super::Run;
use crate::pick;
use crate::plan::Cluster;

impl Run<'_> {
    pub(super) fn tell(&self, head: &RequestHead) {
        let plan = &self.bound.plan;
        let cluster = self.cluster.as_deref();
        let unknown = &self.worker.peers.unknown;
        let peer = match &self.peer {
            Some(peer) => Some(Arc::clone(peer)),
            None if self.inbound() => None,
            None => pick::peer_of(cluster, self.host),
        };
        let own = plan.principal.as_deref();
        let mutual_tls = self.facts.mutual_tls();
        let (source_principal, destination_principal) = if self.inbound() {
            (self.facts.principal(), own.filter(|_| mutual_tls))
        } else if self.upstream_tls {
            (own, self.server_principal.as_deref())
        } else {
            (None, None)
        };
        self.worker.sink.exchange(&ExchangeRecord {
            ends: Ends {
                reporter: self.bound.listener.reporter,
                peer: peer.as_ref().unwrap_or(unknown),
                source_principal,
                destination_principal,
                service: cluster
                    .or_else(|| self.blocked())
                    .map_or(&plan.unknown_service, |c| &c.service),
                mutual_tls,
            },
            protocol: if self.is_grpc { Protocol::Grpc } else { Protocol::Http },
            response_code: self.status,
            grpc_status: self.download.grpc_status.filter(|_| self.is_grpc),
            flags: self.flags(),
            request_bytes: self.head_bytes + self.upload.bytes,
            response_bytes: self.response_head_bytes + self.download.bytes,
            body_received: self.upload.bytes,
            body_sent: self.download.bytes,
            duration: self.worker.shared.clock.now() - self.begun,
            start: self.facts.begun_wall + (self.begun - self.facts.begun),
            denied: self.denied.as_ref().map(|denied| denied.told(self.worker.shared.denials)),
            log: self.log(head),
        });
    }

    /// A request to a host that the mesh does not know, and may not be sent on, counts against Istio's cluster of such.
    fn blocked(&self) -> Option<&Cluster> {
        self.route_name().filter(|name| *name == "block_all")?;
        self.bound.plan.clusters.get("BlackHoleCluster").map(|cluster| &**cluster)
    }

    const fn flags(&self) -> Flags {
        Flags { ended: self.flag, retry: self.untried }
    }

    fn log<'b>(&'b self, head: &'b RequestHead) -> LogFields<'b> {
        if !self.log {
            return LogFields::default();
        }
        LogFields {
            enabled: logged(&self.http.manager.access_logs, self.flags()),
            method: if self.unread { "-" } else { head.method.as_str() },
            path: if self.path.is_empty() { "-" } else { &self.path },
            authority: &head.authority,
            http_version: head.version.name(),
            details: &self.details,
            upstream_failure: self.failure.as_deref(),
            upstream_time: self.upstream_millis,
            forwarded_for: head.fields.text("x-forwarded-for"),
            user_agent: head.fields.text("user-agent"),
            request_id: head.fields.text("x-request-id"),
            upstream_host: self.host,
            upstream_cluster: self.cluster.as_deref().map(|c| c.name.as_ref()),
            upstream_local: self.local,
            downstream_local: Some(self.facts.local),
            downstream_remote: Some(if self.client == self.facts.remote.ip() {
                self.facts.remote
            } else {
                // Its port is not known.
                SocketAddr::new(self.client, 0)
            }),
            sni: self.facts.hello.sni.as_deref(),
            route: self.route_name(),
        }
    }
}

/// Does one of these logs want what ended with these flags?
pub(crate) fn logged(logs: &[AccessLog], flags: Flags) -> bool {
    logs.iter().any(|log| {
        let named = |only: &Arc<str>| flags.has(only);
        log.only_flags.is_empty() || log.only_flags.iter().any(named)
    })
}
