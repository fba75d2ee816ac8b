//! The folder of an authority: the four files that an operator may replace, and what the control plane keeps beside them.
//!
//! Holds: a folder has all four or none; nobody but the owner reads a key; a file is replaced whole, by a rename.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::{Duration, SystemTime};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, KeyUsagePurpose};

use crate::CaError;
use crate::material::{CERT, CHAIN, KEY, Material, OWN_ROOT, ROOT};

const ROOT_LIFE: Duration = Duration::from_secs(3650 * 24 * 3600);

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> CaError + use<> {
    let path = path.display().to_string();
    move |source| CaError::Io { path, source }
}

/// `None` when the folder holds no authority at all.
pub(crate) fn read(folder: &Path) -> Result<Option<Material>, CaError> {
    if [ROOT, CERT, KEY, CHAIN].iter().all(|file| !folder.join(file).exists()) {
        return Ok(None);
    }
    Material::gather(&folder.display().to_string(), |file| text(&folder.join(file))).map(Some)
}

/// The text of a file; `None` when there is none.
pub(crate) fn text(path: &Path) -> Result<Option<String>, CaError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io(path)(error)),
    }
}

/// Makes a root for ten years.
pub(crate) fn make(now: SystemTime) -> Result<Material, CaError> {
    let mut root = CertificateParams::default();
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    root.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    root.not_before = (now - Duration::from_secs(3600)).into();
    root.not_after = (now + ROOT_LIFE).into();
    root.distinguished_name = rcgen::DistinguishedName::new();
    root.distinguished_name.push(DnType::OrganizationName, OWN_ROOT);
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
    let cert = root.self_signed(&key)?.pem();
    Ok(Material { root: cert.clone(), chain: cert.clone(), cert, key: key.serialize_pem() })
}

/// Writes the four files; each is whole at any time. The key goes last, so that half of it is told as half.
pub(crate) fn write(folder: &Path, material: &Material) -> Result<(), CaError> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(io(folder))?;
    let Material { root, cert, chain, key } = material;
    for (file, text) in [(ROOT, root), (CERT, cert), (CHAIN, chain), (KEY, key)] {
        replace(&folder.join(file), text)?;
    }
    Ok(())
}

/// Replaces a file, or leaves it as it is.
pub(crate) fn replace(path: &Path, text: &str) -> Result<(), CaError> {
    let fresh = path.with_extension("new");
    let written = || {
        let mut options = fs::OpenOptions::new();
        let options = options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&fresh)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&fresh, path)
    };
    written().map_err(io(path))
}
