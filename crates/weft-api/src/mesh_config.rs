//! What an operator writes about the whole mesh: `MeshConfig`, its `ProxyConfig`, and `MeshNetworks`.
//!
//! In: JSON of these messages. Out: typed values, and an issue for each thing that cannot be read.
//! Holds: every field that Istio's messages have is here; [`Shaped`] tells of each its name, meaning and form.
//! Never: defaults or rules; those are `weft-meshconfig`'s. An absent field reads as protobuf's zero.

mod connection;
mod foreign;
mod mesh;
mod networks;
mod probe;
mod provider;
mod proxy;
mod selector;
mod shape;
mod telemetry;
mod tracing;
mod visibility;

pub use connection::{
    ConnectionProfile, ConnectionSettings, EscapedSlashes, HeadersWithUnderscores,
};
pub use mesh::{
    AccessLogEncoding, AuthPolicy, Ca, Certificate, CertificateData, ConfigSource,
    DefaultProviders, DefaultTrafficPolicy, H2UpgradePolicy, InboundMode, InboundTrafficPolicy,
    IngressControllerMode, MeshConfig, Normalization, OutboundMode, OutboundTrafficPolicy,
    PathNormalization, ServiceBehaviour, ServiceSettings, SubscribedResource, TlsConfig,
    TlsProtocol,
};
pub use networks::{MeshNetworks, Network, NetworkEndpoints, NetworkGateway};
pub use probe::{ExecProbe, GrpcProbe, HttpProbe, HttpProbeHeader, ReadinessProbe, TcpProbe};
pub use provider::{
    ExtAuthzBody, ExtAuthzGrpc, ExtAuthzHttp, ExtensionProvider, GrpcService, HttpHeader,
    HttpService, Prometheus, Sds, SdsProvider, Stackdriver, StackdriverLogging,
};
pub use proxy::{
    AuthenticationPolicy, CryptoMb, CurrentClientCert, ForwardClientCert, GatewayTopology,
    HeaderExchange, HeaderMode, HeaderSwitch, HeaderToggle, InterceptionMode, PrivateKeyProvider,
    ProxyConfig, ProxyHeaders, ProxyImage, RemoteService, ServerHeader, StatsMatcher,
    TracingServiceName,
};
pub use selector::{LabelSelector, Requirement};
pub use shape::{Empty, Field, Shape, Shaped, Time, Word};
pub(crate) use shape::{mesh_record, mesh_words};
pub use telemetry::{FileLog, GrpcLog, LogFormat, OtelLog, OtelLogFormat, TcpLog};
pub use tracing::{
    Collector, CustomTag, DatadogProvider, DynatraceApi, DynatraceSampler, Enrichment,
    LightstepProvider, Literal, Lookup, OpenCensusAgent, OpenCensusProvider, OpenTelemetryProvider,
    ResourceDetectors, SkyWalkingProvider, StackdriverTracing, Token, TraceContext,
    TraceContextOption, Tracing, ZipkinProvider,
};
pub use visibility::{
    MatchRule, Scope, ServiceEntryVisibility, ServiceScope, Visibility, VisibilityPolicy,
};
