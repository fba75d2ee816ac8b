//! Values of policies as matchers: exact, `*` (present), `prefix*`, `*suffix`; and conditions of `when`.

use weft_model::api::authorization_policy::Condition;
use weft_proto::envoy::config::core::v3::CidrRange;
use weft_proto::envoy::config::rbac::v3::{Permission, Principal, permission, principal};
use weft_proto::envoy::config::route::v3::{HeaderMatcher, header_matcher::HeaderMatchSpecifier};
use weft_proto::envoy::r#type::matcher::v3::{
    RegexMatcher, StringMatcher, string_matcher::MatchPattern,
};

use super::{Reading, operation, source};
use crate::{claims, wire};

pub(crate) fn text(value: &str) -> StringMatcher {
    with_prefix("", value)
}

/// The value with `prefix` in front of it; a leading wildcard keeps its place.
pub(super) fn with_prefix(prefix: &str, value: &str) -> StringMatcher {
    let pattern = match (value.strip_prefix('*'), value.strip_suffix('*')) {
        _ if value == "*" => regex(".+"),
        (Some(suffix), _) => MatchPattern::Suffix(suffix.to_owned()),
        (None, Some(start)) => MatchPattern::Prefix(format!("{prefix}{start}")),
        (None, None) => MatchPattern::Exact(format!("{prefix}{value}")),
    };
    StringMatcher { match_pattern: Some(pattern), ignore_case: false }
}

fn regex(pattern: &str) -> MatchPattern {
    MatchPattern::SafeRegex(RegexMatcher { regex: pattern.to_owned(), ..RegexMatcher::default() })
}

/// A whole-text pattern.
pub(super) fn pattern(pattern: &str) -> StringMatcher {
    StringMatcher { match_pattern: Some(regex(pattern)), ignore_case: false }
}

/// A value as part of a pattern: its wildcards stand for any characters.
pub(super) fn escaped(value: &str) -> String {
    let mut out = String::new();
    for c in value.chars() {
        match c {
            '*' => out.push_str(".*"),
            c if c.is_alphanumeric() || "-_/:".contains(c) => out.push(c),
            c => {
                out.push('\\');
                out.push(c);
            }
        }
    }
    out
}

pub(super) fn header(name: &str, value: &str, ignore_case: bool) -> HeaderMatcher {
    let specifier = if value == "*" {
        HeaderMatchSpecifier::PresentMatch(true)
    } else {
        HeaderMatchSpecifier::StringMatch(StringMatcher { ignore_case, ..text(value) })
    };
    HeaderMatcher {
        name: name.to_owned(),
        header_match_specifier: Some(specifier),
        ..HeaderMatcher::default()
    }
}

/// An address or a range; `None` when it is neither.
pub(super) fn range(text: &str) -> Option<CidrRange> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, length.parse().ok()?),
        None => (text, if text.contains(':') { 128 } else { 32 }),
    };
    address.parse::<std::net::IpAddr>().ok()?;
    Some(CidrRange { address_prefix: address.to_owned(), prefix_len: wire::number(length) })
}

/// Conditions of a rule.
#[derive(Default)]
pub(super) struct Conditions {
    pub(super) permissions: Vec<Permission>,
    pub(super) principals: Vec<Principal>,
}

impl Conditions {
    /// `None`: the rule matches nothing here.
    pub(super) fn of(when: &[Condition], reading: Reading<'_>) -> Option<Self> {
        let mut found = Self::default();
        for condition in when {
            let Condition { key, values, not_values } = condition;
            match found.add(key, values, not_values, reading) {
                Some(()) => {}
                None if reading.deny => {}
                None => return None,
            }
        }
        Some(found)
    }

    fn add(
        &mut self,
        key: &str,
        yes: &[String],
        no: &[String],
        reading: Reading<'_>,
    ) -> Option<()> {
        if let Some(name) = key.strip_prefix("request.headers[") {
            let name = name.strip_suffix(']').filter(|_| reading.http)?;
            let one = |v: &str| Some(principal::Identifier::Header(header(name, v, false)));
            return source::values(&mut self.principals, yes, no, one);
        }
        if let Some(path) = key.strip_prefix("request.auth.claims") {
            let path = claims::path(path).filter(|_| reading.http)?;
            return source::values(&mut self.principals, yes, no, |v| claims::listed(&path, v));
        }
        let of_token = match key {
            "request.auth.audiences" => Some("aud"),
            "request.auth.presenter" => Some("azp"),
            _ => None,
        };
        if let Some(claim) = of_token {
            Some(()).filter(|()| reading.http)?;
            return source::values(&mut self.principals, yes, no, |v| claims::listed(&[claim], v));
        }
        let domains = reading.domains;
        match key {
            "request.auth.principal" => source::values(&mut self.principals, yes, no, |v| {
                claims::principal(v).filter(|_| reading.http)
            }),
            "source.ip" => source::values(&mut self.principals, yes, no, source::direct_ip),
            "remote.ip" => source::values(&mut self.principals, yes, no, source::remote_ip),
            "source.namespace" => source::values(&mut self.principals, yes, no, source::namespace),
            "source.principal" => {
                source::values(&mut self.principals, yes, no, |v| source::principal(v, domains))
            }
            "source.serviceAccount" => {
                source::values(&mut self.principals, yes, no, |v| source::account(v, reading))
            }
            "source.trustDomain" => {
                source::values(&mut self.principals, yes, no, source::trust_domain)
            }
            "destination.port" => {
                operation::values(&mut self.permissions, yes, no, operation::port)
            }
            "destination.ip" => operation::values(&mut self.permissions, yes, no, operation::ip),
            "connection.sni" => operation::values(&mut self.permissions, yes, no, |v| {
                Some(permission::Rule::RequestedServerName(text(v)))
            }),
            _ => None,
        }
    }
}
