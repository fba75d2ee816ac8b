//! Role based access control.
//!
//! In: rules, facts. Out: allowed or denied, and by which policy; with [`trace`] also why no other policy did it.
//! Holds: a condition on a field never holds where there is no request (plain TCP); what cannot be decided does not match.
//! Source of the semantics, texts and details: Envoy's RBAC filter.

use proxy_config::rbac::{Action, Permission, Policy, Principal, Rbac, Rules};
use proxy_config::{ConnectionFacts, RequestFacts};

use crate::Verdict;

mod denial;
mod name;
mod template;
mod trace;
mod words;

pub use denial::denial;
pub use name::RuleName;
pub use trace::{Miss, Tried, nearest, trace};

/// What rules look at.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// The connection.
    pub connection: ConnectionFacts<'a>,
    /// The request; `None` on a connection that is not read as HTTP.
    pub request: Option<&'a dyn RequestFacts>,
}

impl std::fmt::Debug for Facts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Facts").field("connection", &self.connection).finish_non_exhaustive()
    }
}

/// The answer of rules, with the policy that gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision<'a> {
    /// May it pass?
    pub allowed: bool,
    /// The policy that matched.
    pub policy: Option<&'a str>,
}

/// Decides by the enforced rules.
#[must_use]
pub fn decide<'a>(rbac: &'a Rbac, facts: &Facts<'_>) -> Decision<'a> {
    rbac.rules
        .as_ref()
        .map_or(Decision { allowed: true, policy: None }, |rules| judge(rules, facts))
}

/// What the shadow rules would have decided; `None` without such rules.
#[must_use]
pub fn shadow<'a>(rbac: &'a Rbac, facts: &Facts<'_>) -> Option<Decision<'a>> {
    rbac.shadow.as_ref().map(|rules| judge(rules, facts))
}

/// The decision as a verdict on an HTTP request.
#[must_use]
pub fn verdict(decision: Decision<'_>) -> Verdict {
    if decision.allowed {
        return Verdict::Continue;
    }
    let policy = decision.policy.unwrap_or("none");
    Verdict::Respond {
        status: 403,
        body: "RBAC: access denied",
        details: format!("rbac_access_denied_matched_policy[{policy}]"),
    }
}

fn judge<'a>(rules: &'a Rules, facts: &Facts<'_>) -> Decision<'a> {
    let mut candidates = rules.candidates(facts.connection, facts.request);
    let matched = candidates.find(|(_, policy)| matches(policy, facts));
    let policy = matched.map(|(name, _)| &**name);
    let allowed = match rules.action {
        Action::Allow => policy.is_some(),
        Action::Deny => policy.is_none(),
        Action::Log => true,
    };
    Decision { allowed, policy }
}

fn matches(policy: &Policy, facts: &Facts<'_>) -> bool {
    policy.permissions.iter().any(|p| permitted(p, facts))
        && policy.principals.iter().any(|p| is(p, facts))
}

fn permitted(permission: &Permission, facts: &Facts<'_>) -> bool {
    let destination = facts.connection.destination;
    match permission {
        Permission::Any => true,
        Permission::And(all) => all.iter().all(|p| permitted(p, facts)),
        Permission::Or(any) => any.iter().any(|p| permitted(p, facts)),
        Permission::Not(inner) => !permitted(inner, facts),
        Permission::Header(header) => facts.request.is_some_and(|r| header.holds(r)),
        Permission::Path(path) => facts.request.is_some_and(|r| path.matches(r.bare_path())),
        Permission::PathTemplate(text) => {
            facts.request.is_some_and(|r| template::matches(text, r.bare_path()))
        }
        Permission::DestinationIp(range) => range.contains(destination.ip()),
        Permission::DestinationPort(port) => destination.port() == *port,
        Permission::DestinationPorts(first, last) => (*first..=*last).contains(&destination.port()),
        Permission::ServerName(name) => {
            name.matches(facts.connection.server_name.unwrap_or_default())
        }
    }
}

fn is(principal: &Principal, facts: &Facts<'_>) -> bool {
    let connection = &facts.connection;
    match principal {
        Principal::Any => true,
        Principal::And(all) => all.iter().all(|p| is(p, facts)),
        Principal::Or(any) => any.iter().any(|p| is(p, facts)),
        Principal::Not(inner) => !is(inner, facts),
        Principal::Authenticated(None) => connection.peer_verified,
        Principal::Authenticated(Some(name)) => {
            connection.peer_verified && connection.peer_names.iter().any(|n| name.matches(n))
        }
        Principal::DirectRemoteIp(range) => range.contains(connection.direct_remote),
        Principal::RemoteIp(range) => range.contains(connection.remote),
        Principal::Header(header) => facts.request.is_some_and(|r| header.holds(r)),
        Principal::Path(path) => facts.request.is_some_and(|r| path.matches(r.bare_path())),
        Principal::Claim(path, value) => {
            facts.request.is_some_and(|r| value.matches(r.claim(path).as_ref()))
        }
    }
}

#[cfg(test)]
mod tests;
