//! Why a token is refused.

/// A reason, in words for the client: nothing of it tells what another token would need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not three parts of base64url, or not JSON in them.
    #[error("the token is not a signed JSON web token")]
    Malformed,
    /// Longer than anybody reads.
    #[error("the token is too long")]
    TooLong,
    /// `none`, a shared secret, or unknown.
    #[error("the token's algorithm is not accepted")]
    Algorithm,
    /// `crit` names extensions, and we know none.
    #[error("the token asks for an extension")]
    Extension,
    /// No rule is for its issuer.
    #[error("the token's issuer is not configured")]
    Issuer,
    /// None of its audiences is accepted.
    #[error("the token is for another audience")]
    Audience,
    /// `exp` is over.
    #[error("the token is expired")]
    Expired,
    /// `nbf` is not reached.
    #[error("the token is not valid yet")]
    NotYet,
    /// No key of the set fits its `kid` and algorithm.
    #[error("no key is known that the token could be signed with")]
    NoKey,
    /// A key fits, and it did not sign this.
    #[error("the token's signature is wrong")]
    Signature,
    /// The keys of the issuer are not known now.
    #[error("the keys of the token's issuer are not known")]
    NoKeys,
}
