//! Somebody who issues tokens to users.
//! In: a seed. Out: a key set, and tokens that it verifies. Holds: the same seed makes the same keys and tokens.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// An issuer with one key.
#[derive(Debug)]
pub struct Issuer {
    pair: Ed25519KeyPair,
    id: String,
}

impl Issuer {
    /// One whose key follows from the seed.
    #[must_use]
    pub fn new(seed: u8) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        Self { pair, id: format!("key-{seed}") }
    }

    /// Its public keys.
    #[must_use]
    pub fn keys(&self) -> String {
        let point = URL_SAFE_NO_PAD.encode(self.pair.public_key().as_ref());
        let key = json!({ "kty": "OKP", "crv": "Ed25519", "kid": self.id, "x": point });
        json!({ "keys": [key] }).to_string()
    }

    /// A token that it signs.
    #[must_use]
    pub fn token(&self, claims: &Value) -> String {
        let header = json!({ "alg": "EdDSA", "kid": self.id });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(claims));
        let signature = URL_SAFE_NO_PAD.encode(self.pair.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }
}
