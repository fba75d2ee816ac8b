//! One token: read, verified, judged.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::{Algorithm, Claims, KeySet, Refusal};

/// Bytes of a token that are read; header fields have less room.
const LONGEST: usize = 64 << 10;
/// How far clocks may differ, in seconds, as Envoy has it.
const SKEW: f64 = 60.0;

/// A token that was read and not verified: believe nothing of it but which keys to ask.
#[derive(Debug, Clone)]
pub struct Token<'a> {
    algorithm: Algorithm,
    id: Option<String>,
    claims: Claims,
    signed: &'a str,
    signature: Vec<u8>,
}

/// What is accepted of one issuer.
#[derive(Debug, Clone, Copy)]
pub struct Accepted<'a> {
    /// `iss`, as it must be; any when empty.
    pub issuer: &'a str,
    /// One of these must be in `aud`; any when there are none.
    pub audiences: &'a [String],
}

impl<'a> Token<'a> {
    /// Reads a token.
    ///
    /// # Errors
    /// [`Refusal::TooLong`], [`Refusal::Malformed`], [`Refusal::Algorithm`], [`Refusal::Extension`].
    pub fn read(text: &'a str) -> Result<Self, Refusal> {
        if text.len() > LONGEST {
            return Err(Refusal::TooLong);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(Refusal::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(Refusal::Malformed)?;
        let header = object(header)?;
        let word = |name: &str| header.get(name).and_then(Value::as_str);
        let algorithm = word("alg").ok_or(Refusal::Malformed)?;
        let algorithm = Algorithm::of(algorithm).ok_or(Refusal::Algorithm)?;
        if header.contains_key("crit") {
            return Err(Refusal::Extension);
        }
        let signature = bytes(signature)?;
        let id = word("kid").map(str::to_owned);
        Ok(Self { algorithm, id, claims: Claims::new(object(payload)?), signed, signature })
    }

    /// Who says to have issued it.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.claims.text("iss")
    }

    /// Whether a set has a key that it may be signed with.
    #[must_use]
    pub fn fits(&self, keys: &KeySet) -> bool {
        keys.has(self.id.as_deref(), self.algorithm)
    }

    /// Judges it, at a time in seconds since 1970.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn verify(
        self,
        keys: &KeySet,
        accepted: Accepted<'_>,
        now: u64,
    ) -> Result<Claims, Refusal> {
        if !accepted.issuer.is_empty() && self.issuer() != Some(accepted.issuer) {
            return Err(Refusal::Issuer);
        }
        self.is_of_time(now)?;
        let known = |audience: &str| accepted.audiences.iter().any(|one| same(one, audience));
        if !accepted.audiences.is_empty() && !self.claims.audiences().any(known) {
            return Err(Refusal::Audience);
        }
        let signed = (self.signed.as_bytes(), self.signature.as_slice());
        match keys.verifies(self.id.as_deref(), self.algorithm, signed) {
            None => Err(Refusal::NoKey),
            Some(false) => Err(Refusal::Signature),
            Some(true) => Ok(self.claims),
        }
    }

    /// A time that cannot be read is one that is not kept.
    #[expect(clippy::cast_precision_loss, reason = "seconds of this age have no such digits")]
    fn is_of_time(&self, now: u64) -> Result<(), Refusal> {
        let now = now as f64;
        let within = |name: &str, keeps: &dyn Fn(f64) -> bool| {
            !self.claims.has(name) || self.claims.seconds(name).is_some_and(keeps)
        };
        if !within("exp", &|end| now < end + SKEW) {
            return Err(Refusal::Expired);
        }
        if !within("nbf", &|begin| now + SKEW >= begin) {
            return Err(Refusal::NotYet);
        }
        Ok(())
    }
}

/// A slash at the end, and the scheme of a URL, do not tell audiences apart, as in Envoy.
fn same(one: &str, other: &str) -> bool {
    let bare = |text: &str| {
        let text = text.strip_suffix('/').unwrap_or(text);
        let text =
            text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or(text);
        text.to_owned()
    };
    bare(one) == bare(other)
}

fn bytes(part: &str) -> Result<Vec<u8>, Refusal> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_why| Refusal::Malformed)
}

fn object(part: &str) -> Result<Map<String, Value>, Refusal> {
    let value = serde_json::from_slice(&bytes(part)?).map_err(|_why| Refusal::Malformed)?;
    match value {
        Value::Object(fields) => Ok(fields),
        _ => Err(Refusal::Malformed),
    }
}

#[cfg(test)]
mod tests;
