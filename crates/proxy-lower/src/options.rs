//! Options of the HTTP codecs, where they are accepted.
//! In: Envoy's. Out: nothing, or a refusal. Holds: what would change which messages pass is refused; sizes of windows,
//! tables and buffers are tuning, for which our codecs have fixed values.

use weft_proto::envoy::config::core::v3 as core;

use crate::Lowered;
use crate::known::{Rejected, only};

/// HTTP/1, either end. Trailers always pass; a message with both a length and chunks is always refused; both are safe.
pub(crate) fn http1(wire: Option<&core::Http1ProtocolOptions>) -> Lowered<()> {
    let Some(wire) = wire else { return Ok(()) };
    let at = |e: Rejected| e.within("http_protocol_options");
    #[expect(deprecated, reason = "use_balsa_parser only chooses between two parsers of Envoy's")]
    only!(
        wire,
        allow_absolute_url,
        accept_http_10,
        enable_trailers,
        allow_chunked_length,
        use_balsa_parser
    )
    .map_err(at)?;
    if wire.allow_absolute_url.is_some_and(|allow| !allow.value) {
        return Err(at(Rejected::new("allow_absolute_url", "is always on")));
    }
    Ok(())
}

/// HTTP/2, either end. Whoever offers fewer streams is obeyed, so a larger number than the peer's changes nothing.
pub(crate) fn http2(wire: Option<&core::Http2ProtocolOptions>) -> Lowered<()> {
    let Some(wire) = wire else { return Ok(()) };
    #[expect(deprecated, reason = "older control planes still send the old name")]
    only!(
        wire,
        hpack_table_size,
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
