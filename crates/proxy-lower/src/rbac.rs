//! Access control.
//! In: Envoy's RBAC rules. Out: ours. Holds: a condition that is not known refuses the resource; it is never left out.

use std::sync::Arc;

use proxy_config::claim::ClaimMatch;
use proxy_config::rbac::{Action, Permission, Policy, Principal, Rbac, Rules};
use weft_proto::envoy::config::rbac::v3 as wire;
use weft_proto::envoy::extensions::filters::http::rbac::v3 as http;
use weft_proto::envoy::extensions::filters::network::rbac::v3 as network;
use weft_proto::envoy::r#type::matcher::v3::MetadataMatcher;

use crate::Lowered;
use crate::known::{Rejected, only};
use crate::{claim, matcher, wrap};

pub(crate) fn http(config: &http::Rbac) -> Lowered<Rbac> {
    only!(config, rules, shadow_rules, shadow_rules_stat_prefix, rules_stat_prefix)?;
    build(config.rules.as_ref(), config.shadow_rules.as_ref(), &config.shadow_rules_stat_prefix)
}

pub(crate) fn network(config: &network::Rbac) -> Lowered<Rbac> {
    only!(config, rules, shadow_rules, shadow_rules_stat_prefix, stat_prefix)?;
    build(config.rules.as_ref(), config.shadow_rules.as_ref(), &config.shadow_rules_stat_prefix)
}

fn build(
    enforced: Option<&wire::Rbac>,
    shadow: Option<&wire::Rbac>,
    prefix: &str,
) -> Lowered<Rbac> {
    Ok(Rbac {
        rules: enforced.map(rules).transpose().map_err(|e| e.within("rules"))?,
        shadow: shadow.map(rules).transpose().map_err(|e| e.within("shadow_rules"))?,
        shadow_prefix: prefix.into(),
    })
}

fn rules(wire: &wire::Rbac) -> Lowered<Rules> {
    only!(wire, action, policies)?;
    let action = match wire.action() {
        wire::rbac::Action::Allow => Action::Allow,
        wire::rbac::Action::Deny => Action::Deny,
        wire::rbac::Action::Log => Action::Log,
    };
    let mut policies: Vec<(Arc<str>, Policy)> = Vec::new();
    for (name, wire) in &wire.policies {
        let policy = policy(wire).map_err(|e| e.within(format!("policies[{name}]")))?;
        policies.push((Arc::from(name.as_str()), policy));
    }
    policies.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(Rules::new(action, policies))
}

fn policy(wire: &wire::Policy) -> Lowered<Policy> {
    only!(wire, permissions, principals)?;
    Ok(Policy {
        permissions: all(&wire.permissions, permission).map_err(|e| e.within("permissions"))?,
        principals: all(&wire.principals, principal).map_err(|e| e.within("principals"))?,
    })
}

fn all<W, T>(wire: &[W], one: impl Fn(&W) -> Lowered<T>) -> Lowered<Vec<T>> {
    wire.iter().map(one).collect()
}

fn unknown() -> Rejected {
    Rejected::new("rule", "is missing or of a kind that weft-proxy does not know")
}

fn permission(wire: &wire::Permission) -> Lowered<Permission> {
    use wire::permission::Rule;
    Ok(match wire.rule.as_ref().ok_or_else(unknown)? {
        Rule::Any(true) => Permission::Any,
        Rule::AndRules(set) => Permission::And(all(&set.rules, permission)?),
        Rule::OrRules(set) => Permission::Or(all(&set.rules, permission)?),
        Rule::NotRule(inner) => Permission::Not(Box::new(permission(inner)?)),
        Rule::Header(header) => Permission::Header(matcher::header(header)?),
        Rule::UrlPath(path) => Permission::Path(matcher::path(path)?),
        Rule::UriTemplate(config) => template(config)?,
        Rule::DestinationIp(range) => Permission::DestinationIp(wrap::range(range)?),
        Rule::DestinationPort(port) => Permission::DestinationPort(self::port(*port)?),
        Rule::DestinationPortRange(range) => {
            // Envoy's range excludes its end.
            let last = range.end.checked_sub(1).ok_or_else(unknown)?;
            let first = u16::try_from(range.start)
                .map_err(|error| Rejected::new("port", error.to_string()))?;
            let last =
                u16::try_from(last).map_err(|error| Rejected::new("port", error.to_string()))?;
            Permission::DestinationPorts(first, last)
        }
        Rule::RequestedServerName(name) => Permission::ServerName(matcher::text(name)?),
        _ => return Err(unknown()),
    })
}

fn template(
    config: &weft_proto::envoy::config::core::v3::TypedExtensionConfig,
) -> Lowered<Permission> {
    use weft_proto::envoy::extensions::path::r#match::uri_template::v3::UriTemplateMatchConfig;
    let any = config.typed_config.as_ref().ok_or_else(unknown)?;
    let template: UriTemplateMatchConfig = crate::any::open(any)?;
    // Envoy writes `*` and `**` where Istio's policies write `{*}` and `{**}`.
    let segments = template.path_template.split('/').map(|segment| match segment {
        "*" => "{*}",
        "**" => "{**}",
        other => other,
    });
    Ok(Permission::PathTemplate(segments.collect::<Vec<_>>().join("/").into()))
}

fn port(port: u32) -> Lowered<u16> {
    u16::try_from(port).map_err(|error| Rejected::new("destination_port", error.to_string()))
}

fn principal(wire: &wire::Principal) -> Lowered<Principal> {
    use wire::principal::Identifier;
    #[expect(deprecated, reason = "older control planes still send source_ip")]
    Ok(match wire.identifier.as_ref().ok_or_else(unknown)? {
        Identifier::Any(true) => Principal::Any,
        Identifier::AndIds(set) => Principal::And(all(&set.ids, principal)?),
        Identifier::OrIds(set) => Principal::Or(all(&set.ids, principal)?),
        Identifier::NotId(inner) => Principal::Not(Box::new(principal(inner)?)),
        Identifier::Authenticated(name) => {
            let name = name.principal_name.as_ref().map(matcher::text).transpose()?;
            Principal::Authenticated(name)
        }
        Identifier::SourceIp(range) | Identifier::DirectRemoteIp(range) => {
            Principal::DirectRemoteIp(wrap::range(range)?)
        }
        Identifier::RemoteIp(range) => Principal::RemoteIp(wrap::range(range)?),
        Identifier::Header(header) => Principal::Header(matcher::header(header)?),
        Identifier::UrlPath(path) => Principal::Path(matcher::path(path)?),
        Identifier::Metadata(metadata) => claim(metadata)?,
        _ => return Err(unknown()),
    })
}

fn claim(wire: &MetadataMatcher) -> Lowered<Principal> {
    let ClaimMatch { path, value, invert } = claim::lower(wire)?;
    let claim = Principal::Claim(path, value);
    Ok(if invert { Principal::Not(Box::new(claim)) } else { claim })
}
