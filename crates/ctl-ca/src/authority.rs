//! The key that signs, and what it signs.

use std::path::Path;
use std::time::Duration;

use rcgen::{
    CertificateParams, CertificateSigningRequestParams, DistinguishedName, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SanType, SerialNumber,
};
use weft_rt::Clock;
use weft_types::SpiffeId;

use crate::files::{self, CaFiles};

/// Lifetime when none is asked for.
const DEFAULT_TTL: Duration = Duration::from_secs(24 * 3600);
/// Longest lifetime that is signed.
const MAX_TTL: Duration = Duration::from_secs(90 * 24 * 3600);
/// Clocks of two machines may differ by this much.
const BACKDATE: Duration = Duration::from_secs(60);

/// Why there is no authority.
#[derive(Debug, thiserror::Error)]
pub enum CaError {
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// Some of the four files are there and some are not.
    #[error(
        "{folder}: {missing} is missing; a CA needs root-cert.pem, ca-cert.pem, ca-key.pem and cert-chain.pem"
    )]
    Incomplete {
        /// The CA folder.
        folder: String,
        /// First missing file.
        missing: &'static str,
    },
    /// A file does not hold what it should.
    #[error("{path}: {why}")]
    Unusable {
        /// Which file.
        path: String,
        /// Why, and what to do.
        why: String,
    },
    /// The crypto library failed.
    #[error("cannot make the mesh root: {0}")]
    Make(#[from] rcgen::Error),
}

/// Why a request was not signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The CSR does not parse, or its signature is not by its own key.
    #[error("unreadable CSR: {0}")]
    Csr(String),
    /// The CSR names somebody else.
    #[error("CSR names {asked}, but the token proves {proven}")]
    OtherIdentity {
        /// What the CSR names.
        asked: String,
        /// What the token proves.
        proven: String,
    },
    /// Longer than the authority signs.
    #[error("lifetime of {0:?} is over the limit of 90 days")]
    TooLong(Duration),
    /// The library could not sign.
    #[error("cannot sign: {0}")]
    Sign(String),
}

/// The certificate authority of one mesh.
pub struct Ca {
    issuer: Issuer<'static, KeyPair>,
    files: CaFiles,
    clock: Clock,
}

impl std::fmt::Debug for Ca {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ca")
    }
}

impl Ca {
    /// Opens the authority in `folder`; when the folder has none, makes a root for ten years first.
    ///
    /// # Errors
    /// When the folder holds an incomplete or unusable authority, or cannot be written.
    pub fn open_or_create(folder: &Path, clock: Clock) -> Result<Self, CaError> {
        let files = match files::read(folder)? {
            Some(files) => files,
            None => files::create(folder, &clock)?,
        };
        let issuer = files.issuer(folder)?;
        Ok(Self { issuer, files, clock })
    }

    /// PEM of the root that every proxy must trust (ConfigMap `istio-ca-root-cert`).
    #[must_use]
    pub fn root_pem(&self) -> &str {
        &self.files.root
    }

    /// Signs for `identity`, for `ttl` or a day. The chain goes leaf first, root last.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn sign(
        &self,
        csr_pem: &str,
        identity: &SpiffeId,
        ttl: Option<Duration>,
    ) -> Result<Vec<String>, Refused> {
        let csr = CertificateSigningRequestParams::from_pem(csr_pem)
            .map_err(|e| Refused::Csr(e.to_string()))?;
        names_only(&csr, identity)?;
        let uri = identity.to_string().try_into();
        let uri = uri.map_err(|e: rcgen::Error| Refused::Sign(e.to_string()))?;
        self.certify(&csr.public_key, vec![SanType::URI(uri)], ttl)
    }

    pub(crate) fn certify(
        &self,
        key: &impl PublicKeyData,
        names: Vec<SanType>,
        ttl: Option<Duration>,
    ) -> Result<Vec<String>, Refused> {
        let ttl = ttl.unwrap_or(DEFAULT_TTL);
        if ttl > MAX_TTL {
            return Err(Refused::TooLong(ttl));
        }
        let sign = |e: rcgen::Error| Refused::Sign(e.to_string());
        let now = self.clock.wall();
        let mut leaf = CertificateParams::default();
        leaf.distinguished_name = DistinguishedName::new();
        leaf.subject_alt_names = names;
        leaf.not_before = (now - BACKDATE).into();
        leaf.not_after = (now + ttl).min(self.files.not_after).into();
        leaf.is_ca = IsCa::ExplicitNoCa;
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        leaf.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        leaf.use_authority_key_identifier_extension = true;
        leaf.serial_number = Some(serial()?);
        let leaf = leaf.signed_by(key, &self.issuer).map_err(sign)?;
        let above = [&self.files.chain, &self.files.root];
        let mut chain = vec![leaf.pem()];
        for pem in above {
            if !chain.contains(pem) {
                chain.push(pem.clone());
            }
        }
        Ok(chain)
    }
}

/// A CSR may be silent about names; if it speaks, it must name the proven account and nothing else. The trust domain is the
/// authority's to say: a proxy that started under its earlier name gets a certificate with the present one.
fn names_only(csr: &CertificateSigningRequestParams, identity: &SpiffeId) -> Result<(), Refused> {
    let proven = identity.to_string();
    for name in &csr.params.subject_alt_names {
        let asked = match name {
            SanType::URI(uri) => uri.to_string(),
            other => format!("{other:?}"),
        };
        if !SpiffeId::parse(&asked).is_ok_and(|asked| asked.is_account_of(identity)) {
            return Err(Refused::OtherIdentity { asked, proven });
        }
    }
    Ok(())
}

fn serial() -> Result<SerialNumber, Refused> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|e| Refused::Sign(e.to_string()))?;
    // Positive, as X.509 wants it, and never with a leading zero byte.
    bytes[0] = (bytes[0] & 0x7f) | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}
