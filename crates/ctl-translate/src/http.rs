//! The HTTP connection manager of a filter chain.

use ctl_snapshot::PathNormalization;
use weft_model::api::mesh_config::{EscapedSlashes, ForwardClientCert};
use weft_proto::envoy::config::core::v3 as core;
use weft_proto::envoy::config::listener::v3::{Filter, filter::ConfigType};
use weft_proto::envoy::config::route::v3::RouteConfiguration;
use weft_proto::envoy::extensions::filters::http::{cors, fault, grpc_web, router};
use weft_proto::envoy::extensions::filters::network::http_connection_manager::v3 as hcm;
use weft_proto::google::protobuf::Any;

use crate::limits::Limits;
use crate::started::{Server, Started};
use crate::{access_log, called, callers, policy, wire};

pub(crate) const FAULT: &str = "envoy.filters.http.fault";
const GRPC_WEB: &str = "envoy.filters.http.grpc_web";
pub(crate) const CORS: &str = "envoy.filters.http.cors";

/// Where a manager finds its routes.
pub(crate) enum Routes {
    /// Asks for them by name.
    Named(String),
    /// Has them.
    Inline(Box<RouteConfiguration>),
}

/// Which side of a hop.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Requests of the pod.
    Outbound,
    /// Requests for the pod.
    Inbound,
    /// Requests from outside of the mesh.
    Gateway,
}

impl Side {
    /// How responses name the proxy; empty for Envoy's own name.
    fn server_name(self) -> &'static str {
        match self {
            Self::Outbound => "",
            Self::Inbound | Self::Gateway => "istio-envoy",
        }
    }
}

/// What a manager needs to know.
pub(crate) struct Manager<'a> {
    pub(crate) side: Side,
    /// Address part of statistics' names, such as `0.0.0.0_80`.
    pub(crate) name: &'a str,
    pub(crate) routes: Routes,
    /// Filters that users put in.
    pub(crate) limits: &'a Limits,
    /// Browsers may call gRPC servers.
    pub(crate) grpc_web: bool,
    /// Filters before the usual ones.
    pub(crate) access: Vec<hcm::HttpFilter>,
    /// A route may lead to hosts that are looked up when they are called.
    pub(crate) looks_up: bool,
    pub(crate) access_log: Option<&'a str>,
    pub(crate) paths: PathNormalization,
    pub(crate) started: &'a Started,
    /// Its requests come in plaintext, and the agent is told of them.
    pub(crate) tells_callers: bool,
}

impl Manager<'_> {
    fn escaped_slashes(&self) -> hcm::http_connection_manager::PathWithEscapedSlashesAction {
        use hcm::http_connection_manager::PathWithEscapedSlashesAction as Action;
        match (self.started.escaped_slashes, self.paths) {
            (EscapedSlashes::KeepUnchanged, _) => Action::KeepUnchanged,
            (EscapedSlashes::RejectRequest, _) => Action::RejectRequest,
            (EscapedSlashes::UnescapeAndRedirect, _) => Action::UnescapeAndRedirect,
            (EscapedSlashes::UnescapeAndForward, _)
            | (EscapedSlashes::Unspecified, PathNormalization::DecodeAndMergeSlashes) => {
                Action::UnescapeAndForward
            }
            (
                EscapedSlashes::Unspecified,
                PathNormalization::None | PathNormalization::Base | PathNormalization::MergeSlashes,
            ) => Action::KeepUnchanged,
        }
    }

    /// The network filter.
    pub(crate) fn filter(self) -> Filter {
        use hcm::http_connection_manager as parts;
        let direction = match self.side {
            Side::Outbound | Side::Gateway => "outbound",
            Side::Inbound => "inbound",
        };
        let escaped_slashes = self.escaped_slashes();
        let mut manager = hcm::HttpConnectionManager {
            stat_prefix: format!("{direction}_{};", self.name),
            http_filters: filters(self.limits, self.access, self.grpc_web, self.looks_up),
            access_log: access_log::loggers(self.access_log),
            server_name: self.side.server_name().to_owned(),
            normalize_path: wire::truth(self.paths != PathNormalization::None),
            merge_slashes: self.started.merge_slashes.unwrap_or_else(|| merges(self.paths)),
            path_with_escaped_slashes_action: escaped_slashes.into(),
            stream_idle_timeout: Some(wire::duration(self.started.stream_idle.unwrap_or_default())),
            proxy_100_continue: true,
            use_remote_address: wire::truth(self.side == Side::Gateway),
            upgrade_configs: vec![parts::UpgradeConfig {
                upgrade_type: "websocket".to_owned(),
                ..parts::UpgradeConfig::default()
            }],
            route_specifier: Some(match self.routes {
                Routes::Named(name) => parts::RouteSpecifier::Rds(hcm::Rds {
                    config_source: Some(wire::ads()),
                    route_config_name: name,
                }),
                Routes::Inline(routes) => parts::RouteSpecifier::RouteConfig(*routes),
            }),
            ..hcm::HttpConnectionManager::default()
        };
        match self.side {
            Side::Outbound => {}
            Side::Inbound => {
                manager.forward_client_cert_details =
                    parts::ForwardClientCertDetails::AppendForward.into();
                manager.set_current_client_cert_details =
                    Some(parts::SetCurrentClientCertDetails {
                        subject: wire::truth(true),
                        dns: true,
                        uri: true,
                        ..parts::SetCurrentClientCertDetails::default()
                    });
                manager.server_header_transformation =
                    parts::ServerHeaderTransformation::PassThrough.into();
            }
            Side::Gateway => {
                manager.forward_client_cert_details =
                    parts::ForwardClientCertDetails::SanitizeSet.into();
                manager.set_current_client_cert_details =
                    Some(parts::SetCurrentClientCertDetails {
                        subject: wire::truth(true),
                        cert: true,
                        dns: true,
                        uri: true,
                        ..parts::SetCurrentClientCertDetails::default()
                    });
                manager.http_protocol_options = Some(core::Http1ProtocolOptions::default());
            }
        }
        if self.tells_callers {
            callers::only_ended(&mut manager.access_log);
            manager.access_log.push(callers::of_requests());
            manager.access_log_options = Some(callers::while_requested());
        }
        as_started(&mut manager, self.started);
        Filter {
            name: "envoy.filters.network.http_connection_manager".to_owned(),
            config_type: Some(ConfigType::TypedConfig(wire::any(&manager))),
        }
    }
}

