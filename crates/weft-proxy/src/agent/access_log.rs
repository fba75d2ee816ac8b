//! What Envoy tells of connections and requests in plaintext, as the control plane has told it to.
//!
//! In: Envoy's access log over the agent's own socket. Out: entries of the table of callers.
//! Holds: an entry says as much as that somebody called; what is not understood is not counted, and Envoy is never held up.
//! Why requests and not only connections: Envoy tells of a connection when it ends, and one may stay open for days.

use std::net::SocketAddr;

use proxy_engine::Callers;
use tonic::{Request, Response, Status, Streaming};
use weft_proto::async_trait;
use weft_proto::envoy::config::core::v3::{Address, address, socket_address::PortSpecifier};
use weft_proto::envoy::data::accesslog::v3::AccessLogCommon;
use weft_proto::envoy::service::accesslog::v3::access_log_service_server::{
    AccessLogService, AccessLogServiceServer,
};
use weft_proto::envoy::service::accesslog::v3::stream_access_logs_message::LogEntries;
use weft_proto::envoy::service::accesslog::v3::{
    StreamAccessLogsMessage, StreamAccessLogsResponse,
};
use weft_rt::Clock;

/// Where captured connections arrive: who means this port calls no port of the pod.
const INBOUND: u16 = 15006;

/// The service for one Envoy.
pub(super) fn service(
    callers: Callers,
    clock: Clock,
) -> AccessLogServiceServer<impl AccessLogService> {
    AccessLogServiceServer::new(Log { callers, clock })
}

struct Log {
    callers: Callers,
    clock: Clock,
}

#[async_trait]
impl AccessLogService for Log {
    async fn stream_access_logs(
        &self,
        request: Request<Streaming<StreamAccessLogsMessage>>,
    ) -> Result<Response<StreamAccessLogsResponse>, Status> {
        let mut messages = request.into_inner();
        while let Some(message) = messages.message().await? {
            match &message.log_entries {
                Some(LogEntries::HttpLogs(all)) => {
                    let all = all.log_entry.iter().filter_map(|one| one.common_properties.as_ref());
                    all.for_each(|common| self.count(common, false));
                }
                Some(LogEntries::TcpLogs(all)) => {
                    let all = all.log_entry.iter().filter_map(|one| one.common_properties.as_ref());
                    all.for_each(|common| self.count(common, no_chain(common)));
                }
                None => {}
            }
        }
        Ok(Response::new(StreamAccessLogsResponse {}))
    }
}

/// How Envoy says that no chain took the connection.
fn no_chain(common: &AccessLogCommon) -> bool {
    common.response_flags.as_ref().is_some_and(|flags| flags.no_route_found)
}

impl Log {
    fn count(&self, common: &AccessLogCommon, refused: bool) {
        let from = socket(common.downstream_direct_remote_address.as_ref())
            .or_else(|| socket(common.downstream_remote_address.as_ref()));
        let to = socket(common.downstream_local_address.as_ref());
        let (Some(from), Some(to)) = (from, to) else { return };
        if common.tls_properties.is_some() || to.port() == INBOUND {
            return;
        }
        let now = self.clock.now();
        if refused {
            self.callers.refused(from, to.port(), now);
        } else {
            self.callers.called(from, to.port(), now);
        }
    }
}

fn socket(address: Option<&Address>) -> Option<SocketAddr> {
    let Some(address::Address::SocketAddress(socket)) = address?.address.as_ref() else {
        return None;
    };
    let Some(PortSpecifier::PortValue(port)) = socket.port_specifier else { return None };
    Some(SocketAddr::new(socket.address.parse().ok()?, u16::try_from(port).ok()?))
}

#[cfg(test)]
mod tests {
    use weft_proto::envoy::config::core::v3::SocketAddress;
    use weft_proto::envoy::data::accesslog::v3::{ResponseFlags, TlsProperties};

    use super::*;

    fn at(ip: &str, port: u32) -> Option<Address> {
        let socket = SocketAddress {
            address: ip.to_owned(),
            port_specifier: Some(PortSpecifier::PortValue(port)),
            ..SocketAddress::default()
        };
        Some(Address { address: Some(address::Address::SocketAddress(socket)) })
    }

    fn entry(source: u32, port: u32) -> AccessLogCommon {
        AccessLogCommon {
            downstream_direct_remote_address: at("10.0.0.9", source),
            downstream_local_address: at("10.0.0.1", port),
            ..AccessLogCommon::default()
        }
    }

    #[test]
    fn plaintext_counts_by_connection_and_tls_does_not() {
        let (callers, clock) = (Callers::default(), Clock::fake().0);
        let log = Log { callers: callers.clone(), clock: clock.clone() };
        [entry(1, 8080), entry(1, 8080), entry(2, 8080)]
            .iter()
            .for_each(|one| log.count(one, false));
        log.count(&entry(3, 15006), false);
        let tls_properties = Some(TlsProperties::default());
        log.count(&AccessLogCommon { tls_properties, ..entry(4, 8080) }, false);
        log.count(&AccessLogCommon::default(), false);
        log.count(&entry(5, 8080), true);
        let news = callers.news(clock.now());
        let seen: Vec<_> =
            news.callers.iter().map(|seen| (seen.port, seen.connections, seen.refused)).collect();
        assert_eq!(seen, [(8080, 2, 1)]);
    }

    #[test]
    fn a_connection_that_no_chain_took_is_told_by_its_flag() {
        let response_flags =
            Some(ResponseFlags { no_route_found: true, ..ResponseFlags::default() });
        assert!(no_chain(&AccessLogCommon { response_flags, ..entry(1, 8080) }));
        assert!(!no_chain(&entry(1, 8080)));
    }
}
