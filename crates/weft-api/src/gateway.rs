//! `Gateway` of `networking.istio.io`: ports that a gateway opens, and for which hosts.

use std::collections::BTreeMap;

use crate::read::{record, words};

record! {
    /// `spec`
    Gateway {
        "servers" servers: Vec<Server>,
        "selector" selector: BTreeMap<String, String>,
    }
}

record! {
    /// One port for some hosts.
    Server {
        "port" port: Option<Port>,
        "bind" bind: String,
        "hosts" hosts: Vec<String>,
        "tls" tls: Option<Tls>,
        "defaultEndpoint" default_endpoint: String,
        "name" name: String,
    }
}

record! {
    /// A port with its protocol.
    Port {
        "number" number: Option<u32>,
        "protocol" protocol: Option<String>,
        "name" name: Option<String>,
        "targetPort" target_port: u32,
    }
}

words! {
    /// What a gateway does with TLS.
    TlsMode {
        Passthrough = "PASSTHROUGH",
        Simple = "SIMPLE",
        Mutual = "MUTUAL",
        AutoPassthrough = "AUTO_PASSTHROUGH",
        IstioMutual = "ISTIO_MUTUAL",
        OptionalMutual = "OPTIONAL_MUTUAL",
    }
}

words! {
    /// A version of TLS.
    TlsVersion {
        Auto = "TLS_AUTO",
        V1_0 = "TLSV1_0",
        V1_1 = "TLSV1_1",
        V1_2 = "TLSV1_2",
        V1_3 = "TLSV1_3",
    }
}

record! {
    /// TLS of a server.
    Tls {
        "httpsRedirect" https_redirect: bool,
        "mode" mode: TlsMode,
        "serverCertificate" server_certificate: String,
        "privateKey" private_key: String,
        "caCertificates" ca_certificates: String,
        "caCrl" ca_crl: String,
        "credentialName" credential_name: String,
        "credentialNames" credential_names: Option<Vec<String>>,
        "tlsCertificates" tls_certificates: Option<Vec<Certificate>>,
        "caCertCredentialName" ca_cert_credential_name: String,
        "subjectAltNames" subject_alt_names: Vec<String>,
        "insecureSkipVerify" insecure_skip_verify: Option<bool>,
        "verifyCertificateSpki" verify_certificate_spki: Vec<String>,
        "verifyCertificateHash" verify_certificate_hash: Vec<String>,
        "minProtocolVersion" min_protocol_version: TlsVersion,
        "maxProtocolVersion" max_protocol_version: TlsVersion,
        "cipherSuites" cipher_suites: Vec<String>,
        "ecdhCurves" ecdh_curves: Vec<String>,
    }
}

record! {
    /// A certificate in files.
    Certificate {
        "serverCertificate" server_certificate: String,
        "privateKey" private_key: String,
        "caCertificates" ca_certificates: String,
    }
}
