//! Hashes that peers are known by.
//! In: hashes as text. Out: their bytes. Holds: one that cannot be read refuses the resource.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proxy_config::tls::Pin;
use weft_proto::envoy::extensions::transport_sockets::tls::v3::CertificateValidationContext;

use crate::Lowered;
use crate::known::Rejected;
use crate::wrap;

pub(super) fn lower(wire: &CertificateValidationContext) -> Lowered<Vec<Pin>> {
    let certificates = wire.verify_certificate_hash.iter().map(|text| {
        let hash = hex(text).map(Pin::Certificate);
        let why = "must be a SHA-256 of 64 hexadecimal digits, colons between bytes allowed";
        hash.ok_or_else(|| Rejected::new("verify_certificate_hash", why))
    });
    let keys = wire.verify_certificate_spki.iter().map(|text| {
        let hash = STANDARD.decode(text).ok().and_then(|hash| hash.try_into().ok()).map(Pin::Key);
        hash.ok_or_else(|| Rejected::new("verify_certificate_spki", "must be a SHA-256 in base64"))
    });
    wrap::snug(certificates.chain(keys))
}

fn hex(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u32> = text
        .chars()
        .filter(|digit| *digit != ':')
        .map(|digit| digit.to_digit(16))
        .collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| u8::try_from(high * 16 + low).ok());
    let bytes: Vec<u8> = bytes.collect::<Option<_>>()?;
    rest.is_empty().then(|| bytes.try_into().ok())?
}
