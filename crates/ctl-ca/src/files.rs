//! The four files of an authority, in the names of Istio's `cacerts`.
//!
//! Holds: a folder has all of them or none; the key file is readable by its owner alone.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PublicKeyData as _,
};
use weft_identity::x509;
use weft_rt::Clock;
use zeroize::Zeroizing;

use crate::CaError;

const ROOT: &str = "root-cert.pem";
const CERT: &str = "ca-cert.pem";
const KEY: &str = "ca-key.pem";
const CHAIN: &str = "cert-chain.pem";
const ROOT_LIFE: Duration = Duration::from_secs(3650 * 24 * 3600);

pub(crate) struct CaFiles {
    pub(crate) root: String,
    pub(crate) cert: String,
    pub(crate) chain: String,
    key: Zeroizing<String>,
    /// End of life of the signing certificate; nothing that it signs outlives it.
    pub(crate) not_after: SystemTime,
}

impl CaFiles {
    /// Binds key and certificate, after looking that they belong together.
    pub(crate) fn issuer(&self, folder: &Path) -> Result<Issuer<'static, KeyPair>, CaError> {
        let unusable = |file: &str, why: String| CaError::Unusable {
            path: folder.join(file).display().to_string(),
            why,
        };
        let key = KeyPair::from_pem(&self.key).map_err(|e| unusable(KEY, e.to_string()))?;
        let facts = x509::facts(&self.cert).map_err(|e| unusable(CERT, e.to_string()))?;
        if facts.public_key_info != key.subject_public_key_info() {
            return Err(unusable(KEY, format!("is not the key of {CERT}")));
        }
        if !facts.is_ca {
            return Err(unusable(CERT, "is not a CA certificate".into()));
        }
        Issuer::from_ca_cert_pem(&self.cert, key).map_err(|e| unusable(CERT, e.to_string()))
    }
}

/// `None` when the folder holds no authority at all.
pub(crate) fn read(folder: &Path) -> Result<Option<CaFiles>, CaError> {
    let files = [ROOT, CERT, KEY, CHAIN];
    let missing: Vec<_> = files.into_iter().filter(|file| !folder.join(file).exists()).collect();
    match missing.first() {
        Some(_) if missing.len() == files.len() => return Ok(None),
        Some(missing) => {
            return Err(CaError::Incomplete { folder: folder.display().to_string(), missing });
        }
        None => {}
    }
    let text = |file: &str| {
        let path = folder.join(file);
        fs::read_to_string(&path)
            .map_err(|source| CaError::Io { path: path.display().to_string(), source })
    };
    let cert = text(CERT)?;
    let facts = x509::facts(&cert).map_err(|e| CaError::Unusable {
        path: folder.join(CERT).display().to_string(),
        why: e.to_string(),
    })?;
    Ok(Some(CaFiles {
        root: text(ROOT)?,
        chain: text(CHAIN)?,
        key: Zeroizing::new(text(KEY)?),
        not_after: facts.not_after,
        cert,
    }))
}

/// Makes a root and writes it. Whole or not at all: the folder appears by a rename.
pub(crate) fn create(folder: &Path, clock: &Clock) -> Result<CaFiles, CaError> {
    let now = clock.wall();
    let mut root = CertificateParams::default();
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    root.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    root.not_before = (now - Duration::from_secs(3600)).into();
    root.not_after = (now + ROOT_LIFE).into();
    root.distinguished_name = rcgen::DistinguishedName::new();
    root.distinguished_name.push(DnType::OrganizationName, "weft mesh root");
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
    let cert = root.self_signed(&key)?.pem();
    let key = Zeroizing::new(key.serialize_pem());

    let fresh = folder.with_extension("new");
    let io = |path: &Path| {
        let path = path.display().to_string();
        move |source| CaError::Io { path, source }
    };
    if fresh.exists() {
        fs::remove_dir_all(&fresh).map_err(io(&fresh))?;
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&fresh).map_err(io(&fresh))?;
    let contents: [(&str, &str); 4] = [(ROOT, &cert), (CERT, &cert), (CHAIN, &cert), (KEY, &key)];
    for (file, text) in contents {
        let path = fresh.join(file);
        write(&path, text).map_err(io(&path))?;
    }
    fs::rename(&fresh, folder).map_err(io(folder))?;
    tracing::info!(folder = %folder.display(), "made a mesh root for ten years");
    Ok(CaFiles { root: cert.clone(), chain: cert.clone(), cert, key, not_after: now + ROOT_LIFE })
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
