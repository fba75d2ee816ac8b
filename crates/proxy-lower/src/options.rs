//! Options of the HTTP codecs, where they are accepted.
//! In: Envoy's. Out: what HTTP/1 does with the case of names, or a refusal. Holds: what would change which messages pass is refused; sizes of windows,
//! tables and buffers are tuning, for which our codecs have fixed values.

use weft_proto::envoy::config::core::v3 as core;
use weft_proto::envoy::extensions::http::header_formatters::preserve_case::v3::PreserveCaseFormatterConfig;

use crate::Lowered;
use crate::any;
use crate::known::{Rejected, nothing_else, only};

const PRESERVE_CASE: &str =
    "envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig";

/// HTTP/1, either end; says whether the case of names is kept. Trailers always pass; a message with both a length and
/// chunks is always refused; both are safe.
pub(crate) fn http1(wire: Option<&core::Http1ProtocolOptions>) -> Lowered<bool> {
    let Some(wire) = wire else { return Ok(false) };
    let at = |e: Rejected| e.within("http_protocol_options");
    #[expect(deprecated, reason = "use_balsa_parser only chooses between two parsers of Envoy's")]
    only!(
        wire,
        allow_absolute_url,
        header_key_format,
        accept_http_10,
        enable_trailers,
        allow_chunked_length,
        use_balsa_parser
    )
    .map_err(at)?;
    if wire.allow_absolute_url.is_some_and(|allow| !allow.value) {
        return Err(at(Rejected::new("allow_absolute_url", "is always on")));
    }
    let Some(format) = &wire.header_key_format else { return Ok(false) };
    keeps_case(format).map_err(|e| at(e.within("header_key_format")))
}

fn keeps_case(format: &core::http1_protocol_options::HeaderKeyFormat) -> Lowered<bool> {
    use core::http1_protocol_options::header_key_format::HeaderFormat;
    let config = match format.header_format.as_ref() {
        None => return Ok(false),
        Some(HeaderFormat::ProperCaseWords(_)) => {
            return Err(Rejected::new(
                "proper_case_words",
                "is not supported; names keep their case or lose it",
            ));
        }
        Some(HeaderFormat::StatefulFormatter(extension)) => extension.typed_config.as_ref(),
    };
    let at = |e: Rejected| e.within("stateful_formatter");
    let Some(config) = config else { return Err(at(Rejected::new("typed_config", "is missing"))) };
    if any::kind(config) != PRESERVE_CASE {
        return Err(at(Rejected::new(
            "typed_config",
            format!("{} is not known", any::kind(config)),
        )));
    }
    let found: PreserveCaseFormatterConfig = any::open(config).map_err(at)?;
    nothing_else(&found).map_err(at)?;
    Ok(true)
}

/// HTTP/2, either end. Whoever offers fewer streams is obeyed, so a larger number than the peer's changes nothing.
pub(crate) fn http2(wire: Option<&core::Http2ProtocolOptions>) -> Lowered<()> {
    let Some(wire) = wire else { return Ok(()) };
    #[expect(deprecated, reason = "older control planes still send the old name")]
    only!(
        wire,
        hpack_table_size,
        allow_connect,
        max_concurrent_streams,
        initial_stream_window_size,
        initial_connection_window_size,
        max_outbound_frames,
        max_outbound_control_frames,
        max_consecutive_inbound_frames_with_empty_payload,
        max_inbound_priority_frames_per_stream,
        max_inbound_window_update_frames_per_data_frame_sent,
        stream_error_on_invalid_http_messaging,
        override_stream_error_on_invalid_http_message,
        use_oghttp2_codec,
        enable_huffman_encoding,
        stream_reset_burst,
        stream_reset_rate,
    )
    .map_err(|e| e.within("http2_protocol_options"))
}

/// HTTP/2 toward servers, where pings and a bound of streams are read, too.
pub(crate) fn http2_upstream(wire: Option<&core::Http2ProtocolOptions>) -> Lowered<()> {
    let others =
        wire.map(|wire| core::Http2ProtocolOptions { connection_keepalive: None, ..wire.clone() });
    http2(others.as_ref())
}
