//! `MeshConfig`: settings of the whole mesh.

use super::{
    ExtensionProvider, LabelSelector, ProxyConfig, ServiceEntryVisibility, ServiceScope, Time,
    mesh_record, mesh_words,
};
use crate::traffic_policy::{
    ClientTls, ConnectionPool, LocalityLb, OutlierDetection, TcpKeepalive, ZoneAwareLb,
};
use crate::virtual_service::Retries;

mesh_words! {
    /// Which Ingress objects are read.
    IngressControllerMode {
        /// Not said.
        Unspecified = "UNSPECIFIED" 0,
        /// None.
        Off = "OFF" 1,
        /// Those of the class, and those without one.
        Default = "DEFAULT" 2,
        /// Those of the class only.
        Strict = "STRICT" 3,
    }
}

mesh_words! {
    /// Whether proxies prove themselves to each other, the older way; no effect any more.
    AuthPolicy {
        /// They do not.
        None = "NONE" 0,
        /// They do.
        MutualTls = "MUTUAL_TLS" 1,
    }
}

mesh_words! {
    /// Form of the access log.
    AccessLogEncoding {
        /// Lines of text.
        Text = "TEXT" 0,
        /// A JSON object for each line.
        Json = "JSON" 1,
    }
}

mesh_words! {
    /// Whether HTTP/1.1 becomes HTTP/2 between proxies.
    H2UpgradePolicy {
        /// It stays.
        DoNotUpgrade = "DO_NOT_UPGRADE" 0,
        /// It becomes HTTP/2.
        Upgrade = "UPGRADE" 1,
    }
}

