//! What a certificate says about its owner.

use rustls_pki_types::CertificateDer;
use weft_types::SpiffeId;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

/// The URI names of a leaf; empty when it does not parse or has none.
#[must_use]
pub fn peer_uris(leaf: &CertificateDer<'_>) -> Vec<String> {
    X509Certificate::from_der(leaf).map(|(_, leaf)| uris(&leaf)).unwrap_or_default()
}

/// The mesh identity at the other end of a verified connection: give it rustls' `peer_certificates()`.
#[must_use]
pub fn peer_spiffe(certificates: Option<&[CertificateDer<'_>]>) -> Option<SpiffeId> {
    let leaf = certificates?.first()?;
    peer_uris(leaf).iter().find_map(|uri| SpiffeId::parse(uri).ok())
}

/// What a credential keeps of its leaf.
pub(crate) struct LeafFacts {
    pub(crate) uris: Vec<String>,
    pub(crate) serial: String,
    pub(crate) not_before: u64,
    pub(crate) not_after: u64,
}

impl LeafFacts {
    pub(crate) fn read(leaf: &CertificateDer<'_>) -> Option<Self> {
        let (_, leaf) = X509Certificate::from_der(leaf).ok()?;
        let seconds = |time: x509_parser::time::ASN1Time| u64::try_from(time.timestamp()).ok();
        Some(Self {
            uris: uris(&leaf),
            serial: leaf.raw_serial().iter().map(|b| format!("{b:02x}")).collect(),
            not_before: seconds(leaf.validity().not_before)?,
            not_after: seconds(leaf.validity().not_after)?,
        })
    }
}

/// Issuer and subject are the same: a root, which peers hold already.
pub(crate) fn self_issued(certificate: &CertificateDer<'static>) -> bool {
    X509Certificate::from_der(certificate)
        .is_ok_and(|(_, certificate)| certificate.subject() == certificate.issuer())
}

fn uris(leaf: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(names)) = leaf.subject_alternative_name() else { return Vec::new() };
    let uri = |name: &GeneralName<'_>| match name {
        GeneralName::URI(uri) => Some((*uri).to_owned()),
        _ => None,
    };
    names.value.general_names.iter().filter_map(uri).collect()
}
