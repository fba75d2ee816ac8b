//! The traffic policy of a DestinationRule: balancing, connections, ejection, TLS.

use std::collections::BTreeMap;

use crate::Span;
use crate::read::{record, words};
use crate::reference::PortSelector;

record! {
    /// How a destination is called.
    TrafficPolicy {
        /// How an endpoint is chosen.
        "loadBalancer" load_balancer: Option<LoadBalancer>,
        /// Limits of connections and requests.
        "connectionPool" connection_pool: Option<ConnectionPool>,
        /// Sets endpoints aside that fail; off when absent.
        "outlierDetection" outlier_detection: Option<OutlierDetection>,
        /// TLS towards the destination; chosen by the mesh when absent.
        "tls" tls: Option<ClientTls>,
        /// Policies of single ports; each replaces the whole policy there.
        "portLevelSettings" port_level_settings: Vec<PortTrafficPolicy> = [MaxItems(4096)],
        /// Carries connections inside of HTTP CONNECT.
        "tunnel" tunnel: Option<Tunnel>,
        /// Tells the destination the client's address by the PROXY protocol.
        "proxyProtocol" proxy_protocol: Option<ProxyProtocol>,
        /// Limits retries to a share of the requests under way.
        "retryBudget" retry_budget: Option<RetryBudget>,
    }
}

record! {
    /// The policy of one port; what it does not say stands at its default, not at the policy of the destination.
    PortTrafficPolicy {
        /// The port of the service.
        "port" port: Option<PortSelector>,
        /// How an endpoint is chosen.
        "loadBalancer" load_balancer: Option<LoadBalancer>,
        /// Limits of connections and requests.
        "connectionPool" connection_pool: Option<ConnectionPool>,
        /// Sets endpoints aside that fail; off when absent.
        "outlierDetection" outlier_detection: Option<OutlierDetection>,
        /// TLS towards the destination; chosen by the mesh when absent.
        "tls" tls: Option<ClientTls>,
    }
}

words! {
    /// A balancer without parameters.
    SimpleLb {
        /// Same as LEAST_REQUEST.
        Unspecified = "UNSPECIFIED",
        /// Old name of LEAST_REQUEST.
        LeastConn = "LEAST_CONN",
        /// Any endpoint.
        Random = "RANDOM",
        /// The address that the client called.
        Passthrough = "PASSTHROUGH",
        /// One after the other.
        RoundRobin = "ROUND_ROBIN",
        /// Of two at random the one with fewer requests under way.
        LeastRequest = "LEAST_REQUEST",
    }
}

record! {
    /// How endpoints are chosen.
    LoadBalancer {
        /// A balancer without parameters; LEAST_REQUEST when nothing is said.
        "simple" simple: Option<SimpleLb>,
        /// The same key always goes to the same endpoint.
        "consistentHash" consistent_hash: Option<ConsistentHash>,
        /// By the load that endpoints report.
        "backendUtilization" backend_utilization: Option<BackendUtilization>,
        /// Prefers endpoints that are near; replaces the setting of the mesh.
        "localityLbSetting" locality_lb_setting: Option<LocalityLb>,
        /// Keeps requests within the zone while each zone has enough endpoints.
        "zoneAwareLbSetting" zone_aware_lb_setting: Option<ZoneAwareLb>,
        /// New endpoints get their share slowly.
        "warmup" warmup: Option<Warmup>,
        /// How long new endpoints take to get their share. Deprecated: use warmup.
        "warmupDurationSecs" warmup_duration_secs: Option<Span>,
    } where [OneOf(&["simple", "consistentHash", "backendUtilization"])]
}

