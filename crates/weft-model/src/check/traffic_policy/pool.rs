//! Rules of connection pools.

use weft_api::traffic_policy::{
    ConnectionPool, H2UpgradePolicy, Http2KeepAlive, HttpPool, TcpKeepalive, TcpPool,
};

use crate::check::{Findings, values};

pub(crate) fn check(pool: &ConnectionPool, findings: &mut Findings) {
    let ConnectionPool { tcp, http } = pool;
    if tcp.is_none() && http.is_none() {
        findings.error("is empty", "set tcp or http, or remove it");
    }
    findings.given("tcp", tcp.as_ref(), self::tcp);
    findings.given("http", http.as_ref(), self::http);
}

fn not_negative(field: &str, number: i32, findings: &mut Findings) {
    if number < 0 {
        findings.error_in(field, format!("{number} is below zero"), "use 0 or more");
    }
}

fn tcp(pool: &TcpPool, findings: &mut Findings) {
    let TcpPool {
        max_connections,
        connect_timeout,
        tcp_keepalive,
        max_connection_duration,
        idle_timeout,
    } = pool;
    not_negative("maxConnections", *max_connections, findings);
    let spans =
        [("connectTimeout", connect_timeout), ("maxConnectionDuration", max_connection_duration)];
    for (field, span) in spans {
        findings.given(field, span.as_ref(), |span, f| values::duration(*span, f));
    }
    findings.given("idleTimeout", idle_timeout.as_ref(), |span, findings| {
        // Zero turns it off.
        if span.0.as_millis() != 0 {
            values::duration(*span, findings);
        }
    });
    findings.given("tcpKeepalive", tcp_keepalive.as_ref(), |keepalive, findings| {
        let TcpKeepalive { probes: _, time, interval } = keepalive;
        findings.given("time", time.as_ref(), |span, f| values::duration(*span, f));
        findings.given("interval", interval.as_ref(), |span, f| values::duration(*span, f));
    });
}

fn http(pool: &HttpPool, findings: &mut Findings) {
    let HttpPool {
        http1_max_pending_requests,
        http2_max_requests,
        max_requests_per_connection,
        max_retries,
        idle_timeout,
        h2_upgrade_policy,
        use_client_protocol,
        max_concurrent_streams,
        http2_keep_alive,
    } = pool;
    for (field, number) in [
        ("http1MaxPendingRequests", http1_max_pending_requests),
        ("http2MaxRequests", http2_max_requests),
        ("maxRequestsPerConnection", max_requests_per_connection),
        ("maxRetries", max_retries),
        ("maxConcurrentStreams", max_concurrent_streams),
    ] {
        not_negative(field, *number, findings);
    }
    findings.given("idleTimeout", idle_timeout.as_ref(), |span, f| values::duration(*span, f));
    if *use_client_protocol && *h2_upgrade_policy == H2UpgradePolicy::Upgrade {
        let fix = "keep one of them";
        findings.error_in("useClientProtocol", "does not go with h2UpgradePolicy UPGRADE", fix);
    }
    findings.given("http2KeepAlive", http2_keep_alive.as_ref(), |keepalive, findings| {
        let Http2KeepAlive { interval, timeout } = keepalive;
        for (field, span) in [("interval", interval), ("timeout", timeout)] {
            match span {
                None => findings.error_in(field, "is missing", "set interval and timeout"),
                Some(span) => findings.within(field, |f| values::duration(*span, f)),
            }
        }
    });
}
