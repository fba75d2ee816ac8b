//! `ProxyConfig`: how each proxy starts and behaves. It stands in `defaultConfig` of the mesh and in a pod's annotation.

use std::collections::BTreeMap;

use super::{
    ConnectionSettings, Empty, ReadinessProbe, Sds, Time, Tracing, mesh_record, mesh_words,
};
use crate::traffic_policy::{ClientTls, TcpKeepalive};

mesh_words! {
    /// How the service of a proxy is named in spans.
    TracingServiceName {
        /// Label `app` and the namespace.
        AppLabelAndNamespace = "APP_LABEL_AND_NAMESPACE" 0,
        /// The canonical name.
        CanonicalNameOnly = "CANONICAL_NAME_ONLY" 1,
        /// The canonical name and the namespace.
        CanonicalNameAndNamespace = "CANONICAL_NAME_AND_NAMESPACE" 2,
    }
}

mesh_words! {
    /// How a proxy and the control plane prove who they are.
    AuthenticationPolicy {
        /// Not at all.
        None = "NONE" 0,
        /// By certificates and tokens.
        MutualTls = "MUTUAL_TLS" 1,
        /// As the mesh says; not for the control plane.
        Inherit = "INHERIT" 1000,
    }
}

mesh_words! {
    /// How traffic gets to the proxy.
    InterceptionMode {
        /// Redirected; the proxy sees its own address as the client's.
        Redirect = "REDIRECT" 0,
        /// Transparently; the client's address is kept.
        Tproxy = "TPROXY" 1,
        /// Not at all; the application calls the proxy.
        None = "NONE" 2,
    }
}

