//! What is decided elsewhere, or only tried out.
//!
//! In: rules that are only watched, filters that ask. Out: steps; nobody is asked by an explanation.
//! Holds: what a provider would answer is not known; it is taken for yes unless the call supposes a no.

use std::net::SocketAddr;
use std::sync::Arc;

use proxy_config::ext_authz::ExtAuthz;
use proxy_config::rbac::{Action, Rbac};
use proxy_filter::ext_authz::{Note, asks};
use proxy_filter::rbac::RuleName;

use crate::Outcome;
use crate::facts::Request;
use crate::walk::Walk;

/// How the findings of rules that are tried out begin.
const TRIED: &str = "istio_dry_run_";

impl Walk<'_> {
    /// Tells what rules that are only watched find.
    pub(crate) fn watched(&mut self, rules: &Rbac, to: SocketAddr, request: Option<&Request<'_>>) {
        let Some(watched) = &rules.shadow else { return };
        let dry = rules.shadow_prefix.starts_with(TRIED);
        let (decision, tried) = self.judged(watched, to, request);
        self.considered(watched, &tried, request.is_some(), dry);
        if let Some(policy) = decision.policy {
            self.notes.push((Arc::clone(&rules.shadow_prefix), policy.to_owned()));
        }
        if !dry {
            return;
        }
        let why = match (watched.action, decision.policy) {
            (Action::Deny, Some(rule)) => format!("would deny: {}", RuleName::read(rule)),
            (Action::Deny, None) => "would not deny it".to_owned(),
            (Action::Allow | Action::Log, Some(rule)) => {
                format!("would allow: {}", RuleName::read(rule))
            }
            (Action::Allow | Action::Log, None) => "would deny: none of them allows it".to_owned(),
        };
        self.step("policy", format!("what is tried out (dry run) {why}"));
    }

    /// Tells of a question to a provider; false when the call supposes that the answer is no.
    pub(crate) fn asked(&mut self, filter: &ExtAuthz, request: Option<&Request<'_>>) -> bool {
        let notes = self.notes.iter().map(|(prefix, policy)| Note { prefix, policy });
        if !asks(filter, &notes.collect::<Vec<_>>()) {
            return true;
        }
        let provider = self.notes.iter().rev().find_map(|(_, policy)| provider(policy));
        let provider = provider.unwrap_or(filter.service.cluster()).to_owned();
        match self.call.custom {
            None => {
                let fails = if filter.fail_open { "pass" } else { "are refused" };
                let why = format!(
                    "provider {provider} is asked, and decides; without an answer, calls {fails}"
                );
                self.step("policy", why);
            }
            Some(true) => {
                self.step("policy", format!("provider {provider} is supposed to allow it"));
            }
            Some(false) => {
                self.answer.status = request.map(|_| 403);
                let why = format!("provider {provider} is supposed to deny it");
                self.end(Outcome::Denied, "policy", why);
            }
        }
        self.call.custom != Some(false)
    }
}

/// The provider that the name of a rule names.
fn provider(rule: &str) -> Option<&str> {
    let named = rule.strip_prefix("istio-ext-authz-")?;
    named.get(..named.rfind("-ns[")?)
}
