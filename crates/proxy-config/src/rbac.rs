//! Role based access control as it was configured.
//! In: nothing. Out: types. Source of the semantics: Envoy's RBAC v3.

use std::sync::Arc;

use crate::claim::ClaimValue;
use crate::matcher::{AddressRange, StringMatcher};
use crate::route::HeaderMatch;
use crate::{ConnectionFacts, RequestFacts};

mod index;

use index::Index;

/// Rules that are enforced and rules that are only counted.
#[derive(Debug, Clone, Default)]
pub struct Rbac {
    /// Enforced; `None` lets everything pass.
    pub rules: Option<Rules>,
    /// Counted only (dry run).
    pub shadow: Option<Rules>,
    /// Prefix of the shadow's statistics.
    pub shadow_prefix: Arc<str>,
}

/// An action and the policies that trigger it.
#[derive(Clone)]
pub struct Rules {
    /// What a matching policy means.
    pub action: Action,
    policies: Vec<(Arc<str>, Policy)>,
    index: Option<Index>,
}

impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The index says the same once more.
        let Self { action, policies, index: _ } = self;
        f.debug_struct("Rules").field("action", action).field("policies", policies).finish()
    }
}

impl Rules {
    /// Rules of policies by name.
    #[must_use]
    pub fn new(action: Action, policies: Vec<(Arc<str>, Policy)>) -> Self {
        Self { action, index: Index::of(&policies), policies }
    }

    /// Policies by name; the first that matches counts.
    #[must_use]
    pub fn policies(&self) -> &[(Arc<str>, Policy)] {
        &self.policies
    }

    /// Those of the policies that may match, in their order: none that is left out does.
    pub fn candidates<'a>(
        &'a self,
        connection: ConnectionFacts<'_>,
        request: Option<&dyn RequestFacts>,
    ) -> impl Iterator<Item = &'a (Arc<str>, Policy)> + use<'a> {
        let chosen = self.index.as_ref().map(|index| index.candidates(connection, request));
        let all = if chosen.is_none() { self.policies.len() } else { 0 };
        chosen.into_iter().flatten().chain(0..all).filter_map(|number| self.policies.get(number))
    }
}

/// What a matching policy means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Passes; without a match the request is denied.
    Allow,
    /// Denied; without a match it passes.
    Deny,
    /// Passes, and is marked for logging.
    Log,
}

/// Matches when one permission and one principal match.
#[derive(Debug, Clone)]
pub struct Policy {
    /// What is asked for.
    pub permissions: Vec<Permission>,
    /// Who asks.
    pub principals: Vec<Principal>,
}

/// A condition on what is asked for.
#[derive(Debug, Clone)]
pub enum Permission {
    /// Holds always.
    Any,
    /// All hold.
    And(Vec<Permission>),
    /// One holds.
    Or(Vec<Permission>),
    /// Does not hold.
    Not(Box<Permission>),
    /// A request field or pseudo-header (HTTP only; never holds on a plain connection).
    Header(HeaderMatch),
    /// The path without query (HTTP only).
    Path(StringMatcher),
    /// The path by a template such as `/a/{*}/b/{**}` (HTTP only).
    PathTemplate(Arc<str>),
    /// Destination address.
    DestinationIp(AddressRange),
    /// Destination port.
    DestinationPort(u16),
    /// Destination port, first and last inclusive.
    DestinationPorts(u16, u16),
    /// SNI.
    ServerName(StringMatcher),
}

/// A condition on who asks.
#[derive(Debug, Clone)]
pub enum Principal {
    /// Holds always.
    Any,
    /// All hold.
    And(Vec<Principal>),
    /// One holds.
    Or(Vec<Principal>),
    /// Does not hold.
    Not(Box<Principal>),
    /// A name in a verified client certificate; `None` means any verified one.
    Authenticated(Option<StringMatcher>),
    /// Address of the connection's other end.
    DirectRemoteIp(AddressRange),
    /// Address of the client, by `x-forwarded-for` where trusted.
    RemoteIp(AddressRange),
    /// A request field or pseudo-header (HTTP only).
    Header(HeaderMatch),
    /// The path without query (HTTP only).
    Path(StringMatcher),
    /// A claim of a verified token, by its path (dynamic metadata of the JWT filter); never holds without one.
    Claim(Vec<Arc<str>>, ClaimValue),
}
