//! Who asks.

use weft_model::api::authorization_policy::Source;
use weft_proto::envoy::config::rbac::v3::Principal;
use weft_proto::envoy::config::rbac::v3::principal::{Authenticated, Identifier, Set};
use weft_proto::envoy::r#type::matcher::v3::StringMatcher;

use super::{Reading, values};
use crate::claims;
use crate::domains::Domains;

fn principal_of(identifier: Identifier) -> Principal {
    Principal { identifier: Some(identifier) }
}

/// All of them hold; none means anybody.
pub(super) fn all(mut own: Vec<Principal>, more: &[Principal]) -> Principal {
    own.extend(more.iter().cloned());
    match own.len() {
        0 => principal_of(Identifier::Any(true)),
        _ => principal_of(Identifier::AndIds(Set { ids: own })),
    }
}

/// Adds "one of `yes`" and "none of `no`". `None`: a value cannot be read.
pub(super) fn values(
    into: &mut Vec<Principal>,
    yes: &[String],
    no: &[String],
    one: impl Fn(&str) -> Option<Identifier>,
) -> Option<()> {
    let any = |values: &[String]| {
        let ids = values.iter().map(|value| one(value).map(principal_of));
        Some(principal_of(Identifier::OrIds(Set { ids: ids.collect::<Option<_>>()? })))
    };
    if !yes.is_empty() {
        into.push(any(yes)?);
    }
    if !no.is_empty() {
        into.push(principal_of(Identifier::NotId(Box::new(any(no)?))));
    }
    Some(())
}

fn authenticated(name: StringMatcher) -> Option<Identifier> {
    Some(Identifier::Authenticated(Authenticated { principal_name: Some(name) }))
}

/// A principal of the mesh under any name of its trust domain, or another one as it is.
pub(super) fn principal(value: &str, domains: Domains<'_>) -> Option<Identifier> {
    let one = |value: &str| authenticated(values::with_prefix("spiffe://", value));
    let own = value.split_once('/').filter(|(domain, _)| domains.has(domain));
    let Some((_, rest)) = own else { return one(value) };
    let names: Vec<String> = domains.all().map(|domain| format!("{domain}/{rest}")).collect();
    match names.as_slice() {
        [name] => one(name),
        names => {
            let ids = names.iter().map(|name| one(name).map(principal_of));
            Some(Identifier::OrIds(Set { ids: ids.collect::<Option<_>>()? }))
        }
    }
}

pub(super) fn namespace(value: &str) -> Option<Identifier> {
    authenticated(values::pattern(&format!("spiffe://[^/]+/ns/{}/.*", values::escaped(value))))
}

/// `namespace/account`; an account alone is one of the policy's own namespace.
pub(super) fn account(value: &str, reading: Reading<'_>) -> Option<Identifier> {
    let (namespace, account) = value.split_once('/').unwrap_or((reading.namespace, value));
    let (namespace, account) = (values::escaped(namespace), values::escaped(account));
    authenticated(values::pattern(&format!("spiffe://[^/]+/ns/{namespace}/sa/{account}")))
}

pub(super) fn trust_domain(value: &str) -> Option<Identifier> {
    authenticated(values::pattern(&format!("spiffe://{}/.*", values::escaped(value))))
}

pub(super) fn direct_ip(value: &str) -> Option<Identifier> {
    values::range(value).map(Identifier::DirectRemoteIp)
}

pub(super) fn remote_ip(value: &str) -> Option<Identifier> {
    values::range(value).map(Identifier::RemoteIp)
}

/// The conditions of a source; `None` when it can match nobody here.
pub(super) fn of(source: &Source, reading: Reading<'_>) -> Option<Vec<Principal>> {
    let mut found = Vec::new();
    let s = source;
    let domains = reading.domains;
    let token = |value: &str| claims::principal(value).filter(|_| reading.http);
    let added = [
        values(&mut found, &s.principals, &s.not_principals, |v| principal(v, domains)),
        values(&mut found, &s.namespaces, &s.not_namespaces, namespace),
        values(&mut found, &s.service_accounts, &s.not_service_accounts, |v| account(v, reading)),
        values(&mut found, &s.trust_domains, &s.not_trust_domains, trust_domain),
        values(&mut found, &s.ip_blocks, &s.not_ip_blocks, direct_ip),
        values(&mut found, &s.remote_ip_blocks, &s.not_remote_ip_blocks, remote_ip),
        values(&mut found, &s.request_principals, &s.not_request_principals, token),
    ];
    let readable = added.iter().all(Option::is_some);
    (readable || reading.deny).then_some(found)
}
