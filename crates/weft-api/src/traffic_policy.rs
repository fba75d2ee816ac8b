//! The traffic policy of a DestinationRule: balancing, connections, ejection, TLS.

use std::collections::BTreeMap;

use crate::Span;
use crate::read::{record, words};
use crate::reference::PortSelector;

record! {
    /// How a destination is called.
    TrafficPolicy {
        "loadBalancer" load_balancer: Option<LoadBalancer>,
        "connectionPool" connection_pool: Option<ConnectionPool>,
        "outlierDetection" outlier_detection: Option<OutlierDetection>,
        "tls" tls: Option<ClientTls>,
        "portLevelSettings" port_level_settings: Vec<PortTrafficPolicy>,
        "tunnel" tunnel: Option<Tunnel>,
        "proxyProtocol" proxy_protocol: Option<ProxyProtocol>,
        "retryBudget" retry_budget: Option<RetryBudget>,
    }
}

record! {
    /// The same for one port; replaces the whole policy there.
    PortTrafficPolicy {
        "port" port: Option<PortSelector>,
        "loadBalancer" load_balancer: Option<LoadBalancer>,
        "connectionPool" connection_pool: Option<ConnectionPool>,
        "outlierDetection" outlier_detection: Option<OutlierDetection>,
        "tls" tls: Option<ClientTls>,
    }
}

words! {
    /// A balancer without parameters.
    SimpleLb {
        Unspecified = "UNSPECIFIED",
        LeastConn = "LEAST_CONN",
        Random = "RANDOM",
        Passthrough = "PASSTHROUGH",
        RoundRobin = "ROUND_ROBIN",
        LeastRequest = "LEAST_REQUEST",
    }
}

record! {
    /// How endpoints are chosen.
    LoadBalancer {
        "simple" simple: Option<SimpleLb>,
        "consistentHash" consistent_hash: Option<ConsistentHash>,
        "backendUtilization" backend_utilization: Option<BackendUtilization>,
        "localityLbSetting" locality_lb_setting: Option<LocalityLb>,
        "zoneAwareLbSetting" zone_aware_lb_setting: Option<ZoneAwareLb>,
        "warmup" warmup: Option<Warmup>,
        "warmupDurationSecs" warmup_duration_secs: Option<Span>,
    }
}

record! {
    /// The same key always goes to the same endpoint.
    ConsistentHash {
        "httpHeaderName" http_header_name: Option<String>,
        "httpCookie" http_cookie: Option<HttpCookie>,
        "useSourceIp" use_source_ip: Option<bool>,
        "httpQueryParameterName" http_query_parameter_name: Option<String>,
        "ringHash" ring_hash: Option<RingHash>,
        "maglev" maglev: Option<Maglev>,
        "minimumRingSize" minimum_ring_size: Option<i64>,
    }
}

record! {
    /// A cookie as the key.
    HttpCookie {
        "name" name: String,
        "path" path: String,
        "ttl" ttl: Option<Span>,
        "attributes" attributes: Vec<CookieAttribute>,
    }
}

record! {
    /// A further attribute of a cookie that we make.
    CookieAttribute { "name" name: String, "value" value: String }
}

record! {
    /// A ring of hashes.
    RingHash { "minimumRingSize" minimum_ring_size: i64 }
}

record! {
    /// Maglev's table.
    Maglev { "tableSize" table_size: i64 }
}

record! {
    /// Balancing by reported load.
    BackendUtilization {
        "errorUtilizationPenaltyPercent" error_utilization_penalty_percent: Option<u32>,
        "metricNamesForComputingUtilization" metric_names_for_computing_utilization: Vec<String>,
        "weightExpirationPeriod" weight_expiration_period: Option<Span>,
        "weightStabilizationPeriod" weight_stabilization_period: Option<Span>,
        "weightUpdatePeriod" weight_update_period: Option<Span>,
    }
}

record! {
    /// Balancing by place.
    LocalityLb {
        "distribute" distribute: Vec<Distribute>,
        "failover" failover: Vec<Failover>,
        "failoverPriority" failover_priority: Vec<String>,
        "enabled" enabled: Option<bool>,
    }
}

record! {
    /// Shares from one place.
    Distribute { "from" from: String, "to" to: BTreeMap<String, u32> }
}

record! {
    /// Where to go when a region fails.
    Failover { "from" from: String, "to" to: String }
}

