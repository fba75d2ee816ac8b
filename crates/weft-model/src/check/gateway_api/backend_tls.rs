//! Rules of `BackendTLSPolicy`.

use weft_api::gateway_api::{BackendTlsPolicy, BackendValidation, PolicyTarget, SubjectAltName};
use weft_api::meta::Metadata;
use weft_types::address;

use crate::check::findings::code;
use crate::check::{Findings, labels, union};

pub(super) fn check(_: &Metadata, spec: &BackendTlsPolicy, findings: &mut Findings) {
    let BackendTlsPolicy { target_refs, validation, options } = spec;
    targets(target_refs, findings);
    findings.given("validation", validation.as_ref(), self::validation);
    labels::keys("options", options, findings);
}

/// Most targets; longer lists are refused before they are compared.
const TARGETS: usize = 16;

/// References to the same target name different ports of it.
fn targets(targets: &[PolicyTarget], findings: &mut Findings) {
    let targets = targets.get(..TARGETS).unwrap_or(targets);
    let object =
        |target: &PolicyTarget| (target.group.clone(), target.kind.clone(), target.name.clone());
    let mut seen: Vec<&PolicyTarget> = Vec::new();
    findings.each("targetRefs", targets, |target, findings| {
        let PolicyTarget { group, kind, name, section_name } = target;
        for other in seen.iter().filter(|other| object(other) == object(target)) {
            if *section_name == other.section_name {
                findings.error(format!("{name:?} stands here twice"), "keep one of them");
            } else if section_name.is_some() != other.section_name.is_some() {
                let what = format!("{name:?} stands here once as a whole and once in part");
                findings.error(what, "set sectionName in all references to it");
            }
        }
        seen.push(target);
        let known = matches!(
            (group.as_str(), kind.as_str()),
            ("", "Service") | ("networking.istio.io", "ServiceEntry" | "Hostname")
        );
        if !known {
            let what = format!("{kind} of {group:?} is no backend");
            findings.warning_in("kind", code::SUSPICIOUS, what, "use a Service");
        }
    });
}

fn validation(validation: &BackendValidation, findings: &mut Findings) {
    let BackendValidation {
        ca_certificate_refs,
        well_known_ca_certificates,
        hostname,
        subject_alt_names,
    } = validation;
    union::exactly_one(
        &[
            ("caCertificateRefs", !ca_certificate_refs.is_empty()),
            ("wellKnownCACertificates", well_known_ca_certificates.is_some()),
        ],
        findings,
    );
    findings.each("caCertificateRefs", ca_certificate_refs, |object, findings| {
        let known =
            object.group.is_empty() && matches!(object.kind.as_str(), "ConfigMap" | "Secret");
        if !known {
            let what = format!("{} holds no authorities", object.kind);
            findings.warning_in("kind", code::SUSPICIOUS, what, "use a ConfigMap or a Secret");
        }
    });
    if address::is_ip(hostname) {
        let what = format!("{hostname:?} is an address, which is no server name");
        findings.warning_in("hostname", code::SUSPICIOUS, what, "write a name");
    }
    findings.each("subjectAltNames", subject_alt_names, |name, findings| {
        let SubjectAltName { kind, hostname, uri } = name;
        let choices = [("Hostname", "hostname", hostname.is_some()), ("URI", "uri", uri.is_some())];
        union::check(kind.as_str(), &choices, findings);
    });
}
