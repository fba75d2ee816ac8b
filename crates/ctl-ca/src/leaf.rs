//! One certificate of a workload or of the control plane.

use std::time::{Duration, SystemTime};

use rcgen::{
    CertificateParams, DistinguishedName, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData, SanType, SerialNumber,
};

/// Clocks of two machines may differ by this much.
pub(crate) const BACKDATE: Duration = Duration::from_secs(60);

/// What it says.
pub(crate) struct Leaf {
    pub(crate) names: Vec<SanType>,
    pub(crate) not_before: SystemTime,
    pub(crate) not_after: SystemTime,
}

impl Leaf {
    /// PEM of the signed certificate.
    pub(crate) fn signed(
        self,
        key: &impl PublicKeyData,
        issuer: &Issuer<'static, KeyPair>,
    ) -> Result<String, rcgen::Error> {
        let mut leaf = CertificateParams::default();
        leaf.distinguished_name = DistinguishedName::new();
        leaf.subject_alt_names = self.names;
        leaf.not_before = self.not_before.into();
        leaf.not_after = self.not_after.into();
        leaf.is_ca = IsCa::ExplicitNoCa;
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        leaf.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        leaf.use_authority_key_identifier_extension = true;
        leaf.serial_number = Some(serial()?);
        Ok(leaf.signed_by(key, issuer)?.pem())
    }
}

fn serial() -> Result<SerialNumber, rcgen::Error> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_no_randomness| rcgen::Error::RingUnspecified)?;
    // Positive, as X.509 wants it, and never with a leading zero byte.
    bytes[0] = (bytes[0] & 0x7f) | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}
