//! Reads and checks a `MeshConfig`.

use serde_json::Value;
use weft_api::mesh_config::{MeshConfig, OutboundMode, OutboundTrafficPolicy, Requirement};
use weft_api::traffic_policy::ClientTlsMode;
use weft_api::{Read as _, Reader};
use weft_model::{ObjectRef, Problem, Severity};

use crate::report::{Report, code};
use crate::scalar::{self, trust_domain, wildcard_domain};
use crate::{defaults, effects, locality, normal, provider, proxy, shared_rules, tls};

/// Reads and checks a `MeshConfig`; it is valid when no problem is an error. What comes back has every default filled in,
/// and a default in the place of what cannot be read.
#[must_use]
pub fn validate_mesh_config(value: &Value) -> (MeshConfig, Vec<Problem>) {
    let object = ObjectRef {
        kind: "MeshConfig".into(),
        namespace: "istio-system".into(),
        name: "istio".into(),
        ..ObjectRef::default()
    };
    let mut report = Report::new(object, "");
    let mesh = read(value, &mut report);
    (mesh, report.into_problems())
}

/// Reads and checks the mesh config that the report looks at, and fills in the defaults.
fn read(value: &Value, report: &mut Report) -> MeshConfig {
    effective(&judge(value, report))
}

/// Checks what is written where the report looks; gives it back in the usual spelling, without what cannot be read.
pub(crate) fn judge(value: &Value, report: &mut Report) -> Value {
    let (written, plain) = normal::read::<MeshConfig>(value, Severity::Warning, report);
    check(&effective(&plain), &plain, report);
    // Merging by name moves providers; their places are those of the text.
    provider::check(&written.extension_providers, report);
    report.each("trustDomainAliases", &written.trust_domain_aliases, |alias, report| {
        if let Err(fault) = trust_domain(alias) {
            report.error(fault.what, fault.fix);
        }
    });
    effects::tell::<MeshConfig>("MeshConfig", &plain, report);
    plain
}

/// The settings that count, for what is written in the usual spelling.
pub(crate) fn effective(plain: &Value) -> MeshConfig {
    MeshConfig::read(&defaults::under(plain), &mut Reader::default())
}

fn check(mesh: &MeshConfig, plain: &Value, report: &mut Report) {
    report.expect("proxyListenPort", scalar::port(i64::from(mesh.proxy_listen_port)));
    let connect = mesh.connect_timeout.unwrap_or_default();
    report.expect("connectTimeout", scalar::connect_timeout(connect));
    let detection = mesh.protocol_detection_timeout.unwrap_or_default();
    report.expect("protocolDetectionTimeout", scalar::protocol_detection_timeout(detection));
    report.given("defaultConfig", mesh.default_config.as_ref(), proxy::check);
    report.given("localityLbSetting", mesh.locality_lb_setting.as_ref(), locality::check);
    report.each("serviceSettings", &mesh.service_settings, |settings, report| {
        report.each("hosts", &settings.hosts, |host, report| {
            if let Err(fault) = wildcard_domain(host) {
                report.error(fault.what, fault.fix);
            }
        });
    });
    report.each("discoverySelectors", &mesh.discovery_selectors, |selector, report| {
        report.each("matchExpressions", &selector.match_expressions, requirement);
    });
    report.expect("trustDomain", trust_domain(&mesh.trust_domain));
    surprises(mesh, report);
    tls::mesh(mesh, report);
    report.given("outboundTrafficPolicy", mesh.outbound_traffic_policy.as_ref(), outbound);
    report.given(
        "defaultTrafficPolicy",
        plain.get("defaultTrafficPolicy"),
        shared_rules::traffic_policy,
    );
    for field in ["defaultHttpRetryPolicy", "defaultInboundHttpRetryPolicy"] {
        report.given(field, plain.get(field), shared_rules::retries);
    }
}

/// TLS is begun by proxies with certificates that unknown hosts may know.
fn outbound(policy: &OutboundTrafficPolicy, report: &mut Report) {
    let OutboundTrafficPolicy { mode, tls } = policy;
    let Some(tls) = tls else { return };
    report.within("tls", |report| {
        if *mode != OutboundMode::AllowAnyDynamicDns {
            let what = "accepted, no effect: it goes with mode ALLOW_ANY_DYNAMIC_DNS";
            report.warning(code::NO_EFFECT, what, "set that mode, or remove it");
        } else if tls.mode == ClientTlsMode::IstioMutual {
            let what = "accepted, no effect: unknown hosts do not know the mesh's certificates";
            report.warning(code::NO_EFFECT, what, "use SIMPLE, MUTUAL or DISABLE");
        }
        tls::client(tls, report);
    });
}

/// Such a condition never holds.
fn requirement(requirement: &Requirement, report: &mut Report) {
    let Requirement { key: _, operator, values } = requirement;
    let (what, fix) = match (operator.as_str(), values.is_empty()) {
        ("In" | "NotIn", false) | ("Exists" | "DoesNotExist", true) => return,
        ("In" | "NotIn", true) => ("has no values", "name the values"),
        ("Exists" | "DoesNotExist", false) => ("does not look at its values", "remove the values"),
        _ => ("has no operator that is known", "use In, NotIn, Exists or DoesNotExist"),
    };
    report.warning(code::SUSPICIOUS, what, fix);
}

/// What is allowed and is not done to the letter.
fn surprises(mesh: &MeshConfig, report: &mut Report) {
    if mesh.trust_domain.bytes().any(|byte| byte.is_ascii_uppercase()) {
        report.within("trustDomain", |report| {
            let what = "has capitals, which identities have not";
            report.warning(code::SUSPICIOUS, what, "write it in small letters; so it counts");
        });
    }
    if !matches!(mesh.access_log_file.as_str(), "" | "/dev/stdout") {
        report.within("accessLogFile", |report| {
            let what = "accepted, no effect yet on where weft-proxy writes: to standard output";
            report.warning(code::NO_EFFECT, what, "write /dev/stdout, or do not rely on the file");
        });
    }
}
