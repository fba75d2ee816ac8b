//! What a certificate says about its owner.

use std::net::IpAddr;

use rustls_pki_types::CertificateDer;
use weft_types::SpiffeId;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

/// The names that a certificate gives to its owner, by kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PeerNames {
    /// URIs; an only one is the identity in the mesh.
    pub uris: Vec<String>,
    /// Host names.
    pub hosts: Vec<String>,
    /// Mail addresses.
    pub mails: Vec<String>,
    /// IP addresses.
    pub addresses: Vec<IpAddr>,
}

impl PeerNames {
    /// The names in a leaf; none when it does not parse.
    #[must_use]
    pub fn of(leaf: &CertificateDer<'_>) -> Self {
        X509Certificate::from_der(leaf).map(|(_, leaf)| names(&leaf)).unwrap_or_default()
    }

    /// The identity in the mesh: a certificate with two of them is nobody's (SPIFFE X.509-SVID, section 2).
    pub(crate) fn identity(&self) -> Option<&String> {
        self.uris.first().filter(|_| self.uris.len() == 1)
    }

    /// Every name as text.
    pub(crate) fn all(&self) -> impl Iterator<Item = String> {
        let texts = [&self.uris, &self.hosts, &self.mails].into_iter().flatten().cloned();
        texts.chain(self.addresses.iter().map(IpAddr::to_string))
    }
}

/// The URI names of a leaf; empty when it does not parse or has none.
#[must_use]
pub fn peer_uris(leaf: &CertificateDer<'_>) -> Vec<String> {
    PeerNames::of(leaf).uris
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
            uris: names(&leaf).uris,
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

fn names(leaf: &X509Certificate<'_>) -> PeerNames {
    let mut found = PeerNames::default();
    let Ok(Some(names)) = leaf.subject_alternative_name() else { return found };
    for name in &names.value.general_names {
        match name {
            GeneralName::URI(uri) => found.uris.push((*uri).to_owned()),
            GeneralName::DNSName(host) => found.hosts.push((*host).to_owned()),
            GeneralName::RFC822Name(mail) => found.mails.push((*mail).to_owned()),
            GeneralName::IPAddress(bytes) => found.addresses.extend(address(bytes)),
            _ => {}
        }
    }
    found
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}
