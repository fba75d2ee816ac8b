//! One certificate.

use x509_parser::oid_registry::Oid;
use x509_parser::prelude::{FromDer as _, GeneralName, ParsedExtension, X509Certificate};
use x509_parser::public_key::PublicKey;

use crate::name::{self, Name};
use crate::pem::{self, Malformed};

/// What a certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Whose it is, as `CN=…, O=…`.
    pub subject: String,
    /// Who signed it, in the same form.
    pub issuer: String,
    /// Number that its issuer gave it, in hexadecimal pairs.
    pub serial: String,
    /// The names that it is good for (subject alternative names).
    pub names: Vec<Name>,
    /// Seconds since 1970 from which on it holds.
    pub not_before: i64,
    /// Seconds since 1970 until which it holds.
    pub not_after: i64,
    /// Type and size of its key, such as `RSA 2048` or `EC P-256`.
    pub key: String,
    /// It may sign others.
    pub authority: bool,
    pub(crate) subject_der: Vec<u8>,
    pub(crate) issuer_der: Vec<u8>,
    pub(crate) own_id: Option<Vec<u8>>,
    pub(crate) issuer_id: Option<Vec<u8>>,
}

impl Certificate {
    /// Every certificate of a PEM text, in its order; other blocks, such as a key, are passed over.
    ///
    /// # Errors
    /// When a block, or a certificate in one, cannot be read, or there is no certificate.
    pub fn all(text: &[u8]) -> Result<Vec<Self>, Malformed> {
        let mut found = Vec::new();
        for (at, block) in pem::blocks(text).into_iter().enumerate() {
            let block = block?;
            if matches!(block.label.as_str(), "CERTIFICATE" | "X509 CERTIFICATE") {
                let why = |error: String| Malformed { block: at + 1, why: error };
                found.push(Self::of(&block.der).map_err(why)?);
            }
        }
        if found.is_empty() {
            return Err(Malformed { block: 0, why: "it holds no certificate".to_owned() });
        }
        Ok(found)
    }

    fn of(der: &[u8]) -> Result<Self, String> {
        let (_, read) = X509Certificate::from_der(der).map_err(|error| error.to_string())?;
        let validity = read.validity();
        let (mut own_id, mut issuer_id) = (None, None);
        for extension in read.extensions() {
            match extension.parsed_extension() {
                ParsedExtension::SubjectKeyIdentifier(id) => own_id = Some(id.0.to_vec()),
                ParsedExtension::AuthorityKeyIdentifier(id) => {
                    issuer_id = id.key_identifier.as_ref().map(|id| id.0.to_vec());
                }
                _ => {}
            }
        }
        Ok(Self {
            subject: read.subject().to_string(),
            issuer: read.issuer().to_string(),
            serial: read.raw_serial_as_string(),
            names: names(&read),
            not_before: validity.not_before.timestamp(),
            not_after: validity.not_after.timestamp(),
            key: key(&read),
            authority: read.is_ca(),
            subject_der: read.subject().as_raw().to_vec(),
            issuer_der: read.issuer().as_raw().to_vec(),
            own_id,
            issuer_id,
        })
    }

    /// Whether it signed itself, as roots do.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.is_of(self)
    }

    /// Whether another one is that of its issuer, as names and identifiers tell.
    #[must_use]
    pub fn is_of(&self, issuer: &Self) -> bool {
        let same_key = match (&self.issuer_id, &issuer.own_id) {
            (Some(wanted), Some(own)) => wanted == own,
            _ => true,
        };
        self.issuer_der == issuer.subject_der && same_key
    }
}

fn names(read: &X509Certificate<'_>) -> Vec<Name> {
    let found = read.subject_alternative_name().ok().flatten();
    let all = found.map(|extension| extension.value.general_names.as_slice()).unwrap_or_default();
    let known = all.iter().filter_map(|name| match name {
        GeneralName::DNSName(host) => Some(Name::Host((*host).to_owned())),
        GeneralName::IPAddress(bytes) => name::address(bytes).map(Name::Address),
        GeneralName::URI(uri) => Some(Name::Uri((*uri).to_owned())),
        GeneralName::RFC822Name(mail) => Some(Name::Mail((*mail).to_owned())),
        _ => None,
    });
    known.collect()
}

/// Curves by their object identifiers.
const CURVES: &[(&str, &str)] =
    &[("1.2.840.10045.3.1.7", "P-256"), ("1.3.132.0.34", "P-384"), ("1.3.132.0.35", "P-521")];
const ED25519: &str = "1.3.101.112";

fn key(read: &X509Certificate<'_>) -> String {
    let info = read.public_key();
    let algorithm = info.algorithm.algorithm.to_id_string();
    match info.parsed() {
        Ok(PublicKey::RSA(key)) => format!("RSA {}", key.key_size()),
        Ok(PublicKey::EC(point)) => {
            let oid: Option<Oid<'_>> = info
                .algorithm
                .parameters
                .as_ref()
                .and_then(|parameters| parameters.clone().oid().ok());
            let oid = oid.map(|oid| oid.to_id_string()).unwrap_or_default();
            match CURVES.iter().find(|(known, _)| *known == oid) {
                Some((_, curve)) => format!("EC {curve}"),
                None => format!("EC {}", point.key_size()),
            }
        }
        _ if algorithm == ED25519 => "Ed25519".to_owned(),
        _ => algorithm,
    }
}
