//! Rules of `Gateway`.

use weft_api::gateway::{Certificate, Gateway, Port, Server, Tls, TlsMode};
use weft_api::meta::Metadata;

use super::findings::code;
use super::{Findings, values};

const PROTOCOLS: &[&str] =
    &["HTTP", "HTTP2", "GRPC", "GRPC-WEB", "MONGO", "REDIS", "MYSQL", "TCP", "HTTPS", "TLS"];

/// Set by the mesh on what it makes of the Gateway API, where names follow other rules.
const SEMANTICS: &str = "internal.istio.io/gateway-semantics";

pub(crate) fn check(meta: &Metadata, spec: &Gateway, findings: &mut Findings) {
    let Gateway { servers, selector: _ } = spec;
    if servers.is_empty() {
        findings.error_in("servers", "is missing", "add a server: a port and its hosts");
    }
    let made = meta.annotations.get(SEMANTICS).is_some_and(|value| value == "gateway");
    findings.each("servers", servers, |server, findings| {
        self::server(server, made, findings);
        let name = |server: &Server| server.port.as_ref().and_then(|port| port.name.clone());
        let same = servers.iter().filter(|other| name(other) == name(server)).count();
        if same > 1 && name(server).is_some_and(|name| !name.is_empty()) {
            findings.within("port", |findings| {
                findings.error_in("name", "stands here twice", "give every port its own name");
            });
        }
    });
}

fn server(server: &Server, made: bool, findings: &mut Findings) {
    let Server { port, bind, hosts, tls, default_endpoint, name: _ } = server;
    if hosts.is_empty() {
        findings.error_in("hosts", "is missing", "name the hosts; \"*\" means all");
    }
    findings.each("hosts", hosts, |name, findings| host(name, made, findings));
    let socket = bind.starts_with("unix://");
    match port {
        None => findings.error_in("port", "is missing", "add number, name and protocol"),
        Some(port) => findings.within("port", |findings| self::port(port, socket, findings)),
    }
    if !bind.is_empty() && !socket && !values::is_ip(bind) {
        findings.error_in("bind", format!("{bind:?} is no address"), "write an IP address");
    }
    let protocol = port.as_ref().and_then(|port| port.protocol.clone()).unwrap_or_default();
    let secure = matches!(protocol.to_ascii_uppercase().as_str(), "HTTPS" | "TLS");
    match tls {
        None if secure => {
            findings.error_in("tls", format!("is missing for {protocol}"), "add tls.mode");
        }
        Some(tls) if !secure && !plain(tls) => {
            findings.error_in(
                "tls",
                format!("does not go with {protocol}"),
                "use protocol HTTPS or TLS",
            );
        }
        _ => {}
    }
    // A server that only sends people to HTTPS needs no certificate.
    findings.given("tls", tls.as_ref(), |settings, findings| {
        if settings.https_redirect && secure {
            let what = format!("has no effect on {protocol}, which is encrypted already");
            let fix = "set it on the server of plain HTTP";
            findings.warning_in("httpsRedirect", code::SUSPICIOUS, what, fix);
        }
        self::tls(settings, findings);
    });
    findings.not_honoured("bind", !bind.is_empty());
    findings.not_honoured("defaultEndpoint", !default_endpoint.is_empty());
    if secure
        || matches!(protocol.to_ascii_uppercase().as_str(), "TCP" | "MONGO" | "REDIS" | "MYSQL")
    {
        findings.within("port", |findings| {
            findings.warning_in(
                "protocol",
                code::NOT_HONOURED,
                format!(
                    "{protocol} is not honoured yet by this version of Weft; the port stays closed"
                ),
                "use HTTP for now",
            );
        });
    }
}

/// TLS settings that go with a plain port: none but the redirect.
fn plain(tls: &Tls) -> bool {
    let rest = Tls { https_redirect: false, ..tls.clone() };
    rest == Tls::default()
}

fn host(name: &str, made: bool, findings: &mut Findings) {
    let (namespace, host) = name.split_once('/').map_or((None, name), |(n, h)| (Some(n), h));
    if let Some(namespace) = namespace {
        let known = matches!(namespace, "*" | ".") || made && namespace == "~";
        if !known && !values::is_label(namespace) {
            findings.error(format!("{namespace:?} is no namespace"), "write `./`, `*/` or NAME/");
        }
    }
    if host == "*" || values::is_ip(host) {
        return;
    }
    let domain = host.strip_prefix("*.").unwrap_or(host);
    if host.starts_with('*') && !host.starts_with("*.") {
        findings.error(format!("{host:?}: `*` must be a whole label"), "write *.example.com");
    } else if let Err(why) = values::fqdn(domain) {
        findings.error(why, "write a host, *.domain or *");
    } else if !host.contains('.') {
        findings.error(format!("{host:?} is a short name"), "write the full name");
    }
}

fn port(port: &Port, socket: bool, findings: &mut Findings) {
    let Port { number, protocol, name, target_port } = port;
    if number.is_none() {
        findings.error_in("number", "is missing", "say which port");
    }
    let number = number.unwrap_or(0);
    if socket && number != 0 {
        findings.error_in("number", "does not go with a unix socket", "use 0");
    } else if !socket {
        findings.within("number", |findings| values::port(number, findings));
    }
    let protocol = protocol.clone().unwrap_or_default();
    if !PROTOCOLS.contains(&protocol.to_ascii_uppercase().as_str()) {
        let fix = format!("use one of {}", PROTOCOLS.join(", "));
        findings.error_in("protocol", format!("{protocol:?} is not known"), fix);
    }
    if name.as_deref().unwrap_or_default().is_empty() {
        findings.error_in("name", "is missing", "name the port");
    }
    findings.not_honoured("targetPort", *target_port != 0);
}

