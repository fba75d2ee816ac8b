//! The form of the types that mesh-wide settings share with DestinationRule and VirtualService.
//!
//! Holds: the patterns name every field, so that a new one has to be met here.

use std::collections::BTreeMap;

use super::shape::{Field, Shape, Shaped, Word};
use crate::Span;
use crate::traffic_policy as tp;
use crate::virtual_service as vs;

macro_rules! shaped {
    ($($name:path { $($json:literal $field:ident: $type:ty),* $(,)? })*) => {$(
        impl Shaped for $name {
            const SHAPE: &'static Shape = &Shape::Record(&[$(Field {
                name: $json, doc: "", shape: <$type as Shaped>::SHAPE,
            }),*]);
        }
        const _: fn(&$name) = |value| {
            let $name { $($field: _),* } = value;
        };
    )*};
}

macro_rules! shaped_words {
    ($($name:path [$($word:literal $number:literal),* $(,)?])*) => {$(
        impl Shaped for $name {
            const SHAPE: &'static Shape =
                &Shape::Words(&[$(Word { name: $word, number: $number, doc: "" }),*]);
        }
    )*};
}

shaped_words! {
    tp::ClientTlsMode ["DISABLE" 0, "SIMPLE" 1, "MUTUAL" 2, "ISTIO_MUTUAL" 3]
    tp::H2UpgradePolicy ["DEFAULT" 0, "DO_NOT_UPGRADE" 1, "UPGRADE" 2]
}

shaped! {
    tp::ClientTls {
        "mode" mode: tp::ClientTlsMode,
        "clientCertificate" client_certificate: String,
        "privateKey" private_key: String,
        "caCertificates" ca_certificates: String,
        "caCrl" ca_crl: String,
        "credentialName" credential_name: String,
        "subjectAltNames" subject_alt_names: Vec<String>,
        "sni" sni: String,
        "insecureSkipVerify" insecure_skip_verify: bool,
    }
    tp::TcpKeepalive { "probes" probes: u32, "time" time: Span, "interval" interval: Span }
    tp::LocalityLb {
        "distribute" distribute: Vec<tp::Distribute>,
        "failover" failover: Vec<tp::Failover>,
        "failoverPriority" failover_priority: Vec<String>,
        "enabled" enabled: bool,
    }
    tp::Distribute { "from" from: String, "to" to: BTreeMap<String, u32> }
    tp::Failover { "from" from: String, "to" to: String }
    tp::ZoneAwareLb {
        "enabled" enabled: bool,
        "minClusterSize" min_cluster_size: i64,
        "failover" failover: Vec<tp::Failover>,
        "failoverPriority" failover_priority: Vec<String>,
    }
    tp::ConnectionPool { "tcp" tcp: tp::TcpPool, "http" http: tp::HttpPool }
    tp::TcpPool {
        "maxConnections" max_connections: i32,
        "connectTimeout" connect_timeout: Span,
        "tcpKeepalive" tcp_keepalive: tp::TcpKeepalive,
        "maxConnectionDuration" max_connection_duration: Span,
        "idleTimeout" idle_timeout: Span,
    }
    tp::HttpPool {
        "http1MaxPendingRequests" http1_max_pending_requests: i32,
        "http2MaxRequests" http2_max_requests: i32,
        "maxRequestsPerConnection" max_requests_per_connection: i32,
        "maxRetries" max_retries: i32,
        "idleTimeout" idle_timeout: Span,
        "h2UpgradePolicy" h2_upgrade_policy: tp::H2UpgradePolicy,
        "useClientProtocol" use_client_protocol: bool,
        "maxConcurrentStreams" max_concurrent_streams: i32,
        "http2KeepAlive" http2_keep_alive: tp::Http2KeepAlive,
    }
    tp::Http2KeepAlive { "interval" interval: Span, "timeout" timeout: Span }
    tp::OutlierDetection {
        "consecutiveErrors" consecutive_errors: i32,
        "splitExternalLocalOriginErrors" split_external_local_origin_errors: bool,
        "consecutiveLocalOriginFailures" consecutive_local_origin_failures: u32,
        "consecutiveGatewayErrors" consecutive_gateway_errors: u32,
        "consecutive5xxErrors" consecutive_5xx_errors: u32,
        "interval" interval: Span,
        "baseEjectionTime" base_ejection_time: Span,
        "maxEjectionPercent" max_ejection_percent: i32,
        "minHealthPercent" min_health_percent: i32,
        "outlierDetectionHttpErrorCodes" http_error_codes: Vec<u32>,
    }
    vs::Retries {
        "attempts" attempts: i32,
        "perTryTimeout" per_try_timeout: Span,
        "retryOn" retry_on: String,
        "retryRemoteLocalities" retry_remote_localities: bool,
        "retryIgnorePreviousHosts" retry_ignore_previous_hosts: bool,
        "backoff" backoff: Span,
    }
}