fn merges(paths: PathNormalization) -> bool {
    match paths {
        PathNormalization::None | PathNormalization::Base => false,
        PathNormalization::MergeSlashes | PathNormalization::DecodeAndMergeSlashes => true,
    }
}

/// What the proxy was started with goes over the usual.
fn as_started(manager: &mut hcm::HttpConnectionManager, started: &Started) {
    use hcm::http_connection_manager::ServerHeaderTransformation;
    manager.xff_num_trusted_hops = started.trusted_proxies;
    if let Some(details) = client_cert(started.client_cert) {
        manager.forward_client_cert_details = details.into();
    }
    match &started.server {
        Server::Usual => {}
        Server::Named(name) => manager.server_name.clone_from(name),
        Server::Untouched => {
            manager.server_header_transformation = ServerHeaderTransformation::PassThrough.into();
        }
    }
    if started.without_request_id {
        manager.generate_request_id = wire::truth(false);
    }
    if started.http_10 || started.keeps_case {
        let options = manager.http_protocol_options.get_or_insert_default();
        options.accept_http_10 = started.http_10;
        options.header_key_format = started.keeps_case.then(policy::case_kept);
    }
    limits(manager, started);
}

fn client_cert(
    wish: ForwardClientCert,
) -> Option<hcm::http_connection_manager::ForwardClientCertDetails> {
    use hcm::http_connection_manager::ForwardClientCertDetails as Details;
    match wish {
        ForwardClientCert::Undefined => None,
        ForwardClientCert::Sanitize => Some(Details::Sanitize),
        ForwardClientCert::ForwardOnly => Some(Details::ForwardOnly),
        ForwardClientCert::AppendForward => Some(Details::AppendForward),
        ForwardClientCert::SanitizeSet => Some(Details::SanitizeSet),
        ForwardClientCert::AlwaysForwardOnly => Some(Details::AlwaysForwardOnly),
    }
}

fn limits(manager: &mut hcm::HttpConnectionManager, started: &Started) {
    manager.common_http_protocol_options = started.idle.map(|idle| core::HttpProtocolOptions {
        idle_timeout: Some(wire::duration(idle)),
        ..core::HttpProtocolOptions::default()
    });
    manager.request_timeout = started.request.map(wire::duration);
    manager.drain_timeout = started.drain.map(wire::duration);
    manager.http2_protocol_options = Some(core::Http2ProtocolOptions {
        // Istio leaves it out, so that WebSockets pass no HTTP/2, also none that h2UpgradePolicy asks for.
        allow_connect: true,
        max_concurrent_streams: started.streams.and_then(wire::number),
        ..core::Http2ProtocolOptions::default()
    });
}

pub(crate) fn http_filter(name: &str, config: Any) -> hcm::HttpFilter {
    hcm::HttpFilter {
        name: name.to_owned(),
        config_type: Some(hcm::http_filter::ConfigType::TypedConfig(config)),
        ..hcm::HttpFilter::default()
    }
}

fn filters(
    limits: &Limits,
    access: Vec<hcm::HttpFilter>,
    grpc_web: bool,
    looks_up: bool,
) -> Vec<hcm::HttpFilter> {
    let mut filters = limits.first.clone();
    filters.extend(access);
    if grpc_web {
        filters.push(http_filter(GRPC_WEB, wire::any(&grpc_web::v3::GrpcWeb {})));
    }
    filters.push(http_filter(FAULT, wire::any(&fault::v3::HttpFault::default())));
    filters.push(http_filter(CORS, wire::any(&cors::v3::Cors {})));
    filters.extend(looks_up.then(called::of_requests));
    filters.extend(limits.before_router.iter().cloned());
    let router = wire::any(&router::v3::Router::default());
    filters.push(http_filter("envoy.filters.http.router", router));
    filters
}
