//! `RequestAuthentication` of `security.istio.io`: which tokens of users are valid.

use crate::Span;
use crate::describe::Form as Written;
use crate::read::{record, words};
use crate::reference::{TargetRef, WorkloadSelector};

words! {
    /// Whether a request needs a token.
    Presence {
        /// A request without a token passes.
        Optional = "OPTIONAL",
        /// A request without a token is refused.
        Required = "REQUIRED",
    }
}

record! {
    /// Which JSON web tokens are valid. A request with a token that is not valid is refused with 401; one without a token passes,
    /// unless an AuthorizationPolicy asks for one.
    RequestAuthentication {
        /// Workloads that it holds for; without it, the whole namespace, or the mesh when in the root namespace.
        "selector" selector: Option<WorkloadSelector>,
        /// The gateway, waypoint or service that it is bound to; prefer targetRefs.
        "targetRef" target_ref: Option<TargetRef>,
        /// Gateways, waypoints or services that it is bound to, instead of a selector.
        "targetRefs" target_refs: Vec<TargetRef> = [MaxItems(16)],
        /// Issuers and their keys. A token must be valid for the rule of its issuer.
        "jwtRules" jwt_rules: Vec<JwtRule> = [MaxItems(4096)],
    } where [Holds(
        "(has(self.selector) ? 1 : 0) + (has(self.targetRef) ? 1 : 0) + (has(self.targetRefs) ? 1 : 0) <= 1",
        "keep one of selector, targetRef and targetRefs",
    )]
}

record! {
    /// One issuer: its keys, and where its tokens stand in a request.
    JwtRule {
        /// The `iss` claim of its tokens.
        "issuer" issuer: String = [MinLength(1)],
        /// The `aud` claim must have one of these; any when absent.
        "audiences" audiences: Vec<String> = [ItemMinLength(1)],
        /// Where its public keys are; found through the issuer when absent.
        "jwksUri" jwks_uri: Option<String> = [
            MinLength(1),
            MaxLength(2048),
            Cel("url(self).getScheme() in ['http', 'https']", "use a URL with http or https"),
        ],
        /// The same as jwksUri.
        "jwks_uri" jwks_uri_old: Option<String> = [
            MinLength(1),
            MaxLength(2048),
            Cel("url(self).getScheme() in ['http', 'https']", "use a URL with http or https"),
        ],
        /// Its public keys, as a JSON web key set.
        "jwks" jwks: Option<String>,
        /// Header fields with tokens; `Authorization: Bearer` when nothing is said.
        "fromHeaders" from_headers: Vec<JwtHeader>,
        /// Parameters of the query with tokens; `access_token` when nothing is said.
        "fromParams" from_params: Vec<String> = [ItemMinLength(1)],
        /// Cookies with tokens.
        "fromCookies" from_cookies: Vec<String> = [ItemMinLength(1)],
        /// Header field that the claims are given to the application in, as base64.
        "outputPayloadToHeader" output_payload_to_header: String,
        /// Header fields that single claims are given to the application in.
        "outputClaimToHeaders" output_claim_to_headers: Vec<ClaimToHeader>,
        /// Gives the token itself to the application.
        "forwardOriginalToken" forward_original_token: bool,
        /// Longest time to fetch keys; 5s when absent.
        "timeout" timeout: Option<Span>,
        /// Claims whose text is a list separated by spaces, besides `scope`.
        "spaceDelimitedClaims" space_delimited_claims: Vec<String> = [MaxItems(64), ItemMinLength(1)],
        /// Whether a request needs a token: OPTIONAL (the default) or REQUIRED.
        "presence" presence: Presence,
    } where [Holds(
        "(has(self.jwksUri) ? 1 : 0) + (has(self.jwks_uri) ? 1 : 0) + (has(self.jwks) ? 1 : 0) <= 1",
        "keep one of jwksUri and jwks",
    )]
}

record! {
    /// A header field with tokens.
    JwtHeader {
        /// Name of the field.
        "name" name: String = [Required, MinLength(1)],
        /// Text before the token, such as `Bearer ` with the space.
        "prefix" prefix: String,
    }
}

record! {
    /// Gives a claim to the application.
    ClaimToHeader {
        /// Name of the header field.
        "header" header: String = [Required, MinLength(1), Form(Written::HeaderName)],
        /// Name of the claim; points lead into nested claims.
        "claim" claim: String = [Required, MinLength(1)],
    }
}
