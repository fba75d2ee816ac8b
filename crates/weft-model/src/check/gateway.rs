//! Rules of `Gateway`.

use weft_api::gateway::{Certificate, Gateway, Port, Server, Tls, TlsMode, TlsVersion};
use weft_api::meta::Metadata;

use weft_types::{address, domain};

use super::findings::code;
use super::{Findings, pins, sidecar, values};

/// Set by the mesh on what it makes of the Gateway API, where names follow other rules.
const SEMANTICS: &str = "internal.istio.io/gateway-semantics";

pub(crate) fn check(meta: &Metadata, spec: &Gateway, findings: &mut Findings) {
    let Gateway { servers, selector: _ } = spec;
    if servers.is_empty() {
        findings.error_in("servers", "is missing", "add a server: a port and its hosts");
    }
    let made = meta.annotations.get(SEMANTICS).is_some_and(|value| value == "gateway");
    if !made && !meta.name.is_empty() && !domain::is_label(&meta.name) {
        findings.at_root(|findings| {
            findings.within("metadata", |findings| {
                let what = format!("{:?} is no name that VirtualServices could bind to", meta.name);
                findings.error_in("name", what, "use letters, digits and dashes, at most 63");
            })
        });
    }
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
    let socket = bind.strip_prefix("unix://");
    match port {
        None => findings.error_in("port", "is missing", "add number, name and protocol"),
        Some(port) => findings.within("port", |f| self::port(port, socket.is_some(), f)),
    }
    if socket.is_some_and(|path| !address::is_socket(path)) {
        let what = format!("{bind:?} names no absolute path of a unix socket");
        findings.error_in("bind", what, "write unix:///PATH or unix://@NAME");
    } else if socket.is_none() && !bind.is_empty() && !address::is_ip(bind) {
        findings.error_in("bind", format!("{bind:?} is no address"), "write an IP address");
    }
    let protocol = port.as_ref().and_then(|port| port.protocol.clone()).unwrap_or_default();
    let kind = Kind::of(&protocol);
    match tls {
        None if kind == Kind::Secure => {
            findings.error_in("tls", format!("is missing for {protocol}"), "add tls.mode");
        }
        Some(tls) if !kind.takes(tls) => {
            findings.error_in(
                "tls",
                format!("does not go with {protocol}"),
                "use protocol HTTPS or TLS",
            );
        }
        _ => {}
    }
    findings.given("tls", tls.as_ref(), |settings, findings| {
        if settings.https_redirect && kind != Kind::Http {
            let what = format!("has no effect on {protocol}, which is no plain HTTP");
            let fix = "set it on the server of plain HTTP";
            findings.warning_in("httpsRedirect", code::SUSPICIOUS, what, fix);
        }
        self::tls(settings, findings);
    });
    findings.not_honoured("bind", socket.is_some());
    let why = "a gateway sends only where routes lead";
    findings.idle("defaultEndpoint", !default_endpoint.is_empty(), why);
}

/// What a port's protocol means for its TLS settings.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Http,
    Secure,
    Other,
    Unknown,
}

impl Kind {
    fn of(protocol: &str) -> Self {
        match protocol.to_ascii_uppercase().as_str() {
            "HTTP" | "HTTP2" | "GRPC" | "GRPC-WEB" | "HTTP_PROXY" => Self::Http,
            "HTTPS" | "TLS" => Self::Secure,
            known if sidecar::PROTOCOLS.contains(&known) => Self::Other,
            _ => Self::Unknown,
        }
    }

    /// Plain HTTP may say that it redirects to HTTPS, which needs neither mode nor files.
    fn takes(self, tls: &Tls) -> bool {
        let files = [&tls.server_certificate, &tls.private_key, &tls.ca_certificates];
        let passes = matches!(tls.mode, TlsMode::Passthrough | TlsMode::AutoPassthrough);
        match self {
            Self::Secure | Self::Unknown => true,
            Self::Http => passes && files.iter().all(|file| file.is_empty()),
            Self::Other => false,
        }
    }
}