mesh_record! {
    /// Settings of a proxy.
    ProxyConfig {
        /// Folder for the configuration that the agent makes. Default `./etc/istio/proxy`.
        "configPath" config_path: String,
        /// Path of the proxy's program. Default `/usr/local/bin/envoy`.
        "binaryPath" binary_path: String,
        /// Name of the proxy's service in spans; instead of `tracingServiceName`. Default `istio-proxy`.
        "serviceCluster" service_cluster: Option<String>,
        /// Where the name of the proxy's service in spans comes from; instead of `serviceCluster`.
        "tracingServiceName" tracing_service_name: Option<TracingServiceName>,
        /// Time over which connections are closed when a listener goes; whole seconds. Default 45s.
        "drainDuration" drain_duration: Option<Time>,
        /// Where the control plane is, `HOST:PORT`. Default `istiod.istio-system.svc:15012`.
        "discoveryAddress" discovery_address: String,
        /// Unused since long.
        "discoveryRefreshDelay" discovery_refresh_delay: Option<Time>,
        /// Older form of `tracing.zipkin.address`.
        "zipkinAddress" zipkin_address: String,
        /// Where statsd gets metrics by UDP, `HOST:PORT`. Default: nowhere.
        "statsdUdpAddress" statsd_udp_address: String,
        /// Older form of `envoyMetricsService.address`.
        "envoyMetricsServiceAddress" envoy_metrics_service_address: String,
        /// Port of the proxy's admin interface, on its loopback address. Default 15000.
        "proxyAdminPort" proxy_admin_port: i32,
        /// Zone of the proxy, when the platform does not tell.
        "availabilityZone" availability_zone: String,
        /// How proxy and control plane prove who they are. Default `MUTUAL_TLS`.
        "controlPlaneAuthPolicy" control_plane_auth_policy: AuthenticationPolicy,
        /// A configuration file for the proxy that replaces the one the agent makes.
        "customConfigFile" custom_config_file: String,
        /// Longest name, in bytes, of a metric. Default 189.
        "statNameLength" stat_name_length: i32,
        /// Worker threads; 0 for one for each core. Default: the CPU limit, or 2.
        "concurrency" concurrency: Option<i32>,
        /// Template that the agent makes the configuration file of.
        "proxyBootstrapTemplatePath" proxy_bootstrap_template_path: String,
        /// How traffic gets to the proxy. Default `REDIRECT`.
        "interceptionMode" interception_mode: InterceptionMode,
        /// Where spans go.
        "tracing" tracing: Option<Tracing>,
        /// Secrets by the older way; no effect any more.
        "sds" sds: Option<Sds>,
        /// Service that gets access logs.
        "envoyAccessLogService" envoy_access_log_service: Option<RemoteService>,
        /// Service that gets metrics.
        "envoyMetricsService" envoy_metrics_service: Option<RemoteService>,
        /// Environment variables of the proxy's container. `ISTIO_META_HTTP10` of `1` serves clients of HTTP/1.0, which are told to upgrade without it.
        "proxyMetadata" proxy_metadata: BTreeMap<String, String>,
        /// Envoy's runtime values.
        "runtimeValues" runtime_values: BTreeMap<String, String>,
        /// Port on which the agent tells its health and serves merged metrics. Default 15020.
        "statusPort" status_port: i32,
        /// Further tags that metric names are cut into.
        "extraStatTags" extra_stat_tags: Vec<String>,
        /// What stands before the gateways of this mesh.
        "gatewayTopology" gateway_topology: Option<GatewayTopology>,
        /// Time that a proxy that is to end still serves its connections. Default: what the grace period of its pod has room for.
        "terminationDrainDuration" termination_drain_duration: Option<Time>,
        /// Name of the mesh in telemetry. Default: the trust domain.
        "meshId" mesh_id: String,
        /// How the health of an application outside of Kubernetes is asked.
        "readinessProbe" readiness_probe: Option<ReadinessProbe>,
        /// Envoy metrics that are kept besides the usual few.
        "proxyStatsMatcher" proxy_stats_matcher: Option<StatsMatcher>,
        /// Whether the application starts only once the proxy is ready. Default false.
        "holdApplicationUntilProxyStarts" hold_application_until_proxy_starts: Option<bool>,
        /// Further roots, as PEM, that the proxy trusts.
        "caCertificatesPem" ca_certificates_pem: Vec<String>,
        /// Which build of the proxy runs.
        "image" image: Option<ProxyImage>,
        /// Hardware that works with private keys.
        "privateKeyProvider" private_key_provider: Option<PrivateKeyProvider>,
        /// Header fields that proxies add.
        "proxyHeaders" proxy_headers: Option<ProxyHeaders>,
        /// Longest time that a line of an access log waits before it is written. Default 1s.
        "fileFlushInterval" file_flush_interval: Option<Time>,
        /// Bytes, in KiB, that an access log gathers before it writes. Default 64.
        "fileFlushMinSizeKb" file_flush_min_size_kb: u32,
        /// Whether metrics are compressed when scraped. Default true.
        "statsCompression" stats_compression: Option<bool>,
        /// Buffers, timeouts and limits of connections.
        "connectionSettings" connection_settings: Option<ConnectionSettings>,
    }
}

mesh_record! {
    /// A service that proxies call directly.
    RemoteService {
        /// `HOST:PORT`.
        "address" address: String,
        /// TLS towards it.
        "tlsSettings" tls_settings: Option<ClientTls>,
        /// Probes on its idle connection.
        "tcpKeepalive" tcp_keepalive: Option<TcpKeepalive>,
    }
}

mesh_words! {
    /// What a gateway does with `x-forwarded-client-cert`.
    ForwardClientCert {
        /// Not said: `SANITIZE_SET` for gateways, `APPEND_FORWARD` for sidecars.
        Undefined = "UNDEFINED" 0,
        /// Takes it out.
        Sanitize = "SANITIZE" 1,
        /// Keeps it when the client proved itself.
        ForwardOnly = "FORWARD_ONLY" 2,
        /// Adds the client's certificate to it when the client proved itself.
        AppendForward = "APPEND_FORWARD" 3,
        /// Replaces it by the client's certificate.
        SanitizeSet = "SANITIZE_SET" 4,
        /// Keeps it in any case.
        AlwaysForwardOnly = "ALWAYS_FORWARD_ONLY" 5,
    }
}

mesh_record! {
    /// What stands before the gateways.
    GatewayTopology {
        /// Trusted proxies between client and gateway, whose `x-forwarded-for` is believed. Default 0.
        "numTrustedProxies" num_trusted_proxies: u32,
        /// What happens to `x-forwarded-client-cert`. Default `SANITIZE_SET`.
        "forwardClientCertDetails" forward_client_cert_details: ForwardClientCert,
        /// Clients come with the PROXY protocol.
        "proxyProtocol" proxy_protocol: Option<Empty>,
    }
}

