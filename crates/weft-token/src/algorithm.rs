//! Signature algorithms that are accepted.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters,
    VerificationAlgorithm,
};

/// An algorithm with a public key, by the names of RFC 7518 and 8037.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the registry's")]
pub enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    Es512,
    EdDsa,
}

/// What a key must be for an algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Rsa,
    P256,
    P384,
    P521,
    Ed25519,
}

const ALL: [(&str, Algorithm, Family); 10] = [
    ("RS256", Algorithm::Rs256, Family::Rsa),
    ("RS384", Algorithm::Rs384, Family::Rsa),
    ("RS512", Algorithm::Rs512, Family::Rsa),
    ("PS256", Algorithm::Ps256, Family::Rsa),
    ("PS384", Algorithm::Ps384, Family::Rsa),
    ("PS512", Algorithm::Ps512, Family::Rsa),
    ("ES256", Algorithm::Es256, Family::P256),
    ("ES384", Algorithm::Es384, Family::P384),
    ("ES512", Algorithm::Es512, Family::P521),
    ("EdDSA", Algorithm::EdDsa, Family::Ed25519),
];

impl Algorithm {
    /// Reads a name; `none`, and algorithms with a shared secret, are none of ours.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        ALL.iter().find(|(known, ..)| *known == name).map(|(_, algorithm, _)| *algorithm)
    }

    pub(crate) fn family(self) -> Option<Family> {
        ALL.iter().find(|(_, known, _)| *known == self).map(|(.., family)| *family)
    }

    pub(crate) const fn rsa(self) -> Option<&'static RsaParameters> {
        match self {
            Self::Rs256 => Some(&RSA_PKCS1_2048_8192_SHA256),
            Self::Rs384 => Some(&RSA_PKCS1_2048_8192_SHA384),
            Self::Rs512 => Some(&RSA_PKCS1_2048_8192_SHA512),
            Self::Ps256 => Some(&RSA_PSS_2048_8192_SHA256),
            Self::Ps384 => Some(&RSA_PSS_2048_8192_SHA384),
            Self::Ps512 => Some(&RSA_PSS_2048_8192_SHA512),
            _ => None,
        }
    }
}

impl Family {
    /// How signatures of the curve are verified.
    pub(crate) fn curve(self) -> Option<&'static dyn VerificationAlgorithm> {
        match self {
            Self::Rsa => None,
            Self::P256 => Some(&ECDSA_P256_SHA256_FIXED),
            Self::P384 => Some(&ECDSA_P384_SHA384_FIXED),
            Self::P521 => Some(&ECDSA_P521_SHA512_FIXED),
            Self::Ed25519 => Some(&ED25519),
        }
    }
}
