//! A list of certificates that an authority took back.

use x509_parser::prelude::FromDer as _;
use x509_parser::revocation_list::CertificateRevocationList;

use crate::{Certificate, Malformed, pem};

/// One list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoked {
    /// Whose certificates it is about.
    pub issuer: String,
    /// Seconds since 1970 at which it was made.
    pub made: i64,
    /// Seconds since 1970 by which there is a newer one.
    pub next: Option<i64>,
    /// Numbers of the certificates that are no longer good.
    pub serials: Vec<String>,
    issuer_der: Vec<u8>,
}

impl Revoked {
    /// Every list of a PEM text.
    ///
    /// # Errors
    /// When a block, or a list in one, cannot be read, or there is none.
    pub fn all(text: &[u8]) -> Result<Vec<Self>, Malformed> {
        let mut found = Vec::new();
        for (at, block) in pem::blocks(text).into_iter().enumerate() {
            let block = block?;
            if block.label == "X509 CRL" {
                let why = |why: String| Malformed { block: at + 1, why };
                found.push(Self::of(&block.der).map_err(why)?);
            }
        }
        if found.is_empty() {
            let why = "it holds no revocation list".to_owned();
            return Err(Malformed { block: 0, why });
        }
        Ok(found)
    }

    fn of(der: &[u8]) -> Result<Self, String> {
        let (_, read) =
            CertificateRevocationList::from_der(der).map_err(|error| error.to_string())?;
        let serials = read.iter_revoked_certificates().map(|one| one.raw_serial_as_string());
        Ok(Self {
            issuer: read.issuer().to_string(),
            made: read.last_update().timestamp(),
            next: read.next_update().map(|time| time.timestamp()),
            serials: serials.collect(),
            issuer_der: read.issuer().as_raw().to_vec(),
        })
    }

    /// Whether a certificate is on the list.
    #[must_use]
    pub fn names(&self, certificate: &Certificate) -> bool {
        self.issuer_der == certificate.issuer_der && self.serials.contains(&certificate.serial)
    }
}
