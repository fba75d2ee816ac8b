//! The answer to a request whose tokens do not let it pass.
//! In: why, the request. Out: status, body, details and challenge. Source of the words: Envoy's JWT authentication filter.

use proxy_config::RequestFacts;
use weft_token::Refusal;

/// Bytes of a path that a challenge repeats.
const LONGEST_PATH: usize = 256;

/// Why a need is not fulfilled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// No token is there.
    Missing,
    /// One is there, and is not believed.
    Refused(Refusal),
}

impl Why {
    /// Says more than that no token is there for an issuer.
    pub(super) const fn is_telling(self) -> bool {
        !matches!(self, Self::Missing | Self::Refused(Refusal::Issuer))
    }

    /// In words, for the client.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Missing => "Jwt is missing",
            Self::Refused(refusal) => match refusal {
                Refusal::Malformed => {
                    "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections"
                }
                Refusal::TooLong => "Jwt is too long",
                Refusal::Algorithm => "Jwt header [alg] is not supported",
                Refusal::Extension => "Jwt header [crit] is not supported",
                Refusal::Issuer => "Jwt issuer is not configured",
                Refusal::Audience => "Audiences in Jwt are not allowed",
                Refusal::Expired => "Jwt is expired",
                Refusal::NotYet => "Jwt not yet valid",
                Refusal::NoKey => "Jwks doesn't have key to match kid or alg from Jwt",
                Refusal::Signature => "Jwt verification fails",
                Refusal::NoKeys => "Jwks doesn't have any valid public key",
            },
        }
    }
}

/// A request may not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    /// Why.
    pub why: Why,
    /// Value of `www-authenticate`.
    pub challenge: String,
}

impl Denied {
    /// The answer to this request.
    #[must_use]
    pub fn new(why: Why, request: &dyn RequestFacts) -> Self {
        let path = request.path();
        let end = path.floor_char_boundary(LONGEST_PATH);
        let path = path.get(..end).unwrap_or_default();
        let (scheme, authority) = (request.scheme(), request.authority());
        let realm = format!("Bearer realm=\"{scheme}://{authority}{path}\"");
        let challenge = match why {
            Why::Missing => realm,
            Why::Refused(_) => format!("{realm}, error=\"invalid_token\""),
        };
        Self { why, challenge }
    }

    /// 401, or 403 where the token is genuine and for somebody else.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self.why {
            Why::Refused(Refusal::Audience) => 403,
            _ => 401,
        }
    }

    /// `%RESPONSE_CODE_DETAILS%`.
    #[must_use]
    pub fn details(&self) -> String {
        format!("jwt_authn_access_denied{{{}}}", self.why.words().replace(' ', "_"))
    }
}