fn host(name: &str, made: bool, findings: &mut Findings) {
    let (namespace, host) = name.split_once('/').map_or((None, name), |(n, h)| (Some(n), h));
    if let Some(namespace) = namespace {
        let known = matches!(namespace, "*" | ".") || made && namespace == "~";
        if !known && !domain::is_label(namespace) {
            findings.error(format!("{namespace:?} is no namespace"), "write `./`, `*/` or NAME/");
        }
    }
    if let Err(why) = domain::wildcard(host)
        && !address::is_ip(host)
    {
        findings.error(why, "write a host, *.domain or *");
    } else if host != "*" && !host.contains('.') {
        findings.error(format!("{host:?} is a short name"), "write the full name");
    } else if host.starts_with('*') && host != "*" && !host.starts_with("*.") {
        findings.error(format!("{host:?}: `*` must be a whole label"), "write *.example.com");
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
    match protocol.as_deref() {
        None | Some("") => findings.error_in("protocol", "is missing", "name it, such as HTTP"),
        Some(protocol) => sidecar::protocol(protocol, findings),
    }
    if name.as_deref().unwrap_or_default().is_empty() {
        findings.error_in("name", "is missing", "name the port");
    }
    if *target_port != 0 {
        findings.error_in("targetPort", "has no meaning for a gateway", "remove it");
    }
}

pub(crate) fn tls(tls: &Tls, findings: &mut Findings) {
    ciphers(tls, findings);
    pins::check(tls, findings);
    if tls.mode == TlsMode::IstioMutual {
        istio_mutual(tls, findings);
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
    let kinds = [!tls.credential_name.is_empty(), !names.is_empty(), files, !listed.is_empty()];
    if kinds.iter().filter(|set| **set).count() > 1 {
        findings.error("names certificates in more than one way", "keep one of them");
    }
    let referenced = !tls.credential_name.is_empty() || !names.is_empty();
    match tls.mode {
        TlsMode::Passthrough | TlsMode::AutoPassthrough => passed_through(tls, findings),
        TlsMode::Simple | TlsMode::Mutual | TlsMode::OptionalMutual if referenced => return,
        TlsMode::Simple | TlsMode::Mutual | TlsMode::OptionalMutual => {
            certificates(tls, listed, findings);
        }
        TlsMode::IstioMutual => {}
    }
    if !tls.ca_crl.is_empty() && !tls.credential_name.is_empty() {
        let fix = "put the list into the credential";
        findings.error_in("caCrl", "does not go with credentialName", fix);
    } else if !tls.ca_crl.is_empty() && tls.mode == TlsMode::Simple {
        findings.error_in("caCrl", "does not go with SIMPLE", "remove it");
    }
}

fn passed_through(tls: &Tls, findings: &mut Findings) {
    let texts = [
        &tls.server_certificate,
        &tls.private_key,
        &tls.ca_certificates,
        &tls.ca_crl,
        &tls.credential_name,
    ];
    let listed = tls.tls_certificates.is_some() || tls.credential_names.is_some();
    if listed || texts.iter().any(|text| !text.is_empty()) {
        let what = "passes TLS through, so that its certificates are not used";
        findings.warning_in("mode", code::SUSPICIOUS, what, "remove them");
    }
}

fn istio_mutual(tls: &Tls, findings: &mut Findings) {
    for (field, text) in [
        ("serverCertificate", &tls.server_certificate),
        ("privateKey", &tls.private_key),
        ("caCertificates", &tls.ca_certificates),
        ("credentialName", &tls.credential_name),
    ] {
        if !text.is_empty() {
            let fix = "remove it; the mesh's own certificates are used";
            findings.error_in(field, "does not go with ISTIO_MUTUAL", fix);
        }
    }
    if !tls.ca_crl.is_empty() {
        let what = "has no effect with ISTIO_MUTUAL";
        findings.warning_in("caCrl", code::SUSPICIOUS, what, "remove it");
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

/// Whether a name is that of a cipher suite that servers can be limited to.
#[must_use]
pub fn is_cipher_suite(name: &str) -> bool {
    CIPHERS.contains(&name)
}

fn ciphers(tls: &Tls, findings: &mut Findings) {
    let old = matches!(tls.min_protocol_version, TlsVersion::V1_0 | TlsVersion::V1_1);
    if old && tls.cipher_suites.is_empty() {
        let what = "needs cipher suites that are not among the defaults";
        findings.warning_in("minProtocolVersion", code::SUSPICIOUS, what, "add cipherSuites");
    }
    for (index, cipher) in tls.cipher_suites.iter().enumerate() {
        let twice = tls.cipher_suites.iter().take(index).any(|other| other == cipher);
        // Texts that begin with an operator of OpenSSL's list are taken as they are.
        let known = matches!(cipher.as_str(), "" | "ALL")
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
