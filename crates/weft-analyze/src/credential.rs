//! A certificate and its key in a Secret.
//!
//! In: a Secret. Out: what is wrong with it, when it ends, and whether the key is that of the certificate.
//! Never: cryptography; keys that do not carry their public part are not judged.

mod key;
mod pem;

use x509_parser::prelude::{ASN1Time, FromDer, X509Certificate};

use crate::view::Object;

pub(crate) use key::fits;

/// Certificate and key as PEM.
#[derive(Debug)]
pub(crate) struct Credential {
    pub(crate) certificate: Vec<u8>,
    pub(crate) key: Vec<u8>,
}

/// Keys of a Secret under which a certificate and its key stand.
const NAMES: &[(&str, &str)] = &[("cert", "key"), ("tls.crt", "tls.key")];

/// Reads both; why not, when one is missing.
pub(crate) fn read(secret: &Object<'_>) -> Result<Credential, String> {
    for (certificate, key) in NAMES {
        let found = (pem::entry(secret, certificate), pem::entry(secret, key));
        if let (Some(certificate), Some(key)) = found {
            return Ok(Credential { certificate, key });
        }
    }
    Err("it has not both tls.crt and tls.key".to_owned())
}

/// What is wrong with a Secret as a gateway's credential at a time.
pub(crate) fn check(secret: &Object<'_>, now: i64) -> Result<(), String> {
    let credential = read(secret)?;
    if credential.key.is_empty() {
        return Err("its key is empty".to_owned());
    }
    let blocks = pem::blocks(&credential.certificate);
    let der = blocks.first().ok_or("its certificate is not PEM")?;
    let (_, certificate) = X509Certificate::from_der(der)
        .map_err(|error| format!("its certificate is malformed ({error})"))?;
    let validity = certificate.validity();
    if validity.not_after.timestamp() < now {
        return Err(format!("its certificate expired on {}", date(&validity.not_after)));
    }
    if validity.not_before.timestamp() > now {
        return Err(format!("its certificate is valid only from {}", date(&validity.not_before)));
    }
    Ok(())
}

/// When the first of the certificates of an entry ends: seconds since the epoch, and as text.
pub(crate) fn end(secret: &Object<'_>, entry: &str) -> Option<(i64, String)> {
    let blocks = pem::blocks(&pem::entry(secret, entry)?);
    let certificates = blocks.iter().filter_map(|der| X509Certificate::from_der(der).ok());
    let end = certificates.map(|(_, c)| c.validity().not_after).min_by_key(ASN1Time::timestamp)?;
    Some((end.timestamp(), date(&end)))
}

/// Whether a Secret has some entry of these names.
pub(crate) fn has_any(secret: &Object<'_>, names: &[&str]) -> bool {
    names.iter().any(|name| pem::entry(secret, name).is_some_and(|value| !value.is_empty()))
}

fn date(time: &ASN1Time) -> String {
    time.to_datetime().date().to_string()
}