mesh_record! {
    /// Settings of the whole mesh.
    MeshConfig {
        /// Port that outbound traffic is redirected to. Default 15001.
        "proxyListenPort" proxy_listen_port: i32,
        /// Port that inbound traffic is redirected to. Default 15006.
        "proxyInboundListenPort" proxy_inbound_listen_port: i32,
        /// Port on which proxies serve as HTTP proxy for the application; 0 for none. Default 0.
        "proxyHttpPort" proxy_http_port: i32,
        /// Time to connect to an endpoint, 1ms to 1h. Default 10s.
        "connectTimeout" connect_timeout: Option<Time>,
        /// Time without traffic after which a tunnel between node proxies ends. Default 1h.
        "hboneIdleTimeout" hbone_idle_timeout: Option<Time>,
        /// Longest wait for the client's first bytes when the protocol is not known; 0s for any. Default 0s.
        "protocolDetectionTimeout" protocol_detection_timeout: Option<Time>,
        /// Probes on idle connections. Default: the system's.
        "tcpKeepalive" tcp_keepalive: Option<TcpKeepalive>,
        /// Class of the Ingress objects that are read. Default `istio`.
        "ingressClass" ingress_class: String,
        /// Service whose address Ingress objects get. Default `istio-ingressgateway`.
        "ingressService" ingress_service: String,
        /// Which Ingress objects are read. Default `STRICT`.
        "ingressControllerMode" ingress_controller_mode: IngressControllerMode,
        /// Label `istio` of the gateway that serves Ingress objects. Default `ingressgateway`.
        "ingressSelector" ingress_selector: String,
        /// Older switch of mTLS; no effect any more.
        "authPolicy" auth_policy: AuthPolicy,
        /// Whether proxies send spans, to the tracing of `defaultConfig`. Default true.
        "enableTracing" enable_tracing: bool,
        /// File that proxies log requests to, such as `/dev/stdout`; empty for none. Default none.
        "accessLogFile" access_log_file: String,
        /// Form of a line of the access log; empty for the usual one.
        "accessLogFormat" access_log_format: String,
        /// Text or JSON. Default `TEXT`.
        "accessLogEncoding" access_log_encoding: AccessLogEncoding,
        /// Whether access logs also go to `defaultConfig.envoyAccessLogService`. Default false.
        "enableEnvoyAccessLogService" enable_envoy_access_log_service: bool,
        /// Whether listeners do not log connections that fit no filter chain. Default false.
        "disableEnvoyListenerLog" disable_envoy_listener_log: bool,
        /// Settings of each proxy; each field overrides the default alone.
        "defaultConfig" default_config: Option<ProxyConfig>,
        /// What happens to traffic to unknown destinations. Default `ALLOW_ANY`.
        "outboundTrafficPolicy" outbound_traffic_policy: Option<OutboundTrafficPolicy>,
        /// Where inbound traffic is sent on to. Default `PASSTHROUGH`.
        "inboundTrafficPolicy" inbound_traffic_policy: Option<InboundTrafficPolicy>,
        /// Where configuration comes from besides the API server.
        "configSources" config_sources: Vec<ConfigSource>,
        /// Whether clients use mTLS by themselves with endpoints that have a proxy. Default true.
        "enableAutoMtls" enable_auto_mtls: Option<bool>,
        /// Trust domain of every identity of this mesh. Default `cluster.local`.
        "trustDomain" trust_domain: String,
        /// Further names of the trust domain; identities of them count as ours.
        "trustDomainAliases" trust_domain_aliases: Vec<String>,
        /// Further roots that proxies trust.
        "caCertificates" ca_certificates: Vec<CertificateData>,
        /// Who sees services that say nothing: `*` all, `.` their namespace, `~` nobody. Default `*`.
        "defaultServiceExportTo" default_service_export_to: Vec<String>,
        /// Who uses VirtualServices that say nothing. Default `*`.
        "defaultVirtualServiceExportTo" default_virtual_service_export_to: Vec<String>,
        /// Who uses DestinationRules that say nothing. Default `*`.
        "defaultDestinationRuleExportTo" default_destination_rule_export_to: Vec<String>,
        /// Namespace whose policies count for the whole mesh. Default `istio-system`.
        "rootNamespace" root_namespace: String,
        /// Balancing by place for all services. Default: on, without further rules.
        "localityLbSetting" locality_lb_setting: Option<LocalityLb>,
        /// Balancing by zone for all services. Default off.
        "zoneAwareLbSetting" zone_aware_lb_setting: Option<ZoneAwareLb>,
        /// Time between two look-ups of a name that could not be resolved. Default 60s.
        "dnsRefreshRate" dns_refresh_rate: Option<Time>,
        /// Whether HTTP/1.1 becomes HTTP/2 between proxies. Default `DO_NOT_UPGRADE`.
        "h2UpgradePolicy" h2_upgrade_policy: H2UpgradePolicy,
        /// Template of the metric name of inbound clusters.
        "inboundClusterStatName" inbound_cluster_stat_name: String,
        /// Template of the metric name of outbound clusters.
        "outboundClusterStatName" outbound_cluster_stat_name: String,
        /// Certificates that the control plane gets for itself and others.
        "certificates" certificates: Vec<Certificate>,
        /// Settings for some services by host.
        "serviceSettings" service_settings: Vec<ServiceSettings>,
        /// How far services are known, for node proxies.
        "serviceScopeConfigs" service_scope_configs: Vec<ServiceScope>,
        /// Whether the agent serves metrics of proxy and application together. Default true.
        "enablePrometheusMerge" enable_prometheus_merge: Option<bool>,
        /// Whether clients check the certificates of servers outside of the mesh. Default true.
        "verifyCertificateAtClient" verify_certificate_at_client: Option<bool>,
        /// A certificate authority of one's own.
        "ca" ca: Option<Ca>,
        /// Named services for telemetry and authorization, added to `prometheus`, `stackdriver` and `envoy` by name.
        "extensionProviders" extension_providers: Vec<ExtensionProvider>,
        /// Providers that count when no Telemetry names one.
        "defaultProviders" default_providers: Option<DefaultProviders>,
        /// Namespaces that the control plane looks at; one that fits is enough. Default all.
        "discoverySelectors" discovery_selectors: Vec<LabelSelector>,
        /// How paths are made uniform before policies look at them. Default `DEFAULT`, which is `BASE`.
        "pathNormalization" path_normalization: Option<PathNormalization>,
        /// Retries of HTTP routes that say nothing. Default: 2 attempts after failures before the request got through.
        "defaultHttpRetryPolicy" default_http_retry_policy: Option<Retries>,
        /// Retries of a proxy towards its own application. Default: 2 attempts when it reset before the request.
        "defaultInboundHttpRetryPolicy" default_inbound_http_retry_policy: Option<Retries>,
        /// TLS between proxies.
        "meshMTLS" mesh_mtls: Option<TlsConfig>,
        /// TLS with others.
        "tlsDefaults" tls_defaults: Option<TlsConfig>,
        /// Connections and ejection for all services; a DestinationRule overrides field by field.
        "defaultTrafficPolicy" default_traffic_policy: Option<DefaultTrafficPolicy>,
        /// Who sees ServiceEntries that say nothing.
        "serviceEntryVisibility" service_entry_visibility: Option<ServiceEntryVisibility>,
    }
}

mesh_words! {
    /// What happens to traffic to unknown destinations.
    OutboundMode {
        /// It ends at the proxy.
        RegistryOnly = "REGISTRY_ONLY" 0,
        /// It goes to the address that the application called.
        AllowAny = "ALLOW_ANY" 1,
        /// HTTP goes to the host that the request names, as DNS resolves it; the rest as `ALLOW_ANY`.
        AllowAnyDynamicDns = "ALLOW_ANY_DYNAMIC_DNS" 3,
    }
}

mesh_record! {
    /// What happens to traffic to unknown destinations.
    OutboundTrafficPolicy {
        /// What happens. An object without it means `REGISTRY_ONLY`.
        "mode" mode: OutboundMode,
        /// TLS that `ALLOW_ANY_DYNAMIC_DNS` begins.
        "tls" tls: Option<ClientTls>,
    }
}

