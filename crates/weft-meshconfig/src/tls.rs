//! Rules of TLS settings: towards a service, and of the whole mesh.

use std::collections::BTreeSet;

use weft_api::mesh_config::MeshConfig;
use weft_api::traffic_policy::{ClientTls, ClientTlsMode};

use crate::report::{Report, code};

const CURVES: &[&str] = &["P-256", "P-384", "P-521", "X25519", "X25519MLKEM768"];

/// TLS towards a service that proxies call directly.
pub(crate) fn client(tls: &ClientTls, report: &mut Report) {
    let ClientTls {
        mode,
        client_certificate,
        private_key,
        ca_certificates,
        ca_crl,
        credential_name,
        subject_alt_names,
        sni: _,
        insecure_skip_verify,
    } = tls;
    if credential_name.starts_with("configmap://") {
        report.within("credentialName", |report| {
            let what = "names a ConfigMap, which settings of the whole mesh cannot";
            report.error(what, "name a Secret, or a file in caCertificates");
        });
    }
    let mutual = *mode == ClientTlsMode::Mutual;
    if !mutual && *mode != ClientTlsMode::Simple {
        return;
    }
    let named = !credential_name.is_empty();
    let verifies =
        !ca_certificates.is_empty() || !subject_alt_names.is_empty() || (!mutual && named);
    if *insecure_skip_verify == Some(true) && verifies {
        let what = "is told not to verify the server, and by what to verify it";
        report.error(what, "remove insecureSkipVerify, or what it is verified by");
    }
    let files = [client_certificate, private_key, ca_certificates, ca_crl];
    if named && files.iter().any(|file| !file.is_empty()) {
        report.error("has both a credential and files", "keep credentialName, or the files");
    }
    if mutual && !named {
        for (field, file) in
            [("clientCertificate", client_certificate), ("privateKey", private_key)]
        {
            if file.is_empty() {
                report.within(field, |report| {
                    report.error("is missing, which MUTUAL needs", "name the file");
                });
            }
        }
    }
}

/// `meshMTLS` and `tlsDefaults`.
pub(crate) fn mesh(mesh: &MeshConfig, report: &mut Report) {
    if mesh.mesh_mtls.as_ref().is_some_and(|tls| !tls.ecdh_curves.is_empty()) {
        report.within("meshMTLS", |report| {
            report.within("ecdhCurves", |report| {
                report.error("cannot be chosen between proxies", "remove it");
            });
        });
    }
    report.given("tlsDefaults", mesh.tls_defaults.as_ref(), |tls, report| {
        let mut seen = BTreeSet::new();
        report.each("ecdhCurves", &tls.ecdh_curves, |curve, report| {
            if !CURVES.contains(&curve.as_str()) {
                let what = format!("{curve:?} is no curve that is known");
                report.warning(code::SUSPICIOUS, what, format!("use {}", CURVES.join(", ")));
            } else if !seen.insert(curve.clone()) {
                report.warning(code::SUSPICIOUS, format!("{curve} is named twice"), "keep one");
            }
        });
    });
}
