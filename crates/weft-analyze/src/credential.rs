//! A certificate and its key in a Secret.
//!
//! In: a Secret. Out: what is wrong with it, when it ends, for whom it is, and whether the key is that of the certificate.
//! Never: cryptography; keys that do not carry their public part are not judged.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use weft_certificate::Certificate;

use crate::view::{Json, Object};

/// Certificate and key as PEM.
#[derive(Debug)]
pub(crate) struct Credential {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

/// Keys of a Secret under which a certificate and its key stand.
const NAMES: &[(&str, &str)] = &[("cert", "key"), ("tls.crt", "tls.key")];

/// Reads both; why not, when one is missing.
pub(crate) fn read(secret: &Object<'_>) -> Result<Credential, String> {
    for (certificate, key) in NAMES {
        let found = (entry(secret, certificate), entry(secret, key));
        if let (Some(certificate), Some(key)) = found {
            return Ok(Credential { certificate, key });
        }
    }
    Err("it has not both tls.crt and tls.key".to_owned())
}

impl Credential {
    /// Whether they belong together; none when it cannot be told.
    fn fits(&self) -> Option<bool> {
        weft_certificate::fits(&self.certificate, &self.key)
    }

    /// The certificate that is shown.
    pub(crate) fn leaf(&self) -> Option<Certificate> {
        Certificate::all(&self.certificate).ok()?.into_iter().next()
    }
}

/// What is wrong with a Secret as a gateway's credential at a time.
pub(crate) fn check(secret: &Object<'_>, now: i64) -> Result<(), String> {
    let credential = read(secret)?;
    if credential.key.is_empty() {
        return Err("its key is empty".to_owned());
    }
    let all = Certificate::all(&credential.certificate);
    let all = all.map_err(|fault| format!("its certificate cannot be read: {fault}"))?;
    let leaf = all.first().ok_or("its certificate is not PEM")?;
    if leaf.not_after < now {
        return Err(format!("its certificate expired on {}", date(leaf.not_after)));
    }
    if leaf.not_before > now {
        return Err(format!("its certificate is valid only from {}", date(leaf.not_before)));
    }
    Ok(())
}

/// Whether the key of a Secret is known not to be that of its certificate, which Istio does not tell of a gateway.
pub(crate) fn is_mixed(secret: &Object<'_>) -> bool {
    read(secret).is_ok_and(|credential| credential.fits() == Some(false))
}

/// When the first of the certificates of an entry ends: seconds since the epoch, and as text.
pub(crate) fn end(secret: &Object<'_>, name: &str) -> Option<(i64, String)> {
    let all = Certificate::all(&entry(secret, name)?).ok()?;
    let end = all.iter().map(|one| one.not_after).min()?;
    Some((end, date(end)))
}

/// Whether a Secret has some entry of these names.
pub(crate) fn has_any(secret: &Object<'_>, names: &[&str]) -> bool {
    names.iter().any(|name| entry(secret, name).is_some_and(|value| !value.is_empty()))
}

/// An entry of a Secret, `data` or `stringData`.
fn entry(secret: &Object<'_>, name: &str) -> Option<Vec<u8>> {
    let get = |map: &str| secret.raw.at(map).as_object()?.get(name).and_then(Value::as_str);
    if let Some(plain) = get("stringData") {
        return Some(plain.as_bytes().to_vec());
    }
    let packed: String = get("data")?.split_whitespace().collect();
    STANDARD.decode(packed).ok()
}

/// The day of a time.
fn date(seconds: i64) -> String {
    weft_certificate::date(seconds)
}
