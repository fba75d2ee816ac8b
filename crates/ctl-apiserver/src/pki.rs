//! The API server's own certificates, and the credentials of its two users.
//!
//! In: a state folder. Out: TLS settings of the server; kubeconfigs for the admin and the node.
//! Holds: the CA is made once and kept; keys are in files that only their owner reads (0600).
//! Never: the mesh's CA; workloads are not certified here.

use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use weft_rt::Clock;

const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
/// Clocks of two processes on one machine agree; a restored snapshot may not.
const BACKDATE: Duration = Duration::from_secs(3600);
const NAMES: [&str; 9] = [
    "localhost",
    "127.0.0.1",
    "::1",
    "10.244.0.1",
    "10.96.0.1",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
];

/// Why there are no certificates.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A file does not hold what it should.
    #[error("{path} is unusable: {why}; remove it and start again")]
    Unusable {
        /// Which file.
        path: String,
        /// Why.
        why: String,
    },
    /// The crypto library failed.
    #[error("cannot make a certificate: {0}")]
    Make(#[from] rcgen::Error),
    /// The TLS library refuses the settings.
    #[error("cannot set up TLS: {0}")]
    Tls(String),
}

impl PkiError {
    pub(crate) fn unusable(path: &Path, why: String) -> Self {
        Self::Unusable { path: path.display().to_string(), why }
    }
}

/// Who a kubeconfig is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    /// The person who ran `weft up`.
    Admin,
    /// The local node.
    Node,
}

/// The CA of one API server.
pub struct Pki {
    issuer: Issuer<'static, KeyPair>,
    ca_pem: String,
    clock: Clock,
}

impl std::fmt::Debug for Pki {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pki")
    }
}

impl Pki {
    /// Opens the CA in `<state>/apiserver`, or makes it.
    ///
    /// # Errors
    /// When a file cannot be read, written or understood.
    pub fn open(state: &Path, clock: Clock) -> Result<Self, PkiError> {
        let folder = state.join("apiserver");
        make_folder(&folder)?;
        let (key_path, cert_path) = (folder.join("ca.key"), folder.join("ca.crt"));
        let key = read_or_make(&key_path, || Ok(new_key()?.serialize_pem()))?;
        let key =
            KeyPair::from_pem(&key).map_err(|e| PkiError::unusable(&key_path, e.to_string()))?;
        let ca_pem = read_or_make(&cert_path, || Ok(ca_params(&clock)?.self_signed(&key)?.pem()))?;
        let issuer = Issuer::from_ca_cert_pem(&ca_pem, key)
            .map_err(|e| PkiError::unusable(&cert_path, e.to_string()))?;
        Ok(Self { issuer, ca_pem, clock })
    }

    /// PEM of the CA, for clients.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// TLS settings of the server: HTTP/1.1 and HTTP/2, client certificates of this CA welcome but not demanded.
    ///
    /// # Errors
    /// When a certificate cannot be made.
    pub fn server_config(&self) -> Result<Arc<rustls::ServerConfig>, PkiError> {
        let (cert, key) =
            self.issue("kube-apiserver", None, &NAMES, ExtendedKeyUsagePurpose::ServerAuth)?;
        let tls = |e: &dyn std::fmt::Display| PkiError::Tls(e.to_string());
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.ca_der()?).map_err(|e| tls(&e))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .allow_unauthenticated()
                .build()
                .map_err(|e| tls(&e))?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| tls(&e))?
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![cert.der().clone(), self.ca_der()?], key)
            .map_err(|e| tls(&e))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// Writes a kubeconfig with a fresh client certificate, readable by its owner only.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_kubeconfig(
        &self,
        path: &Path,
        server: &str,
        credential: Credential,
    ) -> Result<(), PkiError> {
        let (name, group) = match credential {
            Credential::Admin => ("weft-admin", "system:masters"),
            Credential::Node => ("system:node:weft", "system:nodes"),
        };
        let (cert, key) =
            self.issue(name, Some(group), &[], ExtendedKeyUsagePurpose::ClientAuth)?;
        let document = serde_json::json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "weft",
            "clusters": [{ "name": "weft", "cluster": {
                "server": server, "certificate-authority-data": BASE64.encode(&self.ca_pem) } }],
            "users": [{ "name": name, "user": {
                "client-certificate-data": BASE64.encode(cert.pem()),
                "client-key-data": BASE64.encode(key.serialize_pem()) } }],
            "contexts": [{ "name": "weft", "context": {
                "cluster": "weft", "user": name, "namespace": "default" } }],
        });
        let text = serde_yaml_ng::to_string(&document)
            .map_err(|e| PkiError::unusable(path, e.to_string()))?;
        write_private(path, &text)
    }

    fn ca_der(&self) -> Result<CertificateDer<'static>, PkiError> {
        use rustls::pki_types::pem::PemObject as _;
        CertificateDer::from_pem_slice(self.ca_pem.as_bytes())
            .map_err(|e| PkiError::Tls(e.to_string()))
    }

    fn issue(
        &self,
        name: &str,
        group: Option<&str>,
        sans: &[&str],
        usage: ExtendedKeyUsagePurpose,
    ) -> Result<(rcgen::Certificate, KeyPair), PkiError> {
        let key = new_key()?;
        let sans: Vec<String> = sans.iter().map(|s| (*s).to_owned()).collect();
        let mut params = CertificateParams::new(sans)?;
        params.distinguished_name.push(DnType::CommonName, name);
        if let Some(group) = group {
            params.distinguished_name.push(DnType::OrganizationName, group);
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        let now = self.clock.wall();
        params.not_before = (now - BACKDATE).into();
        params.not_after = (now + YEAR).into();
        Ok((params.signed_by(&key, &self.issuer)?, key))
    }
}

/// A new P-256 key.
pub(crate) fn new_key() -> Result<KeyPair, PkiError> {
    Ok(KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?)
}

fn ca_params(clock: &Clock) -> Result<CertificateParams, PkiError> {
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.distinguished_name.push(DnType::CommonName, "weft-apiserver-ca");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = (clock.wall() - BACKDATE).into();
    params.not_after = (clock.wall() + 10 * YEAR).into();
    Ok(params)
}

/// Reads a private file, or makes its content and writes it.
pub(crate) fn read_or_make(
    path: &Path,
    make: impl FnOnce() -> Result<String, PkiError>,
) -> Result<String, PkiError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            if let Some(folder) = path.parent() {
                make_folder(folder)?;
            }
            let text = make()?;
            write_private(path, &text)?;
            Ok(text)
        }
        Err(source) => Err(PkiError::Io { path: path.display().to_string(), source }),
    }
}

fn make_folder(folder: &Path) -> Result<(), PkiError> {
    let failed = |source| PkiError::Io { path: folder.display().to_string(), source };
    std::fs::create_dir_all(folder).map_err(failed)?;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).map_err(failed)
}

/// Writes beside the file and renames, so that a reader never sees half of it.
fn write_private(path: &Path, text: &str) -> Result<(), PkiError> {
    let failed = |source| PkiError::Io { path: path.display().to_string(), source };
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let mut options = std::fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)
        .map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    std::fs::rename(&beside, path).map_err(failed)
}
