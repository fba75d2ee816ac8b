//! What a proxy was started with, as far as its resources depend on it.
//!
//! In: `PROXY_CONFIG` of a node's metadata: the mesh's `defaultConfig` under the pod's own annotation. Out: [`Started`].
//! Holds: proxies that were started alike have equal values, so that they share resources; a value that cannot be read is
//! left at its default, since it was told of when it was written.

use std::time::Duration;

use serde_json::{Map, Number, Value};
use weft_model::api::mesh_config::{
    ConnectionProfile, ConnectionSettings, EscapedSlashes, ForwardClientCert, GatewayTopology,
    HeaderSwitch, ProxyHeaders, Time,
};
use weft_model::api::{Read, Reader};
use weft_proto::envoy::config::core::v3::Node;
use weft_proto::google::protobuf::Struct;
use weft_proto::google::protobuf::value::Kind;

/// What HTTP connection managers and routes of a proxy depend on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Started {
    /// Proxies before a gateway whose `x-forwarded-for` is believed.
    pub trusted_proxies: u32,
    /// What happens to `x-forwarded-client-cert`.
    pub client_cert: ForwardClientCert,
    /// How the field `server` of responses is written.
    pub server: Server,
    /// No `x-request-id` is made.
    pub without_request_id: bool,
    /// No `x-envoy-attempt-count` is sent.
    pub without_attempt_count: bool,
    /// Time without a request after which a client's connection ends.
    pub idle: Option<Duration>,
    /// Time for a whole request to arrive.
    pub request: Option<Duration>,
    /// Time without a byte after which a request ends.
    pub stream_idle: Option<Duration>,
    /// Time between telling a client that its connection ends and ending it.
    pub drain: Option<Duration>,
    /// Requests at once on one HTTP/2 connection.
    pub streams: Option<u32>,
    /// It answers the name questions of its pod.
    pub captures_names: bool,
    /// `//` in a path becomes `/`, whatever the mesh says.
    pub merge_slashes: Option<bool>,
    /// What happens to paths with escaped slashes, whatever the mesh says.
    pub escaped_slashes: EscapedSlashes,
    /// Clients of a gateway come with the PROXY protocol.
    pub proxy_protocol: bool,
    /// Clients that speak HTTP/1.0 are served.
    pub http_10: bool,
    /// Names of HTTP/1 fields keep their case.
    pub keeps_case: bool,
}

/// How the field `server` of responses is written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub enum Server {
    /// With the proxy's usual name, where it is written at all.
    #[default]
    Usual,
    /// With another name.
    Named(String),
    /// Not at all.
    Untouched,
}

impl Started {
    pub(crate) fn of(node: &Node, router: bool) -> Self {
        let metadata = node.metadata.as_ref();
        let config = metadata.and_then(|fields| fields.fields.get("PROXY_CONFIG")?.kind.as_ref());
        let http_10 = metadata.and_then(|fields| fields.fields.get("HTTP10")?.kind.as_ref());
        let http_10 = matches!(http_10, Some(Kind::StringValue(asked)) if asked == "1");
        let mut started = Self { http_10, ..Self::default() };
        let Some(Kind::StructValue(config)) = config else { return started };
        let config = json_of(config);
        started.headers(&part(&config, "proxyHeaders"));
        started.connections(part(&config, "connectionSettings"), router);
        started.captures_names = !router && captures_names(&config);
        if router {
            let topology: GatewayTopology = part(&config, "gatewayTopology");
            started.trusted_proxies = topology.num_trusted_proxies;
            started.proxy_protocol = topology.proxy_protocol.is_some();
            if topology.forward_client_cert_details != ForwardClientCert::Undefined {
                started.client_cert = topology.forward_client_cert_details;
            }
        }
        started
    }

    fn headers(&mut self, headers: &ProxyHeaders) {
        let off = |switch: &Option<HeaderSwitch>| {
            switch.as_ref().and_then(|switch| switch.disabled) == Some(true)
        };
        self.client_cert = headers.forwarded_client_cert;
        self.without_request_id = off(&headers.request_id);
        self.without_attempt_count = off(&headers.attempt_count);
        self.keeps_case = headers.preserve_http1_header_case == Some(true);
        self.server = match &headers.server {
            Some(server) if server.disabled == Some(true) => Server::Untouched,
            Some(server) if !server.value.is_empty() => Server::Named(server.value.clone()),
            Some(_) | None => Server::Usual,
        };
    }

    /// A profile says what nothing else does, and `EDGE` only for gateways.
    fn connections(&mut self, settings: ConnectionSettings, router: bool) {
        let edge = router && settings.profile == ConnectionProfile::Edge;
        let time = |written: Option<Time>, at_edge: Option<u64>| {
            let at_edge = at_edge.filter(|_| edge).map(Duration::from_secs);
            written.map(Time::duration).or(at_edge)
        };
        self.idle = time(settings.http_idle_timeout, Some(3600));
        self.request = time(settings.http_request_timeout, Some(300));
        self.stream_idle = time(settings.http_stream_idle_timeout, Some(300));
        self.drain = time(settings.http_drain_timeout, None);
        let streams = settings.http_max_concurrent_streams.or(edge.then_some(100));
        self.streams = streams.and_then(|streams| u32::try_from(streams).ok());
        self.merge_slashes = settings.http_merge_slashes.or(edge.then_some(true));
        self.escaped_slashes = match settings.http_path_with_escaped_slashes_action {
            EscapedSlashes::Unspecified if edge => EscapedSlashes::UnescapeAndRedirect,
            written => written,
        };
    }
}

/// As whoever sets it for Istio's agent writes it.
fn captures_names(config: &Map<String, Value>) -> bool {
    let wish = config.get("proxyMetadata").and_then(|all| all.get("ISTIO_META_DNS_CAPTURE"));
    match wish {
        Some(Value::Bool(wish)) => *wish,
        Some(Value::String(text)) => text.eq_ignore_ascii_case("true") || text == "1",
        _ => false,
    }
}

fn part<T: Read>(config: &Map<String, Value>, name: &str) -> T {
    config.get(name).map_or_else(T::default, |value| T::read(value, &mut Reader::default()))
}

fn json_of(fields: &Struct) -> Map<String, Value> {
    let fields = fields.fields.iter();
    fields.map(|(name, value)| (name.clone(), json(value.kind.as_ref()))).collect()
}

fn json(kind: Option<&Kind>) -> Value {
    match kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(truth)) => Value::Bool(*truth),
        Some(Kind::NumberValue(number)) => number_of(*number),
        Some(Kind::StringValue(text)) => Value::String(text.clone()),
        Some(Kind::ListValue(list)) => {
            list.values.iter().map(|value| json(value.kind.as_ref())).collect()
        }
        Some(Kind::StructValue(fields)) => Value::Object(json_of(fields)),
    }
}

/// Protobuf has fractions only; a whole number is one again.
fn number_of(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() < 1e15 {
        #[expect(clippy::cast_possible_truncation, reason = "a whole number below 1e15")]
        return Value::from(number as i64);
    }
    Number::from_f64(number).map_or(Value::Null, Value::Number)
}
