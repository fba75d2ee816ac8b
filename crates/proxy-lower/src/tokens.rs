//! Tokens of users.
//! In: Envoy's JWT authentication. Out: ours. Holds: a provider without usable keys stays, and believes no token.

use std::collections::BTreeMap;
use std::sync::Arc;

use proxy_config::tokens::{Need, Place, Provider, Tokens};
use weft_proto::envoy::config::core::v3::data_source::Specifier;
use weft_proto::envoy::config::route::v3::route_match::PathSpecifier;
use weft_proto::envoy::extensions::filters::http::jwt_authn::v3 as wire;
use weft_token::KeySet;
use wire::jwt_provider::JwksSourceSpecifier;
use wire::jwt_requirement::RequiresType;
use wire::requirement_rule::RequirementType;

use crate::Lowered;
use crate::known::{Rejected, only};

/// Where a token stands when nothing is said (RFC 6750).
const BEARER: (&str, &str) = ("authorization", "Bearer ");
const PARAM: &str = "access_token";
/// Whose metadata has the claims, and under which name.
pub(crate) const FILTER: &str = "envoy.filters.http.jwt_authn";
pub(crate) const PAYLOAD: &str = "payload";

pub(crate) fn lower(config: &wire::JwtAuthentication) -> Lowered<Tokens> {
    only!(config, providers, rules, bypass_cors_preflight)?;
    let ordered: BTreeMap<&str, &wire::JwtProvider> =
        config.providers.iter().map(|(name, provider)| (name.as_str(), provider)).collect();
    let names: Vec<&str> = ordered.keys().copied().collect();
    let providers = ordered.iter().map(|(name, wire)| {
        provider(wire).map_err(|error| error.within(format!("providers[{name}]")))
    });
    Ok(Tokens {
        providers: providers.collect::<Lowered<_>>()?,
        needs: needs(&config.rules, &names).map_err(|error| error.within("rules"))?,
        passes_preflight: config.bypass_cors_preflight,
        reroutes: config.providers.values().any(|provider| provider.clear_route_cache),
    })
}

/// One rule for every request, as Istio writes it.
fn needs(rules: &[wire::RequirementRule], names: &[&str]) -> Lowered<Need> {
    let [rule] = rules else {
        return match rules {
            [] => Ok(Need::Nothing),
            _ => Err(Rejected::new("", "must be one rule for all requests")),
        };
    };
    let path = rule.r#match.as_ref().and_then(|matched| matched.path_specifier.as_ref());
    if !matches!(path, Some(PathSpecifier::Prefix(prefix)) if prefix == "/") {
        return Err(Rejected::new("match", "must be the prefix /"));
    }
    match rule.requirement_type.as_ref() {
        None => Ok(Need::Nothing),
        Some(RequirementType::Requires(requirement)) => need(requirement, names),
        Some(_) => Err(Rejected::new("requirement_type", "must be requires")),
    }
}

fn need(wire: &wire::JwtRequirement, names: &[&str]) -> Lowered<Need> {
    let all = |list: &[wire::JwtRequirement]| {
        list.iter().map(|one| need(one, names)).collect::<Lowered<Vec<Need>>>()
    };
    match wire.requires_type.as_ref() {
        Some(RequiresType::ProviderName(name)) => names
            .iter()
            .position(|known| known == name)
            .map(Need::Provider)
            .ok_or_else(|| Rejected::new("provider_name", format!("{name} is no provider"))),
        Some(RequiresType::RequiresAny(list)) => Ok(Need::Any(all(&list.requirements)?)),
        Some(RequiresType::RequiresAll(list)) => Ok(Need::All(all(&list.requirements)?)),
        Some(RequiresType::AllowMissing(_)) => Ok(Need::Missing),
        None => Ok(Need::Nothing),
        Some(_) => Err(Rejected::new("requires_type", "is not known")),
    }
}

fn provider(wire: &wire::JwtProvider) -> Lowered<Provider> {
    only!(
        wire,
        issuer,
        audiences,
        forward,
        from_headers,
        from_params,
        from_cookies,
        forward_payload_header,
        payload_in_metadata,
        normalize_payload_in_metadata,
        claim_to_headers,
        clear_route_cache,
        jwks_source_specifier,
    )?;
    if wire.payload_in_metadata != PAYLOAD {
        return Err(Rejected::new("payload_in_metadata", format!("must be {PAYLOAD}")));
    }
    let Some(JwksSourceSpecifier::LocalJwks(source)) = wire.jwks_source_specifier.as_ref() else {
        return Err(Rejected::new("jwks_source_specifier", "must be local_jwks"));
    };
    let Some(Specifier::InlineString(text)) = source.specifier.as_ref() else {
        return Err(Rejected::new("local_jwks", "must be inline_string"));
    };
    let claims = wire.claim_to_headers.iter().map(|output| {
        let path = output.claim_name.split('.').map(Arc::from).collect();
        (Arc::from(output.header_name.to_ascii_lowercase()), path)
    });
    let spaced = wire.normalize_payload_in_metadata.as_ref();
    let payload = wire.forward_payload_header.to_ascii_lowercase();
    Ok(Provider {
        issuer: wire.issuer.clone(),
        audiences: wire.audiences.clone(),
        keys: KeySet::read(text).ok(),
        places: places(wire),
        forward: wire.forward,
        payload_field: (!payload.is_empty()).then(|| payload.into()),
        claim_fields: claims.collect(),
        spaced: spaced.iter().flat_map(|one| one.space_delimited_claims.clone()).collect(),
    })
}

fn places(wire: &wire::JwtProvider) -> Vec<Place> {
    let headers = wire.from_headers.iter().map(|from| Place::Header {
        name: from.name.to_ascii_lowercase().into(),
        prefix: from.value_prefix.as_str().into(),
    });
    let params = wire.from_params.iter().map(|name| Place::Param(name.as_str().into()));
    let cookies = wire.from_cookies.iter().map(|name| Place::Cookie(name.as_str().into()));
    let found: Vec<Place> = headers.chain(params).chain(cookies).collect();
    if !found.is_empty() {
        return found;
    }
    let (name, prefix) = BEARER;
    vec![Place::Header { name: name.into(), prefix: prefix.into() }, Place::Param(PARAM.into())]
}