record! {
    /// The same key always goes to the same endpoint, as long as that is there.
    ConsistentHash {
        /// The key is a header field.
        "httpHeaderName" http_header_name: Option<String>,
        /// The key is a cookie, which is made when absent.
        "httpCookie" http_cookie: Option<HttpCookie>,
        /// The key is the client's address.
        "useSourceIp" use_source_ip: Option<bool>,
        /// The key is a parameter of the query.
        "httpQueryParameterName" http_query_parameter_name: Option<String>,
        /// Places endpoints on a ring.
        "ringHash" ring_hash: Option<RingHash>,
        /// Places endpoints in a table.
        "maglev" maglev: Option<Maglev>,
        /// Fewest places of the ring. Deprecated: use ringHash.
        "minimumRingSize" minimum_ring_size: Option<i64> = [Min(0)],
    } where [
        OneOf(&["httpHeaderName", "httpCookie", "useSourceIp", "httpQueryParameterName"]),
        OneOf(&["ringHash", "maglev"]),
    ]
}

record! {
    /// A cookie as the key.
    HttpCookie {
        /// Its name.
        "name" name: String = [Required],
        /// Its path, when it is made.
        "path" path: String,
        /// Its lifetime, when it is made; `0s` lasts until the browser closes. Without it no cookie is made.
        "ttl" ttl: Option<Span> = [ZeroAllowed],
        /// Further attributes, when it is made.
        "attributes" attributes: Vec<CookieAttribute>,
    }
}

record! {
    /// A further attribute of a cookie that the proxy makes.
    CookieAttribute {
        /// Name of the attribute, such as `SameSite`.
        "name" name: String = [Required],
        /// Its value; none for a mark such as `Secure`.
        "value" value: String,
    }
}

record! {
    /// Places endpoints on a ring of hashes.
    RingHash {
        /// Fewest places of the ring; 1024 when absent. More spread load more evenly.
        "minimumRingSize" minimum_ring_size: i64 = [Min(0)],
    }
}

record! {
    /// Places endpoints in Maglev's table.
    Maglev {
        /// Size of the table, a prime; 65537 when absent.
        "tableSize" table_size: i64 = [Min(0)],
    }
}

record! {
    /// Balances by the load that endpoints report.
    BackendUtilization {
        /// How much errors count as load, in percent.
        "errorUtilizationPenaltyPercent" error_utilization_penalty_percent: Option<u32>,
        /// Metrics of the report that count as load.
        "metricNamesForComputingUtilization" metric_names_for_computing_utilization: Vec<String>,
        /// A weight that no report renewed for this long is forgotten.
        "weightExpirationPeriod" weight_expiration_period: Option<Span> = [ZeroAllowed],
        /// Reports of a new endpoint count after this time.
        "weightStabilizationPeriod" weight_stabilization_period: Option<Span> = [ZeroAllowed],
        /// How often weights are made anew.
        "weightUpdatePeriod" weight_update_period: Option<Span> = [ZeroAllowed],
    }
}

record! {
    /// Balancing by place. At most one of distribute, failover and failoverPriority.
    LocalityLb {
        /// Shares of traffic from one place to others.
        "distribute" distribute: Vec<Distribute>,
        /// Where to go when the endpoints of a region fail; needs outlierDetection.
        "failover" failover: Vec<Failover>,
        /// Labels by which endpoints are preferred, the most important first.
        "failoverPriority" failover_priority: Vec<String>,
        /// Turns balancing by place on or off.
        "enabled" enabled: Option<bool>,
    }
}

record! {
    /// Shares of traffic from one place.
    Distribute {
        /// The place of the client: `region/zone/subzone`, `*` at the end.
        "from" from: String,
        /// Places and their shares in percent, together 100.
        "to" to: BTreeMap<String, u32>,
    }
}

record! {
    /// Where to go when a region fails.
    Failover {
        /// The region that fails.
        "from" from: String,
        /// The region that takes over.
        "to" to: String,
    }
}

record! {
    /// Keeps requests within the zone.
    ZoneAwareLb {
        /// Turns it on or off.
        "enabled" enabled: Option<bool>,
        /// Fewest endpoints for which zones are looked at; 6 when absent.
        "minClusterSize" min_cluster_size: Option<i64> = [Min(1)],
        /// Where to go when the endpoints of a region fail; needs outlierDetection.
        "failover" failover: Vec<Failover>,
        /// Labels by which endpoints are preferred, the most important first.
        "failoverPriority" failover_priority: Vec<String>,
    }
}

