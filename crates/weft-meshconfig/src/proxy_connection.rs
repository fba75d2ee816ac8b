//! Rules of a proxy's `connectionSettings`.

use weft_api::mesh_config::{ConnectionProfile, ConnectionSettings, Time};

use crate::report::{Report, code};
use crate::scalar::{Checked, fault};

/// The smallest window that HTTP/2 allows a side to begin with, by its specification.
const WINDOW: i32 = 65535;

pub(crate) fn check(settings: &ConnectionSettings, report: &mut Report) {
    let ConnectionSettings {
        profile,
        listener_per_connection_buffer_limit_bytes,
        cluster_per_connection_buffer_limit_bytes,
        http_idle_timeout,
        http_max_connection_duration,
        http_drain_timeout,
        http_request_timeout,
        http_request_headers_timeout,
        http_stream_idle_timeout,
        http_max_stream_duration,
        http_max_concurrent_streams,
        http2_initial_stream_window_size,
        http2_initial_connection_window_size,
        http_headers_with_underscores_action: _,
        http_merge_slashes: _,
        http_path_with_escaped_slashes_action: _,
        listener_connection_limit,
        global_downstream_connection_limit,
    } = settings;
    let mut least = |field, value: &Option<i32>, least| {
        report.expect(field, value.map_or(Ok(()), |value| at_least(value, least)));
    };
    least("listenerPerConnectionBufferLimitBytes", listener_per_connection_buffer_limit_bytes, 0);
    least("clusterPerConnectionBufferLimitBytes", cluster_per_connection_buffer_limit_bytes, 0);
    least("httpMaxConcurrentStreams", http_max_concurrent_streams, 1);
    least("http2InitialStreamWindowSize", http2_initial_stream_window_size, WINDOW);
    least("http2InitialConnectionWindowSize", http2_initial_connection_window_size, WINDOW);
    least("listenerConnectionLimit", listener_connection_limit, 1);
    least("globalDownstreamConnectionLimit", global_downstream_connection_limit, 1);
    if *profile == ConnectionProfile::Edge {
        report.within("profile", |report| {
            let what = "accepted, no effect yet on buffers, windows, and the time for heads and underscores in them";
            report.warning(code::NO_EFFECT, what, "do not rely on it for these with this version of Weft");
        });
    }
    for (field, time) in [
        ("httpIdleTimeout", http_idle_timeout),
        ("httpMaxConnectionDuration", http_max_connection_duration),
        ("httpDrainTimeout", http_drain_timeout),
        ("httpRequestTimeout", http_request_timeout),
        ("httpRequestHeadersTimeout", http_request_headers_timeout),
        ("httpStreamIdleTimeout", http_stream_idle_timeout),
        ("httpMaxStreamDuration", http_max_stream_duration),
    ] {
        report.expect(field, time.map_or(Ok(()), not_negative));
    }
}

fn at_least(value: i32, least: i32) -> Checked {
    if value >= least {
        return Ok(());
    }
    fault(format!("{value} is too small"), format!("use {least} or more"))
}

fn not_negative(time: Time) -> Checked {
    if time.nanos >= 0 {
        return Ok(());
    }
    fault("is below zero", "use 0s or more")
}
