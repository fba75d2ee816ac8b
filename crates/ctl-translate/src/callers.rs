//! What an Envoy tells its agent of who calls the pod in plaintext; weft-proxy counts that itself.
//!
//! In: nothing. Out: access logs over gRPC, to the agent's own socket.
//! Holds: the log of a listener is the same under every PeerAuthentication, because a listener of which more than its chains changes loses
//! its connections. Connections with mutual TLS cost nothing.

use std::time::Duration;

use weft_proto::envoy::config::accesslog::v3::{
    AccessLog, AccessLogFilter, LogTypeFilter, ResponseFlagFilter, access_log::ConfigType,
    access_log_filter::FilterSpecifier,
};
use weft_proto::envoy::config::core::v3::{
    ApiVersion, GrpcService, grpc_service::EnvoyGrpc, grpc_service::TargetSpecifier,
};
use weft_proto::envoy::extensions::access_loggers::grpc::v3::{
    CommonGrpcAccessLogConfig, HttpGrpcAccessLogConfig, TcpGrpcAccessLogConfig,
};
use weft_proto::envoy::extensions::filters::network::http_connection_manager::v3::http_connection_manager::HcmAccessLogOptions;
use weft_proto::envoy::extensions::filters::network::tcp_proxy::v3::tcp_proxy::TcpAccessLogOptions;
use weft_proto::google::protobuf::Any;

use crate::wire;

/// The agent's socket, which Envoy also asks for secrets.
const AGENT: &str = "sds-grpc";
/// What is still open is told of as often as this.
const AGAIN: Duration = Duration::from_secs(10);

fn to_agent(name: &str) -> Option<CommonGrpcAccessLogConfig> {
    let envoy = EnvoyGrpc { cluster_name: AGENT.to_owned(), ..EnvoyGrpc::default() };
    let service = GrpcService {
        target_specifier: Some(TargetSpecifier::EnvoyGrpc(envoy)),
        ..GrpcService::default()
    };
    Some(CommonGrpcAccessLogConfig {
        log_name: name.to_owned(),
        grpc_service: Some(service),
        transport_api_version: ApiVersion::V3.into(),
        ..CommonGrpcAccessLogConfig::default()
    })
}

fn log(name: &str, filter: Option<AccessLogFilter>, config: Any) -> AccessLog {
    AccessLog {
        name: format!("envoy.access_loggers.{name}"),
        filter,
        config_type: Some(ConfigType::TypedConfig(config)),
    }
}

/// The user's own logs have one line for what begins and ends, as everywhere else.
pub(crate) fn only_ended(logs: &mut [AccessLog]) {
    use weft_proto::envoy::data::accesslog::v3::AccessLogType as Type;
    for log in logs {
        let types = vec![Type::DownstreamEnd.into(), Type::TcpConnectionEnd.into()];
        let ended = LogTypeFilter { types, exclude: false };
        log.filter =
            Some(AccessLogFilter { filter_specifier: Some(FilterSpecifier::LogTypeFilter(ended)) });
    }
}

/// Every request of a chain.
pub(crate) fn of_requests() -> AccessLog {
    let common_config = to_agent("requests");
    let config = HttpGrpcAccessLogConfig { common_config, ..HttpGrpcAccessLogConfig::default() };
    log("http_grpc", None, wire::any(&config))
}

/// A request that takes long is told of when it begins, and while it lasts.
pub(crate) fn while_requested() -> HcmAccessLogOptions {
    HcmAccessLogOptions {
        access_log_flush_interval: Some(wire::duration(AGAIN)),
        flush_access_log_on_new_request: true,
        ..HcmAccessLogOptions::default()
    }
}

/// Every connection of a chain whose bytes are passed on.
pub(crate) fn of_connections() -> AccessLog {
    log("tcp_grpc", None, wire::any(&TcpGrpcAccessLogConfig { common_config: to_agent("bytes") }))
}

/// A connection is told of when it begins, and while it lasts.
pub(crate) fn while_connected() -> TcpAccessLogOptions {
    TcpAccessLogOptions {
        access_log_flush_interval: Some(wire::duration(AGAIN)),
        flush_access_log_on_connected: true,
        ..TcpAccessLogOptions::default()
    }
}

/// Connections that no chain takes.
pub(crate) fn of_refusals() -> AccessLog {
    let flags = ResponseFlagFilter { flags: vec!["NR".to_owned()] };
    let filter =
        AccessLogFilter { filter_specifier: Some(FilterSpecifier::ResponseFlagFilter(flags)) };
    let config = TcpGrpcAccessLogConfig { common_config: to_agent("refused") };
    log("tcp_grpc", Some(filter), wire::any(&config))
}
