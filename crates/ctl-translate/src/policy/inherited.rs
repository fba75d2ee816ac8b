//! What a rule leaves open, as the mesh's settings say it.
//!
//! Holds: a field that a rule sets goes before the mesh's; zero and absent are "not set", as in Istio.

use std::borrow::Cow;

use ctl_snapshot::{MeshSettings, Policy};
use weft_model::api::traffic_policy::{
    ConnectionPool, H2UpgradePolicy, HttpPool, OutlierDetection, TcpPool,
};

/// The limits that count for a rule's.
pub(crate) fn pool<'a>(
    own: Option<&'a ConnectionPool>,
    mesh: &'a MeshSettings,
) -> Cow<'a, ConnectionPool> {
    let none = || Cow::Owned(ConnectionPool::default());
    if mesh.connection_pool.is_none() && mesh.tcp_keepalive.is_none() {
        return own.map_or_else(none, Cow::Borrowed);
    }
    let mut found = own.cloned().unwrap_or_default();
    let base = mesh.connection_pool.clone().unwrap_or_default();
    found.tcp = both(found.tcp, base.tcp, tcp);
    found.http = both(found.http, base.http, http);
    if let Some(keepalive) = &mesh.tcp_keepalive {
        let tcp = found.tcp.get_or_insert_default();
        tcp.tcp_keepalive.get_or_insert_with(|| keepalive.clone());
    }
    Cow::Owned(found)
}

/// The ejection that counts for a rule's.
pub(super) fn outlier<'a>(
    own: Option<&'a OutlierDetection>,
    mesh: &'a MeshSettings,
) -> Option<Cow<'a, OutlierDetection>> {
    let (own, base) = match (own, &mesh.outlier_detection) {
        (own, None) => return own.map(Cow::Borrowed),
        (None, Some(base)) => return Some(Cow::Borrowed(base)),
        (Some(own), Some(base)) => (own.clone(), base.clone()),
    };
    let OutlierDetection {
        consecutive_errors,
        split_external_local_origin_errors,
        consecutive_local_origin_failures,
        consecutive_gateway_errors,
        consecutive_5xx_errors,
        interval,
        base_ejection_time,
        max_ejection_percent,
        min_health_percent,
        http_error_codes,
    } = base;
    let mut found = own;
    set(&mut found.consecutive_errors, consecutive_errors);
    set(&mut found.split_external_local_origin_errors, split_external_local_origin_errors);
    set(&mut found.consecutive_local_origin_failures, consecutive_local_origin_failures);
    set(&mut found.consecutive_gateway_errors, consecutive_gateway_errors);
    set(&mut found.consecutive_5xx_errors, consecutive_5xx_errors);
    set(&mut found.interval, interval);
    set(&mut found.base_ejection_time, base_ejection_time);
    set(&mut found.max_ejection_percent, max_ejection_percent);
    set(&mut found.min_health_percent, min_health_percent);
    set(&mut found.http_error_codes, http_error_codes);
    Some(Cow::Owned(found))
}

/// Whether endpoints that fail are set aside.
pub(crate) fn ejects(policy: &Policy<'_>, mesh: &MeshSettings) -> bool {
    policy.outlier_detection.is_some() || mesh.outlier_detection.is_some()
}

/// The settings without what only a service can have.
pub(super) fn of_plain(mesh: &MeshSettings) -> Cow<'_, MeshSettings> {
    if mesh.connection_pool.is_none() && mesh.outlier_detection.is_none() && !mesh.h2_upgrade {
        return Cow::Borrowed(mesh);
    }
    let mut plain = MeshSettings { h2_upgrade: false, outlier_detection: None, ..mesh.clone() };
    if let Some(http) = plain.connection_pool.as_mut().and_then(|pool| pool.http.as_mut()) {
        http.h2_upgrade_policy = H2UpgradePolicy::Default;
    }
    Cow::Owned(plain)
}

fn both<T>(own: Option<T>, base: Option<T>, fill: fn(&mut T, T)) -> Option<T> {
    match (own, base) {
        (Some(mut own), Some(base)) => {
            fill(&mut own, base);
            Some(own)
        }
        (own, base) => own.or(base),
    }
}

/// Sets what is not set.
fn set<T: Default + PartialEq>(own: &mut T, base: T) {
    if *own == T::default() {
        *own = base;
    }
}

fn tcp(own: &mut TcpPool, base: TcpPool) {
    let TcpPool {
        max_connections,
        connect_timeout,
        tcp_keepalive,
        max_connection_duration,
        idle_timeout,
    } = base;
    set(&mut own.max_connections, max_connections);
    set(&mut own.connect_timeout, connect_timeout);
    set(&mut own.tcp_keepalive, tcp_keepalive);
    set(&mut own.max_connection_duration, max_connection_duration);
    set(&mut own.idle_timeout, idle_timeout);
}

fn http(own: &mut HttpPool, base: HttpPool) {
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
    } = base;
    set(&mut own.http1_max_pending_requests, http1_max_pending_requests);
    set(&mut own.http2_max_requests, http2_max_requests);
    set(&mut own.max_requests_per_connection, max_requests_per_connection);
    set(&mut own.max_retries, max_retries);
    set(&mut own.idle_timeout, idle_timeout);
    set(&mut own.h2_upgrade_policy, h2_upgrade_policy);
    set(&mut own.use_client_protocol, use_client_protocol);
    set(&mut own.max_concurrent_streams, max_concurrent_streams);
    set(&mut own.http2_keep_alive, http2_keep_alive);
}
