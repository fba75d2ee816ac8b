//! Sets of public keys (RFC 7517).
//!
//! Holds: what is no usable public key for signatures is left out and counted; a set without any is no set. Private and shared keys are
//! never used. A key that is used is one that Envoy takes too, which refuses a whole listener for a set without any: points are on
//! their curves, exponents of RSA are 3 or 65537.

use aws_lc_rs::signature::{ParsedPublicKey, RsaPublicKeyComponents, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::Algorithm;
use crate::algorithm::Family;

/// Bytes of a set that are read.
const LARGEST: usize = 1 << 20;
/// Keys of a set that are kept.
const MOST: usize = 1000;

/// Bits of a modulus that signatures are verified with.
const BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Why a text is no set of keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadKeySet {
    /// Larger than is read.
    #[error("the key set has {0} bytes; at most {LARGEST} are read")]
    TooLarge(usize),
    /// Not the JSON of a set.
    #[error("the key set is not JSON with a list `keys`")]
    Malformed,
    /// Nothing in it can verify a signature.
    #[error("none of the {0} keys of the set is a public key for signatures that is known here")]
    Useless(usize),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    Point(Vec<u8>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    id: Option<String>,
    /// When it is meant for one alone.
    algorithm: Option<Algorithm>,
    family: Family,
    material: Material,
}

/// The public keys of an issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySet {
    keys: Vec<Key>,
    left_out: usize,
}

impl KeySet {
    /// Reads a set.
    ///
    /// # Errors
    /// [`BadKeySet`].
    pub fn read(text: &str) -> Result<Self, BadKeySet> {
        let (all, _) = entries(text)?;
        let keys: Vec<Key> = all.iter().filter_map(Key::read).take(MOST).collect();
        if keys.is_empty() {
            return Err(BadKeySet::Useless(all.len()));
        }
        Ok(Self { left_out: all.len() - keys.len(), keys })
    }

    /// The keys of a set that can be used, alone, as the text of a set: who reads it may refuse it for what it does not know in it.
    ///
    /// # Errors
    /// [`BadKeySet`].
    pub fn usable(text: &str) -> Result<String, BadKeySet> {
        let (mut all, is_set) = entries(text)?;
        let before = all.len();
        all.retain(|key| Key::read(key).is_some());
        all.truncate(MOST);
        if all.is_empty() {
            return Err(BadKeySet::Useless(before));
        }
        // A set of nothing else stays as its issuer wrote it.
        let whole = is_set && all.len() == before;
        Ok(if whole { text.to_owned() } else { json!({ "keys": all }).to_string() })
    }

    /// How many entries are no keys that can be used here.
    #[must_use]
    pub const fn left_out(&self) -> usize {
        self.left_out
    }

    /// Whether some key may verify a token with this `kid` and algorithm.
    #[must_use]
    pub fn has(&self, id: Option<&str>, algorithm: Algorithm) -> bool {
        self.fitting(id, algorithm).next().is_some()
    }

    /// `None` where no key fits; else whether one of those has signed it.
    pub(crate) fn verifies(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
        (signed, signature): (&[u8], &[u8]),
    ) -> Option<bool> {
        let mut fitting = self.fitting(id, algorithm).peekable();
        fitting.peek()?;
        Some(fitting.any(|key| key.has_signed(algorithm, signed, signature)))
    }

    /// A token that names a key is for keys of that name, and for those without any.
    fn fitting<'a>(
        &'a self,
        id: Option<&'a str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &'a Key> {
        self.keys.iter().filter(move |key| {
            let named = id.is_none() || key.id.is_none() || key.id.as_deref() == id;
            let meant = key.algorithm.is_none_or(|own| own == algorithm);
            named && meant && Some(key.family) == algorithm.family()
        })
    }
}

/// What may be keys, and whether it stands in a set.
fn entries(text: &str) -> Result<(Vec<Value>, bool), BadKeySet> {
    if text.len() > LARGEST {
        return Err(BadKeySet::TooLarge(text.len()));
    }
    let mut set: Value = serde_json::from_str(text).map_err(|_why| BadKeySet::Malformed)?;
    match set.get_mut("keys").map(Value::take) {
        Some(Value::Array(all)) => Ok((all, true)),
        // One key without a set around it, which Istio's users may write.
        _ if set["kty"].is_string() => Ok((vec![set], false)),
        _ => Err(BadKeySet::Malformed),
    }
}

impl Key {
    fn read(value: &Value) -> Option<Self> {
        let text = |name: &str| value[name].as_str();
        let verifies = |operations: &Vec<Value>| operations.iter().any(|one| one == "verify");
        let signs = text("use").is_none_or(|used| used == "sig")
            && value["key_ops"].as_array().is_none_or(verifies);
        let bytes = |name: &str| decoded(text(name)?);
        let (family, material) = match (text("kty")?, text("crv")) {
            ("RSA", _) => (Family::Rsa, rsa(&bytes("n")?, &bytes("e")?)?),
            ("EC", Some(curve)) => {
                let (family, length) = match curve {
                    "P-256" => (Family::P256, 32),
                    "P-384" => (Family::P384, 48),
                    "P-521" => (Family::P521, 66),
                    _ => return None,
                };
                let mut point = vec![4];
                point.extend(padded(bytes("x")?, length)?);
                point.extend(padded(bytes("y")?, length)?);
                // Reading it holds it against the equation of its curve.
                ParsedPublicKey::new(family.curve()?, &point).ok()?;
                (family, Material::Point(point))
            }
            ("OKP", Some("Ed25519")) => {
                let point = bytes("x").filter(|point| point.len() == 32)?;
                (Family::Ed25519, Material::Point(point))
            }
            _ => return None,
        };
        // An algorithm that is not ours, or not for such a key, makes the key useless.
        let algorithm = match text("alg") {
            None => None,
            Some(name) => Some(Algorithm::of(name).filter(|own| own.family() == Some(family))?),
        };
        signs.then(|| Self { id: text("kid").map(str::to_owned), algorithm, family, material })
    }

    fn has_signed(&self, algorithm: Algorithm, signed: &[u8], signature: &[u8]) -> bool {
        let verified = match &self.material {
            Material::Rsa { n, e } => algorithm
                .rsa()
                .map(|form| RsaPublicKeyComponents { n, e }.verify(form, signed, signature)),
            Material::Point(point) => self
                .family
                .curve()
                .map(|curve| UnparsedPublicKey::new(curve, point).verify(signed, signature)),
        };
        verified.is_some_and(|verified| verified.is_ok())
    }
}

/// A public key of RSA; some writers put zeros before its numbers.
fn rsa(n: &[u8], e: &[u8]) -> Option<Material> {
    let [n, e] = [n, e].map(|bytes| {
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        bytes.get(zeros..).unwrap_or_default().to_vec()
    });
    let bits = (n.len() * 8).checked_sub(n.first()?.leading_zeros() as usize)?;
    let odd = n.last()? % 2 == 1;
    let usual = matches!(e.as_slice(), [3] | [1, 0, 1]);
    (BITS.contains(&bits) && odd && usual).then_some(Material::Rsa { n, e })
}

/// Of a fixed length, as RFC 7518 writes coordinates; some writers drop zeros before them.
fn padded(mut bytes: Vec<u8>, length: usize) -> Option<Vec<u8>> {
    let missing = length.checked_sub(bytes.len())?;
    bytes.splice(0..0, std::iter::repeat_n(0, missing));
    Some(bytes)
}

/// base64url, with or without padding.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let engine = if text.ends_with('=') { &URL_SAFE } else { &URL_SAFE_NO_PAD };
    engine.decode(text).ok()
}