record! {
    /// New endpoints get their share slowly.
    Warmup {
        /// How long it takes.
        "duration" duration: Option<Span> = [Required],
        /// Share at the beginning, in percent; 10 when absent.
        "minimumPercent" minimum_percent: Option<f64> = [Min(0), Max(100)],
        /// Shape of the way up: 1 is a straight line, more is faster at the end.
        "aggression" aggression: Option<f64> = [Min(0)],
    }
}

record! {
    /// Limits of connections and requests.
    ConnectionPool {
        /// Limits of connections.
        "tcp" tcp: Option<TcpPool>,
        /// Limits of requests.
        "http" http: Option<HttpPool>,
    }
}

record! {
    /// Limits of connections.
    TcpPool {
        /// Most connections of one proxy to the destination; no limit when absent.
        "maxConnections" max_connections: i32,
        /// Longest time to connect; 10s when absent.
        "connectTimeout" connect_timeout: Option<Span>,
        /// Probes on idle connections; as the system is set when absent.
        "tcpKeepalive" tcp_keepalive: Option<TcpKeepalive>,
        /// Longest life of a connection.
        "maxConnectionDuration" max_connection_duration: Option<Span>,
        /// A connection without traffic is closed after this time; 1h when absent, `0s` never.
        "idleTimeout" idle_timeout: Option<Span> = [ZeroAllowed],
    }
}

record! {
    /// Probes on idle connections.
    TcpKeepalive {
        /// Probes without answer after which a connection is dead.
        "probes" probes: u32,
        /// Idle time before the first probe.
        "time" time: Option<Span>,
        /// Time between probes.
        "interval" interval: Option<Span>,
    }
}

words! {
    /// Whether HTTP/1.1 becomes HTTP/2 between proxies.
    H2UpgradePolicy {
        /// As the mesh is set.
        Default = "DEFAULT",
        /// No.
        DoNotUpgrade = "DO_NOT_UPGRADE",
        /// Yes.
        Upgrade = "UPGRADE",
    }
}

record! {
    /// Limits of requests.
    HttpPool {
        /// Most requests that wait for a connection; no limit when absent.
        "http1MaxPendingRequests" http1_max_pending_requests: i32,
        /// Most requests under way; no limit when absent.
        "http2MaxRequests" http2_max_requests: i32,
        /// A connection is closed after so many requests; 0 is no limit.
        "maxRequestsPerConnection" max_requests_per_connection: i32,
        /// Most retries under way; no limit when absent.
        "maxRetries" max_retries: i32,
        /// A connection without requests is closed after this time; 1h when absent.
        "idleTimeout" idle_timeout: Option<Span>,
        /// Whether HTTP/1.1 is carried over HTTP/2 to the destination.
        "h2UpgradePolicy" h2_upgrade_policy: H2UpgradePolicy,
        /// Calls the destination with the protocol that the client speaks.
        "useClientProtocol" use_client_protocol: bool,
        /// Most requests at one time on an HTTP/2 connection.
        "maxConcurrentStreams" max_concurrent_streams: i32,
        /// Pings on HTTP/2 connections.
        "http2KeepAlive" http2_keep_alive: Option<Http2KeepAlive>,
    }
}

record! {
    /// Pings on HTTP/2 connections.
    Http2KeepAlive {
        /// Time between pings.
        "interval" interval: Option<Span>,
        /// A ping without answer for this time closes the connection.
        "timeout" timeout: Option<Span>,
    }
}

