//! The key that signs, and what it signs.
//!
//! Holds: whoever is signing sees one authority and its bundle from start to end of a certificate.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use rcgen::{CertificateSigningRequestParams, PublicKeyData, SanType};
use tokio::sync::watch;
use weft_admin_api::ca::Phase;
use weft_identity::x509;
use weft_rt::Clock;
use weft_types::SpiffeId;

use crate::keeper::{Kept, Memory};
use crate::leaf::{BACKDATE, Leaf};
use crate::live::Entry;
use crate::material::{Signer, fingerprint};

/// Lifetime when none is asked for.
const DEFAULT_TTL: Duration = Duration::from_secs(24 * 3600);
/// Longest lifetime that is signed.
const MAX_TTL: Duration = Duration::from_secs(90 * 24 * 3600);

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
        /// The CA folder or Secret.
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

/// The pod that shows a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// `POD.NAMESPACE`.
    pub name: String,
    /// Uid of the pod, when it is known.
    pub uid: Option<String>,
}

/// Who signs now, and what is trusted now.
#[derive(Debug)]
pub struct Serving {
    pub(crate) signer: Arc<Signer>,
    /// Fingerprint of the root that the signer leads to.
    pub(crate) anchor: String,
    /// PEM of all roots.
    pub(crate) bundle: String,
    /// Their fingerprints.
    pub(crate) trusted: Vec<String>,
    /// Of the bundle.
    pub(crate) version: u64,
    /// Certificates of other roots are to be renewed.
    pub(crate) renewing: bool,
}

impl Serving {
    /// PEM of every root that is to be trusted.
    #[must_use]
    pub fn bundle(&self) -> &str {
        &self.bundle
    }
}

/// The certificate authority of one mesh.
pub struct Ca {
    pub(crate) folder: PathBuf,
    pub(crate) clock: Clock,
    pub(crate) serving: watch::Sender<Arc<Serving>>,
    pub(crate) memory: Mutex<Memory>,
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
        let Kept { memory, serving } = Memory::open(folder, clock.wall())?;
        let serving = watch::Sender::new(Arc::new(serving));
        Ok(Self { folder: folder.to_owned(), clock, serving, memory: Mutex::new(memory) })
    }

    /// PEM of every root that proxies must trust now (ConfigMap `istio-ca-root-cert`).
    #[must_use]
    pub fn bundle_pem(&self) -> String {
        self.serving().bundle.clone()
    }

    /// Whether one authority is taking the place of another.
    #[must_use]
    pub fn is_changing(&self) -> bool {
        self.memory().state.phase != Phase::Steady
    }

    /// Wakes whenever somebody else signs or other roots are trusted.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<Arc<Serving>> {
        self.serving.subscribe()
    }

    pub(crate) fn serving(&self) -> Arc<Serving> {
        Arc::clone(&self.serving.borrow())
    }

    pub(crate) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Signs for `identity`, for `ttl` or a day. The chain goes leaf first, all roots last, as one text. `holder` is the
    /// pod that will show it, when one is proven.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn sign(
        &self,
        csr_pem: &str,
        identity: &SpiffeId,
        holder: Option<&Holder>,
        ttl: Option<Duration>,
    ) -> Result<Vec<String>, Refused> {
        let csr = CertificateSigningRequestParams::from_pem(csr_pem)
            .map_err(|e| Refused::Csr(e.to_string()))?;
        names_only(&csr, identity)?;
        let uri = identity.to_string().try_into();
        let uri = uri.map_err(|e: rcgen::Error| Refused::Sign(e.to_string()))?;
        let serving = self.serving();
        let chain = self.certify(&serving, &csr.public_key, vec![SanType::URI(uri)], ttl)?;
        let leaf = chain.first().and_then(|pem| x509::facts(pem).ok());
        let leaf = leaf.ok_or_else(|| Refused::Sign("the certificate cannot be read".into()))?;
        let entry = Entry {
            serial: leaf.serial,
            root: serving.anchor.clone(),
            version: serving.version,
            not_after: unix(leaf.not_after),
            of_pod: holder.is_some(),
            speaks: false,
            confirmed: true,
            before: None,
            uid: holder.and_then(|holder| holder.uid.clone()),
        };
        let name = holder.map(|holder| holder.name.as_str());
        self.memory().live_mut().issued(name, entry);
        Ok(chain)
    }

    pub(crate) fn certify(
        &self,
        serving: &Serving,
        key: &impl PublicKeyData,
        names: Vec<SanType>,
        ttl: Option<Duration>,
    ) -> Result<Vec<String>, Refused> {
        let ttl = ttl.unwrap_or(DEFAULT_TTL);
        if ttl > MAX_TTL {
            return Err(Refused::TooLong(ttl));
        }
        let (now, signer) = (self.clock.wall(), &serving.signer);
        if signer.not_after <= now {
            return Err(Refused::Sign("the authority's own certificate has expired".into()));
        }
        let not_after = (now + ttl).min(signer.not_after);
        let leaf = Leaf { names, not_before: now - BACKDATE, not_after };
        let leaf = leaf.signed(key, &signer.issuer).map_err(|e| Refused::Sign(e.to_string()))?;
        let roots = std::iter::once(serving.bundle.clone());
        Ok(std::iter::once(leaf).chain(signer.above.iter().cloned()).chain(roots).collect())
    }

    /// Takes note of what a holder shows and trusts; answers whether it is to renew. A certificate that no root of ours
    /// has signed is to be renewed too.
    pub(crate) fn held(&self, holder: Option<&Holder>, chain: &str, version: u64) -> bool {
        let serving = self.serving();
        let Ok(leaf) = x509::facts(chain) else { return true };
        let uid = holder.and_then(|holder| holder.uid.clone());
        let holder = holder.map(|holder| holder.name.as_str());
        let mut memory = self.memory();
        if !memory.live_mut().trusts(holder, &leaf.serial, version) {
            // Issued before an end that came too fast for it to be written down.
            let roots = memory.state.roots();
            let now = self.clock.wall();
            let Ok(anchor) = crate::material::anchor(chain, &roots, now) else { return true };
            let (root, not_after) = (fingerprint(&anchor), unix(leaf.not_after));
            let of_pod = holder.is_some();
            let (serial, speaks, confirmed) = (leaf.serial.clone(), true, true);
            let before = None;
            let entry =
                Entry { serial, root, version, not_after, of_pod, speaks, confirmed, before, uid };
            memory.live_mut().issued(holder, entry);
            memory.live_mut().trusts(holder, &leaf.serial, version);
        }
        let root = memory.live().root_of(holder, &leaf.serial);
        root.is_some_and(|root| {
            let trusted = serving.trusted.iter().any(|own| own == root);
            root != serving.anchor && (serving.renewing || !trusted)
        })
    }
}

/// Seconds of Unix time.
pub(crate) fn unix(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
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
