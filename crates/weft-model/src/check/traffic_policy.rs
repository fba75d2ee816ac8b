//! Rules of a traffic policy.

mod balancer;
pub(crate) mod pool;

use weft_api::traffic_policy::{
    ClientTls, ClientTlsMode, OutlierDetection, PortTrafficPolicy, RetryBudget, TrafficPolicy,
    Tunnel,
};

use weft_types::{address, domain};

use super::findings::code;
use super::{Findings, values};

pub(crate) fn check(policy: &TrafficPolicy, namespace: &str, findings: &mut Findings) {
    let TrafficPolicy {
        load_balancer,
        connection_pool,
        outlier_detection,
        tls,
        port_level_settings,
        tunnel,
        proxy_protocol,
        retry_budget,
    } = policy;
    let settings = Settings { load_balancer, connection_pool, outlier_detection, tls, namespace };
    let more = !port_level_settings.is_empty()
        || tunnel.is_some()
        || proxy_protocol.is_some()
        || retry_budget.is_some();
    if settings.is_empty() && !more {
        findings.error("is empty", "set a field of it, or remove it");
    }
    self::settings(&settings, findings);
    findings.each("portLevelSettings", port_level_settings, |entry, findings| {
        let PortTrafficPolicy { port, load_balancer, connection_pool, outlier_detection, tls } =
            entry;
        match port {
            None => findings.error_in("port", "is missing", "set port.number to 1 to 65535"),
            // Istio takes it so.
            Some(port) if !(1..=65535).contains(&port.number) => {
                let what = format!("has the number {}, which no service has", port.number);
                let fix = "set port.number to 1 to 65535";
                findings.warning_in("port", code::SUSPICIOUS, what, fix);
            }
            Some(_) => {}
        }
        let settings =
            Settings { load_balancer, connection_pool, outlier_detection, tls, namespace };
        if settings.is_empty() {
            findings.error("is empty", "set a field of it, or remove it");
        }
        self::settings(&settings, findings);
    });
    findings.given("tunnel", tunnel.as_ref(), self::tunnel);
    if tunnel.is_some() && proxy_protocol.is_some() {
        findings.error_in("proxyProtocol", "does not go with tunnel", "keep one of them");
    }
    findings.given("retryBudget", retry_budget.as_ref(), budget);
}

struct Settings<'a> {
    load_balancer: &'a Option<weft_api::traffic_policy::LoadBalancer>,
    connection_pool: &'a Option<weft_api::traffic_policy::ConnectionPool>,
    outlier_detection: &'a Option<OutlierDetection>,
    tls: &'a Option<ClientTls>,
    namespace: &'a str,
}

impl Settings<'_> {
    fn is_empty(&self) -> bool {
        self.load_balancer.is_none()
            && self.connection_pool.is_none()
            && self.outlier_detection.is_none()
            && self.tls.is_none()
    }
}

fn settings(settings: &Settings<'_>, findings: &mut Findings) {
    findings.given("loadBalancer", settings.load_balancer.as_ref(), balancer::check);
    findings.given("connectionPool", settings.connection_pool.as_ref(), pool::check);
    findings.given("outlierDetection", settings.outlier_detection.as_ref(), outlier);
    if settings.outlier_detection.is_none()
        && let Some(field) = settings.load_balancer.as_ref().and_then(fails_over)
    {
        findings.within("loadBalancer", |findings| {
            let what = "fails over never, since nothing tells failing endpoints";
            findings.warning_in(field, code::SUSPICIOUS, what, "add outlierDetection");
        });
    }
    findings.given("tls", settings.tls.as_ref(), |tls, findings| {
        own_authorities(&tls.credential_name, settings.namespace, findings);
        self::tls(tls, findings);
    });
}

fn outlier(outlier: &OutlierDetection, findings: &mut Findings) {
    let OutlierDetection {
        consecutive_errors,
        split_external_local_origin_errors,
        consecutive_local_origin_failures,
        consecutive_gateway_errors: _,
        consecutive_5xx_errors: _,
        interval,
        base_ejection_time,
        max_ejection_percent,
        min_health_percent,
        http_error_codes,
    } = outlier;
    findings.given("interval", interval.as_ref(), |span, f| values::duration(*span, f));
    findings.given("baseEjectionTime", base_ejection_time.as_ref(), |span, f| {
        values::duration(*span, f);
    });
    let shares =
        [("maxEjectionPercent", max_ejection_percent), ("minHealthPercent", min_health_percent)];
    for (field, share) in shares {
        if !(0..=100).contains(share) {
            findings.error_in(field, format!("{share} is no share"), "use 0 to 100");
        }
    }
    if consecutive_local_origin_failures.is_some_and(|n| n > 0)
        && !split_external_local_origin_errors
    {
        findings.error_in(
            "consecutiveLocalOriginFailures",
            "counts nothing while splitExternalLocalOriginErrors is false",
            "set splitExternalLocalOriginErrors to true",
        );
    }
    if *consecutive_errors != 0 {
        let what = "is deprecated, and has no effect, as in Istio";
        let fix = "use consecutive5xxErrors or consecutiveGatewayErrors";
        findings.warning_in("consecutiveErrors", code::DEPRECATED, what, fix);
    }
    findings.each("outlierDetectionHttpErrorCodes", http_error_codes, |status, findings| {
        if !(100..=599).contains(status) {
            findings.error(format!("{status} is no HTTP status"), "use 100 to 599");
        }
    });
}

