//! Why rules answer as they do: every policy that was looked at, and what of it does not hold.
//!
//! In: rules, facts. Out: [`Tried`] policies, each with the conditions that failed in the alternative that came nearest.
//! Holds: a policy has no [`Miss`] exactly when it matches; `permitted` and `is` of the decision judge every condition.
//! Never: runs for a request that nobody asks about, so that a decision pays nothing for it.

use proxy_config::rbac::{Permission, Policy, Principal, Rules};

use super::doubt::Doubt;
use super::{Decision, Facts, is, judge, permitted, words};

/// A policy that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried<'a> {
    /// Its name.
    pub policy: &'a str,
    /// What failed; empty for the policy that matched.
    pub misses: Vec<Miss>,
}

impl Tried<'_> {
    /// Whether the policy matches.
    #[must_use]
    pub fn matched(&self) -> bool {
        self.misses.is_empty()
    }

    /// Fewer conditions that failed are nearer; of equals the one that means the caller.
    fn distance(&self) -> (usize, bool) {
        (self.misses.len(), self.misses.iter().any(Miss::means_another_caller))
    }
}

/// A condition that does not hold, in the words of Istio's AuthorizationPolicy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Miss {
    /// The field that asks, such as `to.operation.methods`.
    pub field: String,
    /// What the call has.
    pub found: String,
    /// What the field lists.
    pub wanted: Vec<String>,
    /// The field lists what must not be.
    pub negated: bool,
}

impl Miss {
    /// The caller's identity is not the one that is asked for; its address may change from one minute to the next.
    fn means_another_caller(&self) -> bool {
        self.field.starts_with("from.source.") && !self.field.ends_with("Blocks")
    }
}

impl std::fmt::Display for Miss {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { field, found, wanted, negated } = self;
        let is = if *negated { "is" } else { "is not" };
        match wanted.as_slice() {
            [] => write!(f, "{field}: {found} {is} among none"),
            [one] => write!(f, "{field}: {found} {is} {one}"),
            many => write!(f, "{field}: {found} {is} one of {}", many.join(", ")),
        }
    }
}

/// The decision, and the policies that were looked at for it: all, or those up to the one that matched.
#[must_use]
pub fn trace<'a>(rules: &'a Rules, facts: &Facts<'_>) -> (Decision<'a>, Vec<Tried<'a>>) {
    let decision = judge(rules, facts);
    let doubt = Doubt::of(rules.action);
    let mut tried = Vec::new();
    for (name, policy) in rules.policies() {
        tried.push(Tried { policy: name, misses: missed(policy, facts, doubt) });
        if decision.policy == Some(name) {
            break;
        }
    }
    (decision, tried)
}

/// The policy that came nearest to matching; the first of equals.
#[must_use]
pub fn nearest<'t, 'a>(tried: &'t [Tried<'a>]) -> Option<&'t Tried<'a>> {
    tried.iter().filter(|one| !one.matched()).min_by_key(|one| one.distance())
}

fn missed(policy: &Policy, facts: &Facts<'_>, doubt: Doubt) -> Vec<Miss> {
    let asked = policy.permissions.iter().map(Condition::Asked);
    let asker = policy.principals.iter().map(Condition::Asker);
    let mut misses = of_any(asker, facts, doubt);
    misses.extend(of_any(asked, facts, doubt));
    misses
}

/// What the alternative that came nearest misses.
fn of_any<'a>(
    all: impl Iterator<Item = Condition<'a>>,
    facts: &Facts<'_>,
    doubt: Doubt,
) -> Vec<Miss> {
    let nearest = all.map(|one| one.misses(facts, doubt)).min_by_key(Vec::len);
    nearest.unwrap_or_else(|| vec![words::nothing()])
}

/// A condition on what is asked for, or on who asks.
#[derive(Debug, Clone, Copy)]
pub(super) enum Condition<'a> {
    Asked(&'a Permission),
    Asker(&'a Principal),
}

/// What a condition is made of.
enum Parts<'a> {
    All(Vec<Condition<'a>>),
    Any(Vec<Condition<'a>>),
    Not(Condition<'a>),
    One,
}

impl<'a> Condition<'a> {
    fn holds(self, facts: &Facts<'_>, doubt: Doubt) -> bool {
        match self {
            Self::Asked(permission) => permitted(permission, facts, doubt),
            Self::Asker(principal) => is(principal, facts, doubt),
        }
    }

    fn parts(self) -> Parts<'a> {
        match self {
            Self::Asked(Permission::And(all)) => Parts::All(all.iter().map(Self::Asked).collect()),
            Self::Asker(Principal::And(all)) => Parts::All(all.iter().map(Self::Asker).collect()),
            Self::Asked(Permission::Or(any)) => Parts::Any(any.iter().map(Self::Asked).collect()),
            Self::Asker(Principal::Or(any)) => Parts::Any(any.iter().map(Self::Asker).collect()),
            Self::Asked(Permission::Not(inner)) => Parts::Not(Self::Asked(inner)),
            Self::Asker(Principal::Not(inner)) => Parts::Not(Self::Asker(inner)),
            Self::Asked(_) | Self::Asker(_) => Parts::One,
        }
    }

    /// Conditions of which one must hold; `None` when it is made of more than that.
    fn values(self) -> Option<Vec<Self>> {
        match self.parts() {
            Parts::One => Some(vec![self]),
            Parts::Any(any) => {
                let lists = any.into_iter().map(Self::values).collect::<Option<Vec<_>>>();
                lists.map(|lists| lists.concat())
            }
            Parts::All(_) | Parts::Not(_) => None,
        }
    }

    fn misses(self, facts: &Facts<'_>, doubt: Doubt) -> Vec<Miss> {
        if self.holds(facts, doubt) {
            return Vec::new();
        }
        match (self.parts(), self.values()) {
            (Parts::All(all), _) => {
                all.into_iter().flat_map(|one| one.misses(facts, doubt)).collect()
            }
            (_, Some(values)) => vec![words::told(&values, facts, false)],
            (Parts::Any(any), None) => of_any(any.into_iter(), facts, doubt),
            (Parts::Not(inner), None) => {
                let values = inner.values().unwrap_or_default();
                vec![words::told(&values, facts, true)]
            }
            (Parts::One, None) => vec![words::nothing()],
        }
    }
}
