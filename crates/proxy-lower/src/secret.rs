//! Secrets.
//! In: Envoy's Secret. Out: PEM by kind. Holds: nothing of a key is said when one is refused.

use proxy_config::Secret;
use weft_proto::envoy::config::core::v3::{DataSource, data_source::Specifier};
use weft_proto::envoy::extensions::transport_sockets::tls::v3 as wire;

use crate::Lowered;
use crate::known::Rejected;

pub(crate) fn lower(secret: wire::Secret) -> Lowered<Secret> {
    use wire::secret::Type;
    match secret.r#type {
        Some(Type::TlsCertificate(found)) => {
            let at = |e: Rejected| e.within("tls_certificate");
            unknown(&wire::TlsCertificate {
                certificate_chain: None,
                private_key: None,
                ocsp_staple: None,
                ..found.clone()
            })
            .map_err(at)?;
            Ok(Secret::Certificate {
                chain: inline(found.certificate_chain, "certificate_chain").map_err(at)?,
                key: inline(found.private_key, "private_key").map_err(at)?,
            })
        }
        Some(Type::ValidationContext(found)) => {
            let at = |e: Rejected| e.within("validation_context");
            let rest =
                wire::CertificateValidationContext { trusted_ca: None, crl: None, ..found.clone() };
            unknown(&rest).map_err(at)?;
            let revoked = found.crl.map(|crl| inline(Some(crl), "crl")).transpose().map_err(at)?;
            Ok(Secret::Authorities {
                roots: inline(found.trusted_ca, "trusted_ca").map_err(at)?,
                revoked: revoked.unwrap_or_default(),
                system: false,
            })
        }
        _ => Err(Rejected::new("type", "is neither a certificate nor a validation context")),
    }
}

/// Why without the words of [`crate::known`]: they would quote what is there.
fn unknown<M: Default + PartialEq>(rest: &M) -> Lowered<()> {
    if *rest == M::default() {
        return Ok(());
    }
    Err(Rejected::new("", "sets a field that weft-proxy does not honour"))
}

fn inline(source: Option<DataSource>, field: &str) -> Lowered<Vec<u8>> {
    match source.and_then(|source| source.specifier) {
        Some(Specifier::InlineBytes(bytes)) => Ok(bytes),
        Some(Specifier::InlineString(text)) => Ok(text.into_bytes()),
        _ => Err(Rejected::new(field, "must be inline")),
    }
}