pub(crate) fn tls(tls: &Tls, findings: &mut Findings) {
    // A redirect alone has no mode of its own.
    if plain(tls) && tls.https_redirect {
        return;
    }
    let listed = tls.tls_certificates.as_deref().unwrap_or_default();
    let names = tls.credential_names.as_deref().unwrap_or_default();
    let files = !tls.server_certificate.is_empty() && !tls.private_key.is_empty();
    for (field, length, set) in [
        ("tlsCertificates", listed.len(), tls.tls_certificates.is_some()),
        ("credentialNames", names.len(), tls.credential_names.is_some()),
    ] {
        if set && !(1..=2).contains(&length) {
            findings.error_in(field, format!("has {length} entries"), "list one or two");
        }
    }
    match tls.mode {
        TlsMode::IstioMutual => {
            istio_mutual(tls, findings);
            return;
        }
        TlsMode::Passthrough | TlsMode::AutoPassthrough => {
            let texts = [&tls.ca_certificates, &tls.ca_crl, &tls.credential_name];
            let any = files || texts.iter().any(|text| !text.is_empty());
            if any {
                findings.warning_in(
                    "mode",
                    code::SUSPICIOUS,
                    "passes TLS through, so that its certificates are not used",
                    "remove them",
                );
            }
            return;
        }
        TlsMode::Simple | TlsMode::Mutual | TlsMode::OptionalMutual => {}
    }
    let kinds = [!tls.credential_name.is_empty(), !names.is_empty(), files, !listed.is_empty()];
    if kinds.iter().filter(|set| **set).count() > 1 {
        findings.error("names certificates in more than one way", "keep one of them");
    }
    let referenced = !tls.credential_name.is_empty() || !names.is_empty();
    if !referenced {
        certificates(tls, listed, findings);
    }
    if tls.mode == TlsMode::Simple && !tls.ca_crl.is_empty() && !referenced {
        findings.error_in("caCrl", "does not go with SIMPLE", "remove it");
    }
    ciphers(tls, findings);
}

fn istio_mutual(tls: &Tls, findings: &mut Findings) {
    for (field, text) in [
        ("serverCertificate", &tls.server_certificate),
        ("privateKey", &tls.private_key),
        ("caCertificates", &tls.ca_certificates),
        ("caCrl", &tls.ca_crl),
        ("credentialName", &tls.credential_name),
    ] {
        if !text.is_empty() {
            let fix = "remove it; the mesh's own certificates are used";
            findings.error_in(field, "does not go with ISTIO_MUTUAL", fix);
        }
    }
    let listed = tls.credential_names.is_some() || tls.tls_certificates.is_some();
    if listed {
        findings.error("lists certificates, which does not go with ISTIO_MUTUAL", "remove them");
    }
}

fn certificates(tls: &Tls, listed: &[Certificate], findings: &mut Findings) {
    let mode = tls.mode.as_str();
    if listed.is_empty() {
        for (field, text) in
            [("serverCertificate", &tls.server_certificate), ("privateKey", &tls.private_key)]
        {
            if text.is_empty() {
                let fix = "set it, or credentialName";
                findings.error_in(field, format!("is needed for {mode}"), fix);
            }
        }
    }
    findings.each("tlsCertificates", listed, |certificate, findings| {
        for (field, text) in [
            ("serverCertificate", &certificate.server_certificate),
            ("privateKey", &certificate.private_key),
        ] {
            if text.is_empty() {
                findings.error_in(field, format!("is needed for {mode}"), "set it");
            }
        }
    });
    let mutual = matches!(tls.mode, TlsMode::Mutual | TlsMode::OptionalMutual);
    if mutual && tls.ca_certificates.is_empty() && tls.ca_cert_credential_name.is_empty() {
        findings.error_in("caCertificates", format!("is needed for {mode}"), "set it");
    }
}

const CIPHERS: &[&str] = &[
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
    "ECDHE-ECDSA-AES128-SHA",
    "ECDHE-RSA-AES128-SHA",
    "ECDHE-ECDSA-AES256-SHA",
    "ECDHE-RSA-AES256-SHA",
    "AES128-GCM-SHA256",
    "AES256-GCM-SHA384",
    "AES128-SHA",
    "AES256-SHA",
    "DES-CBC3-SHA",
];

fn ciphers(tls: &Tls, findings: &mut Findings) {
    for (index, cipher) in tls.cipher_suites.iter().enumerate() {
        let twice = tls.cipher_suites.iter().take(index).any(|other| other == cipher);
        // Texts that begin with an operator of OpenSSL's list are taken as they are.
        let known = cipher == "ALL"
            || !cipher.starts_with(|c: char| c.is_alphanumeric())
            || CIPHERS.contains(&cipher.as_str());
        if twice || !known {
            let what = if twice { "stands here twice" } else { "is no cipher suite that is known" };
            findings.within("cipherSuites", |findings| {
                findings.warning_in(&index.to_string(), code::SUSPICIOUS, what, "remove it");
            });
        }
    }
}