record! {
    /// Sets endpoints aside that fail.
    OutlierDetection {
        /// Not used any more; use consecutive5xxErrors.
        "consecutiveErrors" consecutive_errors: i32,
        /// Counts failures to connect apart from bad answers.
        "splitExternalLocalOriginErrors" split_external_local_origin_errors: bool,
        /// Failures to connect in a row, when they are counted apart; 5 when absent.
        "consecutiveLocalOriginFailures" consecutive_local_origin_failures: Option<u32>,
        /// Answers 502, 503 and 504 in a row; off when absent or 0.
        "consecutiveGatewayErrors" consecutive_gateway_errors: Option<u32>,
        /// Answers 500 to 599 in a row; 5 when absent, 0 is off.
        "consecutive5xxErrors" consecutive_5xx_errors: Option<u32>,
        /// How often endpoints are looked at; 10s when absent.
        "interval" interval: Option<Span>,
        /// How long an endpoint is set aside the first time, longer each time; 30s when absent.
        "baseEjectionTime" base_ejection_time: Option<Span>,
        /// Most endpoints that may be set aside, in percent; 10 when absent.
        "maxEjectionPercent" max_ejection_percent: i32,
        /// With fewer healthy endpoints, in percent, none is set aside; 0 when absent.
        "minHealthPercent" min_health_percent: i32,
        /// The status codes that are failures, each counted as a 5xx; 500 to 599 when absent.
        "outlierDetectionHttpErrorCodes" http_error_codes: Vec<u32>,
    }
}

words! {
    /// TLS towards a destination.
    ClientTlsMode {
        /// None.
        Disable = "DISABLE",
        /// The server shows a certificate.
        Simple = "SIMPLE",
        /// Both show certificates, ours from files or a Secret.
        Mutual = "MUTUAL",
        /// Both show certificates of the mesh.
        IstioMutual = "ISTIO_MUTUAL",
    }
}

record! {
    /// TLS towards a destination.
    ClientTls {
        /// DISABLE, SIMPLE, MUTUAL or ISTIO_MUTUAL.
        "mode" mode: ClientTlsMode,
        /// File with our certificate, for MUTUAL.
        "clientCertificate" client_certificate: String,
        /// File with our private key, for MUTUAL.
        "privateKey" private_key: String,
        /// File with the authorities that the server is checked against; those of the system when absent.
        "caCertificates" ca_certificates: String,
        /// File with revoked certificates of servers.
        "caCrl" ca_crl: String,
        /// Secret with certificate, key and authorities, instead of files.
        "credentialName" credential_name: String,
        /// Names of which the server's certificate must have one; the host when absent.
        "subjectAltNames" subject_alt_names: Vec<String>,
        /// Server name that we ask for; the host when absent.
        "sni" sni: String,
        /// Takes any certificate of the server. Only for tests.
        "insecureSkipVerify" insecure_skip_verify: Option<bool>,
    }
}

record! {
    /// Carries connections inside of HTTP CONNECT.
    Tunnel {
        /// CONNECT (the default) or POST.
        "protocol" protocol: String,
        /// Host that the proxy behind is to connect to.
        "targetHost" target_host: String = [Required],
        /// Port that the proxy behind is to connect to.
        "targetPort" target_port: u32 = [Required],
    }
}

words! {
    /// Version of the PROXY protocol.
    ProxyProtocolVersion {
        /// Text.
        V1 = "V1",
        /// Binary.
        V2 = "V2",
    }
}

record! {
    /// The PROXY protocol towards a destination.
    ProxyProtocol {
        /// V1 (the default) or V2.
        "version" version: ProxyProtocolVersion,
    }
}

record! {
    /// Limits retries to a share of the requests under way.
    RetryBudget {
        /// The share in percent; 20 when absent.
        "percent" percent: Option<f64> = [Min(0), Max(100)],
        /// So many retries are always allowed; 3 when absent.
        "minRetryConcurrency" min_retry_concurrency: Option<u32>,
        /// The share is of the requests that began within this time; of those under way when absent or 0.
        "budgetInterval" budget_interval: Option<Span> = [ZeroAllowed],
    }
}
