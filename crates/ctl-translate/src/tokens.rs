//! Tokens of users: which are valid at a workload.
//!
//! In: the RequestAuthentications that select it. Out: the filter that verifies tokens, before all that ask for claims.
//! Holds: without usable keys an issuer's tokens are all refused; an invalid token is refused at every place of its issuer, unless another
//! issuer's is valid; one that is missing passes, unless a rule requires it. Source of the semantics: Istio's RequestAuthentication.

use std::collections::BTreeMap;

use ctl_snapshot::MeshSnapshot;
use weft_model::api::request_authentication::{JwtRule, Presence};
use weft_proto::envoy::config::core::v3::{DataSource, data_source};
use weft_proto::envoy::config::route::v3::{RouteMatch, route_match};
use weft_proto::envoy::extensions::filters::http::jwt_authn::v3 as wire;
use weft_proto::envoy::extensions::filters::network::http_connection_manager::v3::HttpFilter;
use weft_token::KeySet;
use wire::jwt_requirement::RequiresType;

use crate::http::http_filter;
use crate::{names, rbac};

/// Name of the filter, under which its claims are found.
pub(crate) const FILTER: &str = "envoy.filters.http.jwt_authn";
/// Under which name within its metadata.
pub(crate) const PAYLOAD: &str = "payload";
/// Claims that are lists separated by spaces, whoever issues them.
const SPACED: [&str; 2] = ["scope", "permission"];
/// A set without any key that somebody could sign with. An empty one would do, if Envoy took it: it refuses the listener, and serves the
/// last good one, without the rule. So it has one point of the curve P-256 that nobody chose: its first coordinate is the SHA-256 of
/// `weft: nobody has the key of this point 2`, the first such text (counted from 0) that gives a point, and the second is even.
const NO_KEYS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"nobody","x":"txyhGcPwQGoyYpJcNhrEgq6dpsn5Yl1Q40WrgiCy1fg","y":"YeIzLJq51nf9g0oycdIvWCUF3csFMyY1q22EMPPkDOI"}]}"#;

/// Envoy's message; its own type has no order, and bytes must be the same each time.
#[derive(Clone, PartialEq, prost::Message)]
struct Authentication {
    #[prost(btree_map = "string, message", tag = "1")]
    providers: BTreeMap<String, wire::JwtProvider>,
    #[prost(message, repeated, tag = "2")]
    rules: Vec<wire::RequirementRule>,
    #[prost(bool, tag = "4")]
    bypass_cors_preflight: bool,
}

/// Rules for tokens of a workload.
pub(crate) struct Tokens {
    rules: Vec<JwtRule>,
    /// The objects that it was made from.
    pub(crate) objects: Vec<String>,
}

impl Tokens {
    pub(crate) fn of(
        snapshot: &MeshSnapshot,
        namespace: &str,
        labels: &BTreeMap<String, String>,
    ) -> Self {
        let found = snapshot.config().request_authentications(namespace, labels);
        let mut rules: Vec<JwtRule> =
            found.iter().flat_map(|object| object.spec.jwt_rules.iter().cloned()).collect();
        rules.sort_by(|a, b| a.issuer.cmp(&b.issuer));
        let kind = ("security.istio.io", "request-authentication");
        let objects = found.iter().map(|object| names::object(kind.0, kind.1, &object.meta));
        Self { rules, objects: objects.collect() }
    }

    /// The filter; nothing where no tokens are looked at. `reroutes`: routes may ask for claims, and are looked for behind it again.
    pub(crate) fn http_filter(&self, reroutes: bool) -> Option<HttpFilter> {
        if self.rules.is_empty() {
            return None;
        }
        let named =
            || self.rules.iter().enumerate().map(|(at, rule)| (format!("origins-{at}"), rule));
        let everything = RouteMatch {
            path_specifier: Some(route_match::PathSpecifier::Prefix("/".to_owned())),
            ..RouteMatch::default()
        };
        let needs = named().map(|(name, rule)| needed(name, rule)).collect();
        let requires = wire::requirement_rule::RequirementType::Requires(all_or_one(
            named().map(|(name, _)| provider(name)).collect(),
            needs,
        ));
        let config = Authentication {
            providers: named().map(|(name, rule)| (name, of_rule(rule, reroutes))).collect(),
            rules: vec![wire::RequirementRule {
                r#match: Some(everything),
                requirement_type: Some(requires),
            }],
            bypass_cors_preflight: true,
        };
        let kind = "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication";
        Some(http_filter(FILTER, rbac::any(kind, &config)))
    }
}

fn requirement(kind: RequiresType) -> wire::JwtRequirement {
    wire::JwtRequirement { requires_type: Some(kind) }
}

fn provider(name: String) -> wire::JwtRequirement {
    requirement(RequiresType::ProviderName(name))
}

fn any_of(requirements: Vec<wire::JwtRequirement>) -> wire::JwtRequirement {
    requirement(RequiresType::RequiresAny(wire::JwtRequirementOrList { requirements }))
}

/// A token of the rule, or none where none is required.
fn needed(name: String, rule: &JwtRule) -> wire::JwtRequirement {
    match rule.presence {
        Presence::Required => provider(name),
        Presence::Optional => {
            let missing = requirement(RequiresType::AllowMissing(Default::default()));
            any_of(vec![provider(name), missing])
        }
    }
}

/// A valid token of one rule, or what every rule needs.
fn all_or_one(
    mut one: Vec<wire::JwtRequirement>,
    mut needs: Vec<wire::JwtRequirement>,
) -> wire::JwtRequirement {
    match needs.len() {
        1 => needs.remove(0),
        _ => {
            let all = wire::JwtRequirementAndList { requirements: needs };
            one.push(requirement(RequiresType::RequiresAll(all)));
            any_of(one)
        }
    }
}

fn of_rule(rule: &JwtRule, clear_route_cache: bool) -> wire::JwtProvider {
    let usable = rule.jwks.as_deref().and_then(|text| KeySet::usable(text).ok());
    let keys = usable.unwrap_or_else(|| NO_KEYS.to_owned());
    let keys = DataSource {
        specifier: Some(data_source::Specifier::InlineString(keys)),
        ..DataSource::default()
    };
    let spaced = SPACED.iter().map(|name| (*name).to_owned());
    let header = |name: &str, prefix: &str| wire::JwtHeader {
        name: name.to_owned(),
        value_prefix: prefix.to_owned(),
    };
    let headers = rule.from_headers.iter().map(|from| header(&from.name, &from.prefix));
    let claims = rule.output_claim_to_headers.iter().map(|output| wire::JwtClaimToHeader {
        header_name: output.header.clone(),
        claim_name: output.claim.clone(),
        ..wire::JwtClaimToHeader::default()
    });
    wire::JwtProvider {
        issuer: rule.issuer.clone(),
        audiences: rule.audiences.clone(),
        forward: rule.forward_original_token,
        from_headers: headers.collect(),
        from_params: rule.from_params.clone(),
        from_cookies: rule.from_cookies.clone(),
        forward_payload_header: rule.output_payload_to_header.clone(),
        claim_to_headers: claims.collect(),
        clear_route_cache,
        payload_in_metadata: PAYLOAD.to_owned(),
        normalize_payload_in_metadata: Some(wire::jwt_provider::NormalizePayload {
            space_delimited_claims: spaced.chain(rule.space_delimited_claims.clone()).collect(),
        }),
        jwks_source_specifier: Some(wire::jwt_provider::JwksSourceSpecifier::LocalJwks(keys)),
        ..wire::JwtProvider::default()
    }
}