mesh_record! {
    /// Metrics by name; a name is kept when one of these fits.
    StatsMatcher {
        /// Beginnings of names.
        "inclusionPrefixes" inclusion_prefixes: Vec<String>,
        /// Ends of names.
        "inclusionSuffixes" inclusion_suffixes: Vec<String>,
        /// Regular expressions.
        "inclusionRegexps" inclusion_regexps: Vec<String>,
    }
}

mesh_record! {
    /// Which build of the proxy runs.
    ProxyImage {
        /// `default`, `debug` or `distroless`.
        "imageType" image_type: String,
    }
}

mesh_record! {
    /// Hardware that works with private keys; one of the two.
    PrivateKeyProvider {
        /// Vector instructions that sign eight keys at once.
        "cryptomb" cryptomb: Option<CryptoMb>,
        /// An accelerator card.
        "qat" qat: Option<CryptoMb>,
    }
}

mesh_record! {
    /// How the hardware is used.
    CryptoMb {
        /// Longest time that a signature waits for others; above zero.
        "pollDelay" poll_delay: Option<Time>,
        /// Whether software does it when the hardware is not there. Default false: the proxy does not start.
        "fallback" fallback: Option<bool>,
    }
}

mesh_words! {
    /// With whom proxies exchange their names in header fields.
    HeaderMode {
        /// With everybody.
        Undefined = "UNDEFINED" 0,
        /// With proxies of the mesh only.
        InMesh = "IN_MESH" 1,
    }
}

mesh_record! {
    /// Header fields that proxies add.
    ProxyHeaders {
        /// What happens to `x-forwarded-client-cert`.
        "forwardedClientCert" forwarded_client_cert: ForwardClientCert,
        /// Parts of the client's certificate that are told.
        "setCurrentClientCertDetails" set_current_client_cert_details: Option<CurrentClientCert>,
        /// `x-request-id`.
        "requestId" request_id: Option<HeaderSwitch>,
        /// `server`.
        "server" server: Option<ServerHeader>,
        /// `x-envoy-attempt-count`.
        "attemptCount" attempt_count: Option<HeaderSwitch>,
        /// `x-envoy-...` fields for debugging.
        "envoyDebugHeaders" envoy_debug_headers: Option<HeaderSwitch>,
        /// Fields in which proxies tell each other their names.
        "metadataExchangeHeaders" metadata_exchange_headers: Option<HeaderExchange>,
        /// Whether HTTP/1 field names keep their case. Default false.
        "preserveHttp1HeaderCase" preserve_http1_header_case: Option<bool>,
        /// `x-forwarded-host`.
        "xForwardedHost" x_forwarded_host: Option<HeaderToggle>,
        /// `x-forwarded-port`.
        "xForwardedPort" x_forwarded_port: Option<HeaderToggle>,
    }
}

mesh_record! {
    /// A field that can be turned off.
    HeaderSwitch {
        /// Whether it is off. Default false.
        "disabled" disabled: Option<bool>,
    }
}

mesh_record! {
    /// A field that can be turned on.
    HeaderToggle {
        /// Whether it is on. Default false.
        "enabled" enabled: Option<bool>,
    }
}

mesh_record! {
    /// The field `server` of responses.
    ServerHeader {
        /// Whether it is left as the application wrote it. Default false.
        "disabled" disabled: Option<bool>,
        /// Its value. Default `istio-envoy`.
        "value" value: String,
    }
}

mesh_record! {
    /// With whom names are exchanged.
    HeaderExchange {
        /// With whom. Default: with everybody.
        "mode" mode: HeaderMode,
    }
}

mesh_record! {
    /// Parts of a client's certificate.
    CurrentClientCert {
        /// Its subject. Default true.
        "subject" subject: Option<bool>,
        /// The whole certificate. Default false.
        "cert" cert: Option<bool>,
        /// The whole chain. Default false.
        "chain" chain: Option<bool>,
        /// Its DNS names. Default true.
        "dns" dns: Option<bool>,
        /// Its URI. Default true.
        "uri" uri: Option<bool>,
    }
}
