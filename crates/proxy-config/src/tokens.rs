//! Tokens of users: where they stand, which are valid, what becomes of them.
//! In: nothing. Out: types. Source of the semantics: Envoy's JWT authentication filter.

use std::collections::BTreeSet;
use std::sync::Arc;

use weft_token::KeySet;

/// The filter that verifies tokens.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// Issuers.
    pub providers: Vec<Provider>,
    /// What a request needs to pass.
    pub needs: Need,
    /// A cross-origin preflight needs nothing.
    pub passes_preflight: bool,
    /// The route is looked for again once a token was believed, since it may ask for claims.
    pub reroutes: bool,
}

/// One issuer.
#[derive(Debug, Clone)]
pub struct Provider {
    /// `iss` of its tokens; any when empty.
    pub issuer: String,
    /// One of these must be in `aud`; any when there are none.
    pub audiences: Vec<String>,
    /// Its public keys; none where it has no usable ones, so that no token of it is valid.
    pub keys: Option<KeySet>,
    /// Where its tokens stand.
    pub places: Vec<Place>,
    /// The token goes on to the application.
    pub forward: bool,
    /// Field that gives the application the claims, as base64.
    pub payload_field: Option<Arc<str>>,
    /// Fields that give it single claims, by their path.
    pub claim_fields: Vec<(Arc<str>, Vec<Arc<str>>)>,
    /// Claims that are lists separated by spaces.
    pub spaced: BTreeSet<String>,
}

/// Where a token stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In a header field, behind a prefix.
    Header {
        /// Lower-case name.
        name: Arc<str>,
        /// What stands before the token.
        prefix: Arc<str>,
    },
    /// In a parameter of the query.
    Param(Arc<str>),
    /// In a cookie.
    Cookie(Arc<str>),
}

/// What a request needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// A valid token of a provider, by its index.
    Provider(usize),
    /// One of these.
    Any(Vec<Need>),
    /// All of these.
    All(Vec<Need>),
    /// No token at the places beside it.
    Missing,
    /// Nothing.
    Nothing,
}
