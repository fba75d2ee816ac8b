//! The four texts of an authority, in the names of Istio's `cacerts`, and the signer that they make.
//!
//! In: texts as somebody wrote them. Out: a [`Signer`], or which of them is wrong and what to do.
//! Holds: a signer was tried: a certificate of its own making was verified as a peer of the mesh would verify it, so key,
//! certificate, chain and root belong together and are valid now.
//! Never: logs the key; it is wiped when dropped.

use std::time::SystemTime;

use rcgen::{Issuer, KeyPair, PublicKeyData as _};
use serde::{Deserialize, Serialize};
use weft_identity::rustls::pki_types::pem::PemObject as _;
use weft_identity::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use weft_identity::x509::{self, Facts};
use zeroize::Zeroize as _;

use crate::CaError;
use crate::leaf::{self, Leaf};

pub(crate) const ROOT: &str = "root-cert.pem";
pub(crate) const CERT: &str = "ca-cert.pem";
pub(crate) const KEY: &str = "ca-key.pem";
pub(crate) const CHAIN: &str = "cert-chain.pem";
/// Subject of roots that are made here.
pub(crate) const OWN_ROOT: &str = "weft mesh root";

/// The four texts.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Material {
    pub(crate) root: String,
    pub(crate) cert: String,
    pub(crate) chain: String,
    pub(crate) key: String,
}

impl std::fmt::Debug for Material {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Material").field("cert", &self.cert).finish_non_exhaustive()
    }
}

impl Drop for Material {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

impl Material {
    /// Takes the texts by their file names; `place` is what errors call the whole.
    ///
    /// # Errors
    /// When one is missing.
    pub fn gather(
        place: &str,
        mut text: impl FnMut(&str) -> Result<Option<String>, CaError>,
    ) -> Result<Self, CaError> {
        let mut whole = |file: &'static str| {
            let incomplete = || CaError::Incomplete { folder: place.to_owned(), missing: file };
            text(file)?.ok_or_else(incomplete)
        };
        let (root, cert) = (whole(ROOT)?, whole(CERT)?);
        Ok(Self { root, cert, chain: whole(CHAIN)?, key: whole(KEY)? })
    }

    /// Whether the root was made here, by [`crate::files::make`].
    pub(crate) fn is_self_made(&self) -> bool {
        self.cert == self.root
            && x509::facts(&self.root).is_ok_and(|f| f.subject.contains(OWN_ROOT))
    }

    /// The roots, one by one; none when they do not parse.
    pub(crate) fn roots(&self) -> Vec<String> {
        x509::split(&self.root).unwrap_or_default()
    }
}

/// What signs.
pub(crate) struct Signer {
    pub(crate) issuer: Issuer<'static, KeyPair>,
    /// Certificates between a leaf and the root, the lowest first.
    pub(crate) above: Vec<String>,
    pub(crate) facts: Facts,
    /// The root that it chains to.
    pub(crate) anchor: String,
    pub(crate) anchor_facts: Facts,
    /// End of the first certificate on the way to the root; nothing that it signs outlives it.
    pub(crate) not_after: SystemTime,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("subject", &self.facts.subject).finish_non_exhaustive()
    }
}

impl Signer {
    /// Judges the texts.
    pub(crate) fn try_new(
        material: &Material,
        place: &str,
        now: SystemTime,
    ) -> Result<Self, CaError> {
        let wrong =
            |file: &str, why: String| CaError::Unusable { path: format!("{place}: {file}"), why };
        let unreadable =
            |file: &'static str| move |e: weft_identity::IdentityError| wrong(file, e.to_string());
        let roots = x509::split(&material.root).map_err(unreadable(ROOT))?;
        let own = x509::split(&material.cert).map_err(unreadable(CERT))?;
        let chain = x509::split(&material.chain).map_err(unreadable(CHAIN))?;
        let facts = x509::facts(&material.cert).map_err(unreadable(CERT))?;
        if !facts.is_ca {
            return Err(wrong(CERT, "is not a CA certificate (basicConstraints CA:TRUE)".into()));
        }
        valid(&facts, now).map_err(|why| wrong(CERT, why))?;
        let key = read_key(&material.key).map_err(|why| wrong(KEY, why))?;
        if facts.public_key_info != key.subject_public_key_info() {
            return Err(wrong(KEY, format!("is not the key of {CERT}")));
        }
        let issuer = Issuer::from_ca_cert_pem(&material.cert, key)
            .map_err(|e| wrong(CERT, e.to_string()))?;
        let mut above = Vec::new();
        for pem in own.into_iter().take(1).chain(chain) {
            if !roots.contains(&pem) && !above.contains(&pem) {
                above.push(pem);
            }
        }
        let probe = probe(&issuer, now).map_err(|e| wrong(KEY, format!("cannot sign: {e}")))?;
        let shown = format!("{probe}{}", above.concat());
        let anchor = anchor(&shown, &roots, now)
            .map_err(|why| wrong(CHAIN, format!("{CERT} does not lead to {ROOT}: {why}")))?;
        let anchor_facts = x509::facts(&anchor).map_err(unreadable(ROOT))?;
        // Trust anchors are believed whatever they say, so that nobody else would look.
        valid(&anchor_facts, now).map_err(|why| wrong(ROOT, why))?;
        let ends = above.iter().filter_map(|pem| x509::facts(pem).ok()).map(|f| f.not_after);
        let not_after = ends.chain([facts.not_after]).fold(anchor_facts.not_after, SystemTime::min);
        Ok(Self { issuer, above, facts, anchor, anchor_facts, not_after })
    }
}

fn valid(facts: &Facts, now: SystemTime) -> Result<(), String> {
    let days = |d: std::time::Duration| d.as_secs() / 86_400;
    if let Ok(ago) = now.duration_since(facts.not_after) {
        return Err(format!("expired {} days ago; put a valid one in its place", days(ago)));
    }
    match facts.not_before.duration_since(now) {
        Ok(ahead) if !ahead.is_zero() => {
            Err(format!("is not valid before {} seconds from now", ahead.as_secs()))
        }
        _ => Ok(()),
    }
}

/// PKCS#8, PKCS#1 or SEC1, whatever stands before it in the file.
fn read_key(pem: &str) -> Result<KeyPair, String> {
    let der = PrivateKeyDer::from_pem_slice(pem.as_bytes())
        .map_err(|e| format!("no private key that can be read (an encrypted one cannot): {e}"))?;
    KeyPair::try_from(&der).map_err(|e| format!("{e}; use ECDSA P-256 or P-384, or RSA"))
}

fn probe(issuer: &Issuer<'static, KeyPair>, now: SystemTime) -> Result<String, rcgen::Error> {
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
    let leaf = Leaf { names: Vec::new(), not_before: now, not_after: now + leaf::BACKDATE };
    leaf.signed(&key, issuer)
}

/// Which of the roots a chain leads to.
pub(crate) fn anchor(chain: &str, roots: &[String], now: SystemTime) -> Result<String, String> {
    let mut why = "there is no root".to_owned();
    for root in roots {
        match x509::verify(chain, root, now) {
            Ok(()) => return Ok(root.clone()),
            Err(error) => why = error.to_string(),
        }
    }
    Err(why)
}

/// SHA-256 of a certificate in lower-case hex.
pub(crate) fn fingerprint(pem: &str) -> String {
    let der = CertificateDer::from_pem_slice(pem.as_bytes());
    let digest = |der: CertificateDer<'_>| {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &der);
        digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    };
    der.map(digest).unwrap_or_default()
}
