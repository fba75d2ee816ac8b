//! What a configuration asks for that this engine does not do yet, said so that nobody has to find out.
//!
//! In: accepted configuration. Out: sentences.
//! Holds: every field that is accepted and without effect is named here; a field leaves this file when it is honoured.

use proxy_config::access_log::{AccessLog, Sink};
use proxy_config::http::HttpManager;

/// The one text that the access log writes: Istio's default.
const LOG_FORMAT: &str = concat!(
    "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" ",
    "%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% ",
    "\"%UPSTREAM_TRANSPORT_FAILURE_REASON%\" %BYTES_RECEIVED% %BYTES_SENT% %DURATION% ",
    "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% \"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\" ",
    "\"%REQ(X-REQUEST-ID)%\" \"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\" %UPSTREAM_CLUSTER_RAW% ",
    "%UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% ",
    "%REQUESTED_SERVER_NAME% %ROUTE_NAME%",
);

fn in_logs(name: &str, logs: &[AccessLog], problems: &mut Vec<String>) {
    for log in logs {
        let format = log.format.trim();
        // Some versions of Istio write the shorter operator for the cluster.
        let same = format.replace("%UPSTREAM_CLUSTER%", "%UPSTREAM_CLUSTER_RAW%") == LOG_FORMAT;
        if !format.is_empty() && !same {
            problems.push(format!("{name}: the access log keeps Istio's default format for now"));
        }
        if !matches!(log.sink, Sink::Stdout) {
            problems.push(format!("{name}: the access log goes to standard output for now"));
        }
    }
}

pub(crate) fn in_manager(manager: &HttpManager, problems: &mut Vec<String>) {
    let name = &manager.stat_prefix;
    in_logs(name, &manager.access_logs, problems);
}
