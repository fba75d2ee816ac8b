//! What is told of a call that rules did not let pass.
//!
//! In: a decision, and who is to hear of it. Out: the rule, and where somebody is to hear it, why in a line.
//! Holds: the client hears no more than Envoy tells unless its own line was asked for; a call that passes costs nothing here.

use proxy_config::rbac::Rbac;
use proxy_filter::rbac::{self, Decision, Facts, RuleName};
use weft_telemetry::Denied;

/// Who hears why rules did not let a call pass, besides the counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TellDenials {
    /// The access log.
    pub log: bool,
    /// The client, in the body of the answer.
    pub body: bool,
}

/// Which rule did not let a call pass.
#[derive(Debug, Clone)]
pub(crate) struct Denial {
    rule: Option<RuleName>,
    /// In a line; where nobody is to hear it there is none.
    pub(crate) why: Option<String>,
}

impl Denial {
    /// Of a decision that does not let pass.
    pub(crate) fn of(
        rules: &Rbac,
        decision: Decision<'_>,
        facts: &Facts<'_>,
        tell: TellDenials,
    ) -> Self {
        let heard = rules.rules.as_ref().filter(|_| tell.log || tell.body);
        let why = heard.map(|rules| rbac::denial(rules, facts));
        Self { rule: decision.policy.map(RuleName::read), why }
    }

    /// For metrics and logs.
    pub(crate) fn told(&self, tell: TellDenials) -> Denied<'_> {
        let rule = self.rule.as_ref();
        Denied {
            policy: rule.map(|rule| rule.policy.as_str()),
            rule: rule.and_then(|rule| rule.rule),
            why: self.why.as_deref().filter(|_| tell.log),
        }
    }
}
