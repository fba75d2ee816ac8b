//! The HTTP connection manager of a filter chain.

use ctl_snapshot::PathNormalization;
use weft_proto::envoy::config::core::v3 as core;
use weft_proto::envoy::config::listener::v3::{Filter, filter::ConfigType};
use weft_proto::envoy::config::route::v3::RouteConfiguration;
use weft_proto::envoy::extensions::filters::http::{cors, fault, router};
use weft_proto::envoy::extensions::filters::network::http_connection_manager::v3 as hcm;
use weft_proto::google::protobuf::Any;

use crate::view::Topology;
use crate::{access_log, wire};

pub(crate) const FAULT: &str = "envoy.filters.http.fault";
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
    /// Filters before the usual ones.
    pub(crate) access: Vec<hcm::HttpFilter>,
    pub(crate) access_log: Option<&'a str>,
    pub(crate) paths: PathNormalization,
    /// What stands before a gateway.
    pub(crate) topology: Topology,
}

impl Manager<'_> {
    /// The network filter.
    pub(crate) fn filter(self) -> Filter {
        use hcm::http_connection_manager as parts;
        let direction = match self.side {
            Side::Outbound | Side::Gateway => "outbound",
            Side::Inbound => "inbound",
        };
        let mut manager = hcm::HttpConnectionManager {
            stat_prefix: format!("{direction}_{};", self.name),
            http_filters: filters(self.access),
            access_log: access_log::loggers(self.access_log),
            server_name: self.side.server_name().to_owned(),
            normalize_path: wire::truth(self.paths != PathNormalization::None),
            merge_slashes: merges(self.paths),
            path_with_escaped_slashes_action: escaped_slashes(self.paths).into(),
            stream_idle_timeout: Some(wire::seconds(0)),
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
                let usual = parts::ForwardClientCertDetails::SanitizeSet;
                manager.forward_client_cert_details =
                    self.topology.client_cert.unwrap_or(usual).into();
                manager.xff_num_trusted_hops = self.topology.trusted_proxies;
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

fn escaped_slashes(
    paths: PathNormalization,
) -> hcm::http_connection_manager::PathWithEscapedSlashesAction {
    use hcm::http_connection_manager::PathWithEscapedSlashesAction as Action;
    match paths {
        PathNormalization::DecodeAndMergeSlashes => Action::UnescapeAndForward,
        PathNormalization::None | PathNormalization::Base | PathNormalization::MergeSlashes => {
            Action::KeepUnchanged
        }
    }
}

pub(crate) fn http_filter(name: &str, config: Any) -> hcm::HttpFilter {
    hcm::HttpFilter {
        name: name.to_owned(),
        config_type: Some(hcm::http_filter::ConfigType::TypedConfig(config)),
        ..hcm::HttpFilter::default()
    }
}

fn filters(mut filters: Vec<hcm::HttpFilter>) -> Vec<hcm::HttpFilter> {
    filters.push(http_filter(FAULT, wire::any(&fault::v3::HttpFault::default())));
    filters.push(http_filter(CORS, wire::any(&cors::v3::Cors {})));
    let router = wire::any(&router::v3::Router::default());
    filters.push(http_filter("envoy.filters.http.router", router));
    filters
}
