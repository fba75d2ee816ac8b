//! `Gateway` of `networking.istio.io`: ports that a gateway opens, and for which hosts.

use std::collections::BTreeMap;

use crate::read::{record, words};

record! {
    /// Ports that gateway pods open to the outside, and the hosts that may be reached there. What happens to requests is said by
    /// the VirtualServices that name the gateway.
    Gateway {
        /// Ports and their hosts.
        "servers" servers: Vec<Server>,
        /// Labels of the gateway's pods. Without any, every gateway of the mesh opens these ports.
        "selector" selector: BTreeMap<String, String>,
    }
}

record! {
    /// One port for some hosts.
    Server {
        /// The port.
        "port" port: Option<Port> = [Required],
        /// Address or unix socket to listen on; all addresses when absent.
        "bind" bind: String,
        /// Hosts that may be called: `HOST` or `NAMESPACE/HOST`, where the namespace (`.` own, `*` any) says whose
        /// VirtualServices may serve it.
        "hosts" hosts: Vec<String> = [Required],
        /// TLS of the port.
        "tls" tls: Option<Tls>,
        /// Not supported, as in Istio.
        "defaultEndpoint" default_endpoint: String,
        /// Name of the server.
        "name" name: String,
    }
}

record! {
    /// A port with its protocol.
    Port {
        /// Number of the port of the gateway's Service.
        "number" number: Option<u32> = [Required],
        /// HTTP, HTTPS, GRPC, GRPC-WEB, HTTP2, MONGO, TCP or TLS.
        "protocol" protocol: Option<String> = [Required],
        /// Name of the port.
        "name" name: Option<String> = [Required],
        /// Not used any more.
        "targetPort" target_port: u32,
    }
}

record! {
    /// A port of a Sidecar with its protocol.
    SidecarPort {
        /// Number of the port.
        "number" number: u32,
        /// HTTP, HTTPS, GRPC, HTTP2, MONGO, TCP or TLS.
        "protocol" protocol: String,
        /// Name of the port.
        "name" name: String,
        /// Not used.
        "targetPort" target_port: u32,
    }
}

words! {
    /// What a gateway does with TLS.
    TlsMode {
        /// Forwards by server name without decrypting.
        Passthrough = "PASSTHROUGH",
        /// Decrypts with its own certificate.
        Simple = "SIMPLE",
        /// Also asks for a certificate of the client.
        Mutual = "MUTUAL",
        /// Forwards to the service that the server name encodes; between clusters.
        AutoPassthrough = "AUTO_PASSTHROUGH",
        /// Mutual TLS with the certificates of the mesh.
        IstioMutual = "ISTIO_MUTUAL",
        /// A certificate of the client is checked when it sends one.
        OptionalMutual = "OPTIONAL_MUTUAL",
    }
}

words! {
    /// A version of TLS.
    TlsVersion {
        /// What the proxy thinks best.
        Auto = "TLS_AUTO",
        /// TLS 1.0.
        V1_0 = "TLSV1_0",
        /// TLS 1.1.
        V1_1 = "TLSV1_1",
        /// TLS 1.2.
        V1_2 = "TLSV1_2",
        /// TLS 1.3.
        V1_3 = "TLSV1_3",
    }
}

record! {
    /// TLS of a server.
    Tls {
        /// Answers every plaintext request with a redirect to https.
        "httpsRedirect" https_redirect: bool,
        /// PASSTHROUGH (the default), SIMPLE, MUTUAL, AUTO_PASSTHROUGH, ISTIO_MUTUAL or OPTIONAL_MUTUAL.
        "mode" mode: TlsMode,
        /// File with the certificate of the server.
        "serverCertificate" server_certificate: String,
        /// File with the private key of the server.
        "privateKey" private_key: String,
        /// File with the authorities that certificates of clients are checked against.
        "caCertificates" ca_certificates: String,
        /// File with revoked certificates of clients.
        "caCrl" ca_crl: String,
        /// Secret, in the namespace of the gateway's pods, with certificate and key.
        "credentialName" credential_name: String,
        /// Secrets with certificates of different key types, two at most.
        "credentialNames" credential_names: Option<Vec<String>> = [MinItems(1), MaxItems(2)],
        /// Files with certificates of different key types, two at most.
        "tlsCertificates" tls_certificates: Option<Vec<Certificate>> = [MinItems(1), MaxItems(2)],
        /// Secret with the authorities, when it is another one than that of the certificate.
        "caCertCredentialName" ca_cert_credential_name: String,
        /// Names of which a client's certificate must have one.
        "subjectAltNames" subject_alt_names: Vec<String>,
        /// Takes any certificate of a client. Only for tests.
        "insecureSkipVerify" insecure_skip_verify: Option<bool>,
        /// SHA-256 of the public key that a client's certificate must have, as base64.
        "verifyCertificateSpki" verify_certificate_spki: Vec<String>,
        /// SHA-256 that a client's certificate must have, in hexadecimal.
        "verifyCertificateHash" verify_certificate_hash: Vec<String>,
        /// Oldest version of TLS; 1.2 when absent.
        "minProtocolVersion" min_protocol_version: TlsVersion,
        /// Newest version of TLS.
        "maxProtocolVersion" max_protocol_version: TlsVersion,
        /// Cipher suites in OpenSSL's names; not for TLS 1.3.
        "cipherSuites" cipher_suites: Vec<String>,
        /// Curves for the exchange of keys.
        "ecdhCurves" ecdh_curves: Vec<String>,
    } where [
        Holds(
            "(has(self.tlsCertificates) ? 1 : 0) + (has(self.credentialNames) ? 1 : 0) <= 1",
            "keep one of tlsCertificates and credentialNames",
        ),
        Holds(
            "(has(self.credentialName) ? 1 : 0) + (has(self.credentialNames) ? 1 : 0) <= 1",
            "keep one of credentialName and credentialNames",
        ),
    ]
}

record! {
    /// A certificate in files.
    Certificate {
        /// File with the certificate.
        "serverCertificate" server_certificate: String,
        /// File with its private key.
        "privateKey" private_key: String,
        /// File with the authorities that certificates of clients are checked against.
        "caCertificates" ca_certificates: String,
    }
}