mesh_words! {
    /// Where inbound traffic is sent on to.
    InboundMode {
        /// To the pod's address.
        Passthrough = "PASSTHROUGH" 0,
        /// To `127.0.0.1`.
        Localhost = "LOCALHOST" 1,
    }
}

mesh_record! {
    /// Where inbound traffic is sent on to.
    InboundTrafficPolicy {
        /// Where to. Default `PASSTHROUGH`.
        "mode" mode: InboundMode,
    }
}

mesh_words! {
    /// What a configuration source gives.
    SubscribedResource {
        /// Services.
        ServiceRegistry = "SERVICE_REGISTRY" 0,
    }
}

mesh_record! {
    /// A source of configuration.
    ConfigSource {
        /// `HOST:PORT`, `fs:///FOLDER` or `k8s://`.
        "address" address: String,
        /// TLS towards it.
        "tlsSettings" tls_settings: Option<ClientTls>,
        /// What it gives besides configuration.
        "subscribedResources" subscribed_resources: Vec<SubscribedResource>,
    }
}

mesh_record! {
    /// A root; `pem` or `spiffeBundleUrl`.
    CertificateData {
        /// The root itself.
        "pem" pem: Option<String>,
        /// Where a SPIFFE bundle is fetched.
        "spiffeBundleUrl" spiffe_bundle_url: Option<String>,
        /// Kubernetes signers whose root it is.
        "certSigners" cert_signers: Vec<String>,
        /// Trust domains whose root it is. Default: ours.
        "trustDomains" trust_domains: Vec<String>,
    }
}

mesh_record! {
    /// A certificate for somebody.
    Certificate {
        /// Secret that it is kept in.
        "secretName" secret_name: String,
        /// Its names.
        "dnsNames" dns_names: Vec<String>,
    }
}

mesh_record! {
    /// Settings for some services.
    ServiceSettings {
        /// The settings.
        "settings" settings: Option<ServiceBehaviour>,
        /// Which services: hosts, or `*.` and the end of hosts.
        "hosts" hosts: Vec<String>,
    }
}

mesh_record! {
    /// Settings of a service.
    ServiceBehaviour {
        /// Whether only endpoints of the client's own cluster are called. Default false.
        "clusterLocal" cluster_local: bool,
    }
}

mesh_record! {
    /// A certificate authority.
    Ca {
        /// `HOST:PORT`.
        "address" address: String,
        /// TLS towards it.
        "tlsSettings" tls_settings: Option<ClientTls>,
        /// Time for one certificate. Default 10s.
        "requestTimeout" request_timeout: Option<Time>,
        /// Whether the control plane asks it, instead of the proxies. Default true.
        "istiodSide" istiod_side: bool,
    }
}

mesh_record! {
    /// Providers by name, for what no Telemetry says.
    DefaultProviders {
        /// For spans.
        "tracing" tracing: Vec<String>,
        /// For metrics.
        "metrics" metrics: Vec<String>,
        /// For access logs.
        "accessLogging" access_logging: Vec<String>,
    }
}

mesh_words! {
    /// How a path is made uniform.
    Normalization {
        /// As `BASE`.
        Default = "DEFAULT" 0,
        /// Not at all.
        None = "NONE" 1,
        /// `.` and `..` are resolved, `\` becomes `/`, escapes of plain characters are undone.
        Base = "BASE" 2,
        /// As `BASE`, and `//` becomes `/`.
        MergeSlashes = "MERGE_SLASHES" 3,
        /// As `MERGE_SLASHES`, after `%2F` and `%5C` became `/`.
        DecodeAndMergeSlashes = "DECODE_AND_MERGE_SLASHES" 4,
    }
}

mesh_record! {
    /// How paths are made uniform.
    PathNormalization {
        /// How.
        "normalization" normalization: Normalization,
    }
}

mesh_words! {
    /// A version of TLS.
    TlsProtocol {
        /// The usual one.
        Auto = "TLS_AUTO" 0,
        /// TLS 1.2.
        V1_2 = "TLSV1_2" 3,
        /// TLS 1.3.
        V1_3 = "TLSV1_3" 4,
    }
}

mesh_record! {
    /// Settings of TLS.
    TlsConfig {
        /// Oldest version that is accepted. Default TLS 1.2.
        "minProtocolVersion" min_protocol_version: TlsProtocol,
        /// Curves for key exchange, the preferred ones first; not for `meshMTLS`.
        "ecdhCurves" ecdh_curves: Vec<String>,
        /// Cipher suites of TLS 1.2.
        "cipherSuites" cipher_suites: Vec<String>,
    }
}

mesh_record! {
    /// What DestinationRules override.
    DefaultTrafficPolicy {
        /// Limits of connections and requests.
        "connectionPool" connection_pool: Option<ConnectionPool>,
        /// Putting endpoints aside that fail.
        "outlierDetection" outlier_detection: Option<OutlierDetection>,
    }
}