fn tls(tls: &ClientTls, findings: &mut Findings) {
    let ClientTls {
        mode,
        client_certificate,
        private_key,
        ca_certificates,
        ca_crl,
        credential_name,
        subject_alt_names,
        sni,
        insecure_skip_verify,
    } = tls;
    let files = [client_certificate, private_key, ca_certificates, ca_crl];
    if insecure_skip_verify == &Some(true)
        && matches!(mode, ClientTlsMode::Simple | ClientTlsMode::Mutual)
    {
        let named = *mode == ClientTlsMode::Simple && !credential_name.is_empty();
        if !ca_certificates.is_empty() || named || !subject_alt_names.is_empty() {
            let fix = "remove insecureSkipVerify, or what the server is to be checked by";
            findings.error_in("insecureSkipVerify", "excludes checking the server", fix);
        }
    }
    if matches!(mode, ClientTlsMode::Simple | ClientTlsMode::Mutual)
        && !credential_name.is_empty()
        && files.iter().any(|file| !file.is_empty())
    {
        let fix = "keep credentialName, or the files";
        findings.error_in("credentialName", "does not go with files", fix);
    }
    if *mode == ClientTlsMode::Mutual && credential_name.is_empty() {
        if private_key.is_empty() {
            findings.error_in("privateKey", "is needed for MUTUAL", "name the key's file");
        }
        if client_certificate.is_empty() {
            let fix = "name the certificate's file";
            findings.error_in("clientCertificate", "is needed for MUTUAL", fix);
        }
    }
    findings.within("sni", |findings| values::one_line(sni, findings));
    let moot = [
        ("clientCertificate", !client_certificate.is_empty()),
        ("privateKey", !private_key.is_empty()),
        ("caCertificates", !ca_certificates.is_empty()),
        ("caCrl", !ca_crl.is_empty()),
        ("credentialName", !credential_name.is_empty()),
        ("insecureSkipVerify", *insecure_skip_verify == Some(true)),
    ];
    let names = [("subjectAltNames", !subject_alt_names.is_empty()), ("sni", !sni.is_empty())];
    match mode {
        ClientTlsMode::IstioMutual => without_effect(*mode, &moot, findings),
        ClientTlsMode::Disable => {
            without_effect(*mode, &moot, findings);
            without_effect(*mode, &names, findings);
        }
        ClientTlsMode::Simple | ClientTlsMode::Mutual => {}
    }
}

/// Authorities may come from a ConfigMap, of the object's own namespace only.
fn own_authorities(credential: &str, namespace: &str, findings: &mut Findings) {
    let Some(name) = credential.strip_prefix("configmap://") else { return };
    let place = name.split_once('/').map_or(namespace, |(place, _)| place);
    if name.is_empty() || name.matches('/').count() > 1 || place != namespace {
        let what = format!("{credential:?} names no ConfigMap of namespace {namespace}");
        findings.error_in("credentialName", what, "write configmap://NAME");
    }
}

fn without_effect(mode: ClientTlsMode, fields: &[(&str, bool)], findings: &mut Findings) {
    for (field, _) in fields.iter().filter(|(_, set)| *set) {
        let what = format!("has no effect with mode {}", mode.as_str());
        findings.warning_in(field, code::SUSPICIOUS, what, "remove it, or use another mode");
    }
}

fn tunnel(tunnel: &Tunnel, findings: &mut Findings) {
    let Tunnel { protocol, target_host, target_port } = tunnel;
    if !matches!(protocol.as_str(), "" | "CONNECT" | "POST") {
        findings.error_in("protocol", format!("{protocol:?} is not known"), "use CONNECT or POST");
    }
    if !address::is_ip(target_host)
        && let Err(why) = domain::full(target_host)
    {
        findings.error_in("targetHost", why, "write a host or an address");
    }
    findings.within("targetPort", |findings| values::port(*target_port, findings));
}

fn budget(budget: &RetryBudget, findings: &mut Findings) {
    let RetryBudget { percent, min_retry_concurrency: _, budget_interval: _ } = budget;
    if percent.is_some_and(|percent| !(0.0..=100.0).contains(&percent)) {
        findings.error_in("percent", "is no share", "use 0 to 100");
    }
}

/// The setting that sends traffic elsewhere when endpoints fail, if there is one.
fn fails_over(balancer: &weft_api::traffic_policy::LoadBalancer) -> Option<&'static str> {
    let by_place = balancer.locality_lb_setting.as_ref();
    let by_zone = balancer.zone_aware_lb_setting.as_ref();
    if by_place.is_some_and(|s| !s.failover.is_empty() || !s.failover_priority.is_empty()) {
        return Some("localityLbSetting");
    }
    let zones = by_zone.is_some_and(|s| !s.failover.is_empty() || !s.failover_priority.is_empty());
    zones.then_some("zoneAwareLbSetting")
}
