//! How a cluster speaks HTTP.
//! In: a Cluster and its HttpProtocolOptions. Out: the protocol with the options that go with it. Holds: a protocol that we
//! do not speak is refused.

use proxy_config::cluster::{ByHost, Pings, Protocol};
use weft_proto::envoy::config::cluster::v3 as wire;
use weft_proto::envoy::config::core::v3 as core;
use weft_proto::envoy::extensions::upstreams::http::v3::HttpProtocolOptions;
use weft_proto::envoy::extensions::upstreams::http::v3::http_protocol_options as http;

use crate::Lowered;
use crate::known::{Rejected, only};
use crate::{any, wrap};

const PROTOCOL: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// The protocol, and the options of what may be spoken.
pub(super) struct Spoken<'a> {
    pub(super) protocol: Protocol,
    pub(super) http1: Option<&'a core::Http1ProtocolOptions>,
    pub(super) http2: Option<&'a core::Http2ProtocolOptions>,
}

impl<'a> Spoken<'a> {
    /// What a cluster says, or leaves to the default.
    pub(super) fn of(
        cluster: &wire::Cluster,
        options: Option<&'a HttpProtocolOptions>,
    ) -> Lowered<Self> {
        use http::UpstreamProtocolOptions as Options;
        #[expect(deprecated, reason = "older control planes still send the field")]
        let old_http2 = cluster.http2_protocol_options.is_some();
        match options.and_then(|options| options.upstream_protocol_options.as_ref()) {
            None if old_http2 => Ok(Self::http2(None)),
            None => Ok(Self::http1(None)),
            Some(Options::UseDownstreamProtocolConfig(both)) => Self::downstream(both),
            Some(Options::AutoConfig(_)) => {
                Err(Rejected::new("auto_config", "choosing the protocol by ALPN is not supported"))
            }
            Some(Options::ExplicitHttpConfig(explicit)) => Self::explicit(explicit),
        }
    }

    fn http1(http1: Option<&'a core::Http1ProtocolOptions>) -> Self {
        Self { protocol: Protocol::Http1, http1, http2: None }
    }

    fn http2(http2: Option<&'a core::Http2ProtocolOptions>) -> Self {
        Self { protocol: Protocol::Http2, http1: None, http2 }
    }

    fn downstream(both: &'a http::UseDownstreamHttpConfig) -> Lowered<Self> {
        only!(both, http_protocol_options, http2_protocol_options)
            .map_err(|e| e.within("use_downstream_protocol_config"))?;
        let http1 = both.http_protocol_options.as_ref();
        let http2 = both.http2_protocol_options.as_ref();
        Ok(Self { protocol: Protocol::Downstream, http1, http2 })
    }

    fn explicit(explicit: &'a http::ExplicitHttpConfig) -> Lowered<Self> {
        use http::explicit_http_config::ProtocolConfig;
        match &explicit.protocol_config {
            None => Ok(Self::http1(None)),
            Some(ProtocolConfig::HttpProtocolOptions(found)) => Ok(Self::http1(Some(found))),
            Some(ProtocolConfig::Http2ProtocolOptions(found)) => Ok(Self::http2(Some(found))),
            Some(ProtocolConfig::Http3ProtocolOptions(_)) => {
                Err(Rejected::new("explicit_http_config", "HTTP/3 is not supported"))
            }
        }
    }
}

/// The cluster's options of HTTP, of which every other extension is refused.
pub(super) fn options(cluster: &wire::Cluster) -> Lowered<Option<HttpProtocolOptions>> {
    let at = |e: Rejected| e.within("typed_extension_protocol_options");
    let mut found = None;
    for config in cluster.typed_extension_protocol_options.values() {
        if any::kind(config) != PROTOCOL {
            return Err(at(Rejected::new("", format!("{} is not known", any::kind(config)))));
        }
        let options: HttpProtocolOptions = any::open(config).map_err(at)?;
        only!(
            options,
            common_http_protocol_options,
            upstream_protocol_options,
            upstream_http_protocol_options,
            outlier_detection
        )
        .map_err(at)?;
        if let Some(common) = &options.common_http_protocol_options {
            only!(common, idle_timeout, max_requests_per_connection, max_connection_duration)
                .map_err(|e| at(e.within("common_http_protocol_options")))?;
        }
        found = Some(options);
    }
    Ok(found)
}

/// What of a request's host counts in TLS.
pub(super) fn by_host(options: Option<&HttpProtocolOptions>) -> Lowered<ByHost> {
    let options = options.and_then(|options| options.upstream_http_protocol_options.as_ref());
    let Some(options) = options else { return Ok(ByHost::default()) };
    only!(options, auto_sni, auto_san_validation)
        .map_err(|e| e.within("upstream_http_protocol_options"))?;
    Ok(ByHost { sni: options.auto_sni, san: options.auto_san_validation })
}

/// Pings of an idle HTTP/2 connection.
pub(super) fn pings(http2: Option<&core::Http2ProtocolOptions>) -> Lowered<Option<Pings>> {
    let Some(wire) = http2.and_then(|http2| http2.connection_keepalive.as_ref()) else {
        return Ok(None);
    };
    let at = |e: Rejected| e.within("connection_keepalive");
    // How much the interval varies, and pings before a request, change no answer.
    only!(wire, interval, timeout, interval_jitter, connection_idle_interval).map_err(at)?;
    let interval = wire.interval.as_ref().map(wrap::duration).transpose().map_err(at)?;
    let timeout = wire.timeout.as_ref().map(wrap::duration).transpose().map_err(at)?;
    Ok(interval.zip(timeout).map(|(interval, timeout)| Pings { interval, timeout }))
}