record! {
    /// Balancing by zone.
    ZoneAwareLb {
        "enabled" enabled: Option<bool>,
        "minClusterSize" min_cluster_size: Option<i64>,
        "failover" failover: Vec<Failover>,
        "failoverPriority" failover_priority: Vec<String>,
    }
}

record! {
    /// New endpoints get their share slowly.
    Warmup {
        "duration" duration: Option<Span>,
        "minimumPercent" minimum_percent: Option<f64>,
        "aggression" aggression: Option<f64>,
    }
}

record! {
    /// Limits of connections and requests.
    ConnectionPool { "tcp" tcp: Option<TcpPool>, "http" http: Option<HttpPool> }
}

record! {
    /// Limits of connections.
    TcpPool {
        "maxConnections" max_connections: i32,
        "connectTimeout" connect_timeout: Option<Span>,
        "tcpKeepalive" tcp_keepalive: Option<TcpKeepalive>,
        "maxConnectionDuration" max_connection_duration: Option<Span>,
        "idleTimeout" idle_timeout: Option<Span>,
    }
}

record! {
    /// Probes on idle connections.
    TcpKeepalive {
        "probes" probes: u32,
        "time" time: Option<Span>,
        "interval" interval: Option<Span>,
    }
}

words! {
    /// Whether HTTP/1.1 becomes HTTP/2 between proxies.
    H2UpgradePolicy { Default = "DEFAULT", DoNotUpgrade = "DO_NOT_UPGRADE", Upgrade = "UPGRADE" }
}

record! {
    /// Limits of requests.
    HttpPool {
        "http1MaxPendingRequests" http1_max_pending_requests: i32,
        "http2MaxRequests" http2_max_requests: i32,
        "maxRequestsPerConnection" max_requests_per_connection: i32,
        "maxRetries" max_retries: i32,
        "idleTimeout" idle_timeout: Option<Span>,
        "h2UpgradePolicy" h2_upgrade_policy: H2UpgradePolicy,
        "useClientProtocol" use_client_protocol: bool,
        "maxConcurrentStreams" max_concurrent_streams: i32,
        "http2KeepAlive" http2_keep_alive: Option<Http2KeepAlive>,
    }
}

record! {
    /// Pings on HTTP/2 connections.
    Http2KeepAlive { "interval" interval: Option<Span>, "timeout" timeout: Option<Span> }
}

record! {
    /// Puts endpoints aside that fail.
    OutlierDetection {
        "consecutiveErrors" consecutive_errors: i32,
        "splitExternalLocalOriginErrors" split_external_local_origin_errors: bool,
        "consecutiveLocalOriginFailures" consecutive_local_origin_failures: Option<u32>,
        "consecutiveGatewayErrors" consecutive_gateway_errors: Option<u32>,
        "consecutive5xxErrors" consecutive_5xx_errors: Option<u32>,
        "interval" interval: Option<Span>,
        "baseEjectionTime" base_ejection_time: Option<Span>,
        "maxEjectionPercent" max_ejection_percent: i32,
        "minHealthPercent" min_health_percent: i32,
        "outlierDetectionHttpErrorCodes" http_error_codes: Vec<u32>,
    }
}

words! {
    /// TLS towards a destination.
    ClientTlsMode {
        Disable = "DISABLE",
        Simple = "SIMPLE",
        Mutual = "MUTUAL",
        IstioMutual = "ISTIO_MUTUAL",
    }
}

record! {
    /// TLS towards a destination.
    ClientTls {
        "mode" mode: ClientTlsMode,
        "clientCertificate" client_certificate: String,
        "privateKey" private_key: String,
        "caCertificates" ca_certificates: String,
        "caCrl" ca_crl: String,
        "credentialName" credential_name: String,
        "subjectAltNames" subject_alt_names: Vec<String>,
        "sni" sni: String,
        "insecureSkipVerify" insecure_skip_verify: Option<bool>,
    }
}

record! {
    /// TCP inside of HTTP CONNECT.
    Tunnel {
        "protocol" protocol: String,
        "targetHost" target_host: String,
        "targetPort" target_port: u32,
    }
}

words! {
    /// Version of the PROXY protocol.
    ProxyProtocolVersion { V1 = "V1", V2 = "V2" }
}

record! {
    /// The PROXY protocol towards a destination.
    ProxyProtocol { "version" version: ProxyProtocolVersion }
}

record! {
    /// Retries as a share of requests.
    RetryBudget {
        "percent" percent: Option<f64>,
        "minRetryConcurrency" min_retry_concurrency: Option<u32>,
        "budgetInterval" budget_interval: Option<Span>,
    }
}
