//! Rules of a `ProxyConfig`, with the defaults filled in.

use serde_json::{Value, json};
use weft_api::mesh_config::{
    AuthenticationPolicy, CryptoMb, PrivateKeyProvider, ProxyConfig, RemoteService, Time, Tracing,
};
use weft_api::{Read as _, Reader};
use weft_model::{ObjectRef, Problem, Severity};

use crate::report::{Report, code};
use crate::scalar::{self, Checked, fault, host_and_port};
use crate::{defaults, effects, normal, proxy_connection, tls};

/// Reads and checks a `ProxyConfig` as a pod's annotation `proxy.istio.io/config` has it; it is valid when no problem is an
/// error. What comes back has the defaults of a mesh filled in whose operator says nothing.
#[must_use]
pub fn validate_proxy_config(value: &Value) -> (ProxyConfig, Vec<Problem>) {
    let object = ObjectRef { kind: "ProxyConfig".into(), ..ObjectRef::default() };
    let mut report = Report::new(object, "");
    let (_, plain) = normal::read::<ProxyConfig>(value, Severity::Warning, &mut report);
    let effective = defaults::under(&json!({ "defaultConfig": plain }));
    let proxy = ProxyConfig::read(&effective["defaultConfig"], &mut Reader::default());
    check(&proxy, &mut report);
    effects::tell::<ProxyConfig>("MeshConfig.defaultConfig", &plain, &mut report);
    (proxy, report.into_problems())
}

pub(crate) fn check(proxy: &ProxyConfig, report: &mut Report) {
    report.expect("configPath", filled(&proxy.config_path, "name a folder"));
    report.expect("binaryPath", filled(&proxy.binary_path, "name a program"));
    service_name(proxy, report);
    let drain = proxy.drain_duration.unwrap_or_default();
    report.expect("drainDuration", scalar::drain_duration(drain));
    report.expect("discoveryAddress", host_and_port(&proxy.discovery_address));
    report.given("tracing", proxy.tracing.as_ref(), tracing);
    addresses(proxy, report);
    report.expect("proxyAdminPort", scalar::port(i64::from(proxy.proxy_admin_port)));
    report.expect("statusPort", scalar::port(i64::from(proxy.status_port)));
    let policy = match proxy.control_plane_auth_policy {
        AuthenticationPolicy::None => 0,
        AuthenticationPolicy::MutualTls => 1,
        AuthenticationPolicy::Inherit => 1000,
    };
    report.expect("controlPlaneAuthPolicy", scalar::control_plane_auth(policy));
    report.given("privateKeyProvider", proxy.private_key_provider.as_ref(), private_key);
    let connections = proxy.connection_settings.as_ref();
    report.given("connectionSettings", connections, proxy_connection::check);
    if proxy.proxy_metadata.contains_key("ISTIO_META_DNS_AUTO_ALLOCATE") {
        report.within("proxyMetadata", |report| {
            let what = "ISTIO_META_DNS_AUTO_ALLOCATE is deprecated";
            report.warning(code::DEPRECATED, what, "remove it; addresses are given by themselves");
        });
    }
}

fn filled(text: &str, fix: &str) -> Checked {
    if text.is_empty() { fault("is empty", fix) } else { Ok(()) }
}

fn service_name(proxy: &ProxyConfig, report: &mut Report) {
    match (&proxy.service_cluster, &proxy.tracing_service_name) {
        (Some(name), None) => report.expect("serviceCluster", filled(name, "name the service")),
        (Some(_), Some(_)) => report.within("tracingServiceName", |report| {
            let what = "counts, and serviceCluster does not";
            report.warning(code::SUSPICIOUS, what, "keep one of them");
        }),
        (None, Some(_)) => {}
        (None, None) => {
            report.error("does not say how its service is named", "set serviceCluster");
        }
    }
}

fn tracing(tracing: &Tracing, report: &mut Report) {
    let local = |address: &str| host_and_port(&address.replacen("$(HOST_IP)", "127.0.0.1", 1));
    report.given("zipkin", tracing.zipkin.as_ref(), |zipkin, report| {
        report.expect("address", local(&zipkin.address));
    });
    report.given("datadog", tracing.datadog.as_ref(), |datadog, report| {
        report.expect("address", local(&datadog.address));
    });
    report.given("lightstep", tracing.lightstep.as_ref(), |lightstep, report| {
        report.expect("address", host_and_port(&lightstep.address));
        report.expect("accessToken", filled(&lightstep.access_token, "give the token"));
    });
    report.given("tlsSettings", tracing.tls_settings.as_ref(), tls::client);
}

fn addresses(proxy: &ProxyConfig, report: &mut Report) {
    let given = |address: &str| if address.is_empty() { Ok(()) } else { host_and_port(address) };
    report.expect("statsdUdpAddress", given(&proxy.statsd_udp_address));
    let old = &proxy.envoy_metrics_service_address;
    report.expect("envoyMetricsServiceAddress", given(old));
    if !old.is_empty() {
        report.within("envoyMetricsServiceAddress", |report| {
            report.warning(code::DEPRECATED, "is deprecated", "use envoyMetricsService.address");
        });
    }
    let mut service = |field, service: &Option<RemoteService>| {
        report.given(field, service.as_ref(), |service, report| {
            report.expect("address", given(&service.address));
        });
    };
    service("envoyMetricsService", &proxy.envoy_metrics_service);
    service("envoyAccessLogService", &proxy.envoy_access_log_service);
}

fn private_key(provider: &PrivateKeyProvider, report: &mut Report) {
    let PrivateKeyProvider { cryptomb, qat } = provider;
    if cryptomb.is_none() && qat.is_none() {
        report.error("names no hardware", "set cryptomb or qat");
    }
    report.given("cryptomb", cryptomb.as_ref(), hardware);
    report.given("qat", qat.as_ref(), hardware);
}

fn hardware(hardware: &CryptoMb, report: &mut Report) {
    let checked = match hardware.poll_delay {
        None => fault("is missing", "set it, such as 0.001s"),
        Some(Time { nanos: 0 }) => fault("is zero", "set more, such as 0.001s"),
        Some(_) => Ok(()),
    };
    report.expect("pollDelay", checked);
}
